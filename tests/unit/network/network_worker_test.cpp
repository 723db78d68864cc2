// Two network workers over real loopback sockets; the other workers of their nodes are played.
#include <gtest/gtest.h>

#include "ipc-schema/network_generated.h"
#include "tests/unit/network/fake_node.h"
#include "workers/network/wire.h"

namespace warren::network {
namespace {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;

const CommunityId community = protocol::directory_community();
constexpr Nanoseconds patience = 20_s;

Bytes make_record(FakeNode& node, GlobalTime time, std::size_t payload_bytes) {
    Bytes payload(payload_bytes, static_cast<std::uint8_t>(time));
    protocol::RecordDraft draft{
        community, protocol::RecordKind::Torrent, node.outbox().key, time, {}, payload};
    return sim::signed_packet(protocol::encode_unsigned(draft));
}

struct TwoNodes : testing::Test {
    pipe::asio::io_context io;
    FakeNode a{io, 1, {}};
    FakeNode b{io, 2, {a.address().text()}};

    TwoNodes() {
        for (auto* node : {&a, &b})
            node->outbox().stores.try_emplace(community, community);
    }
    sim::MemoryStore& store(FakeNode& node) { return node.outbox().stores.at(community); }
    bool wait(const std::function<bool()>& condition) { return run_until(io, patience, condition); }
};

TEST_F(TwoNodes, sync_then_push_then_swarm) {
    a.outbox().failures_to_come = 2;  // sign and storage may start later than we do
    for (GlobalTime time = 1; time <= 300; ++time)
        store(a).add(make_record(a, time, time % 40 == 0 ? 4000 : 100));
    a.start();
    b.start();
    ASSERT_TRUE(wait([&] { return store(b).size() == 300; })) << store(b).size();

    // What storage tells to push arrives without waiting for the next reconciliation.
    auto record = make_record(a, 301, 100);
    store(a).add(record);
    Builder builder;
    const auto id = to_wire(community);
    const auto sizes = builder.CreateVector(pack({record}).sizes);
    auto push = request<N::Request>(builder, N::Inbox::PushRecords,
                                    N::CreatePushRecords(builder, &id, sizes));
    push.blobs.emplace_back(Bytes(record));
    auto pushed = a.request(std::move(push));
    ASSERT_TRUE(pushed.message);
    const auto* reply = pipe::verified_root<N::Answer>(pushed.message->body);
    EXPECT_EQ(reply->body_as_PushRecordsReply()->peers(), 1U);
    ASSERT_TRUE(wait([&] { return store(b).size() == 301; }));
    EXPECT_EQ(store(b).refs(), store(a).refs());

    SeededRandom random(3);
    auto infohash = random.id<Infohash>();
    a.outbox().seeds[infohash] = 6881;
    b.outbox().wanted = {infohash};
    ASSERT_TRUE(wait([&] { return !b.outbox().found.empty(); }));
    EXPECT_EQ(b.outbox().found[infohash], std::set<Endpoint>{Endpoint::ipv4(127, 0, 0, 1, 6881)});
}

TEST_F(TwoNodes, lists_peers_and_sync_state_and_tells_the_tap) {
    a.start();
    b.start();
    ASSERT_TRUE(wait([&] {
        Builder builder;
        auto answer =
            b.request(request<N::Request>(builder, N::Inbox::ListSync, N::CreateListSync(builder)));
        if (!answer.message) return false;
        const auto* reply = pipe::verified_root<N::Answer>(answer.message->body);
        const auto* states = reply->body_as_ListSyncReply()->states();
        return states->size() == 1 && states->Get(0)->peers_in_sync() == 1;
    }));
    Builder builder;
    auto answer =
        b.request(request<N::Request>(builder, N::Inbox::ListPeers, N::CreateListPeers(builder)));
    ASSERT_TRUE(answer.message);
    const auto* reply = pipe::verified_root<N::Answer>(answer.message->body);
    const auto* peers = reply->body_as_ListPeersReply();
    EXPECT_EQ(peers->port(), b.address().port);
    ASSERT_EQ(peers->peers()->size(), 1U);
    const auto* peer = peers->peers()->Get(0);
    EXPECT_EQ(to_domain(*peer->endpoint()), a.address());
    EXPECT_TRUE(peer->verified());
    EXPECT_GT(peer->round_trip_us(), 0U);
    EXPECT_EQ(to_bytes(view_of(*peer->communities())), to_bytes(community.view()));
    auto told = [&](std::string_view topic) {
        return std::any_of(b.tap().events.begin(), b.tap().events.end(),
                           [&](const auto& event) { return event.first == topic; });
    };
    EXPECT_TRUE(told("event.peer.met"));
    EXPECT_TRUE(told("event.community.in_sync"));
}

TEST_F(TwoNodes, serves_only_the_communities_steered_to_it) {
    auto head = Reader(community.view()).u32();
    a.be(static_cast<std::uint16_t>(1 - head % 2), 2);  // the other worker's
    a.start();
    b.start();
    ASSERT_TRUE(wait([&] { return a.outbox().asked.contains(pipe::Role::Storage); }));
    auto serves = [&] {
        Builder builder;
        auto answer =
            a.request(request<N::Request>(builder, N::Inbox::ListSync, N::CreateListSync(builder)));
        if (!answer.message) return false;
        const auto* reply = pipe::verified_root<N::Answer>(answer.message->body);
        return reply->body_as_ListSyncReply()->states()->size() == 1;
    };
    EXPECT_FALSE(serves());
    a.be(0, 1);
    a.worker().on_roster();
    EXPECT_TRUE(wait(serves));
}

TEST_F(TwoNodes, a_roster_that_changes_nothing_asks_storage_for_nothing) {
    a.start();
    auto& asked = a.outbox().asked;
    auto last = asked[pipe::Role::Storage];
    const auto rests =
        [&] {  // nothing for a second, in which the root would be asked for ten times
            return !run_until(io, 1_s, [&] {
                return std::exchange(last, asked[pipe::Role::Storage]) !=
                       asked[pipe::Role::Storage];
            });
        };
    ASSERT_TRUE(wait([&] { return last > 0 || asked[pipe::Role::Storage] > 0; }));
    ASSERT_TRUE(wait(rests));
    a.worker().on_roster();
    EXPECT_TRUE(rests()) << "joined is not joined again";
    Builder builder;
    const auto id = to_wire(community);
    a.request(request<N::Request>(builder, N::Inbox::CommunityChanged,
                                  N::CreateCommunityChanged(builder, &id, true)));
    EXPECT_FALSE(rests()) << "told that its file changed, it asks";
}

TEST_F(TwoNodes, peers_are_met_again_after_a_restart_without_bootstrap) {
    a.start();
    b.start();
    const auto knows_a = [&](FakeNode& node) {
        Builder builder;
        auto answer = node.request(
            request<N::Request>(builder, N::Inbox::ListPeers, N::CreateListPeers(builder)));
        if (!answer.message) return false;
        const auto* reply = pipe::verified_root<N::Answer>(answer.message->body);
        const auto* peers = reply->body_as_ListPeersReply()->peers();
        return peers->size() == 1 && peers->Get(0)->verified();
    };
    ASSERT_TRUE(wait([&] { return knows_a(b); }));
    pipe::spawn(io, b.worker().drain());
    ASSERT_TRUE(wait([&] { return b.outbox().peers.size() == 1; }));
    // As told to another process: what it kept, and bytes that nobody wrote.
    FakeNode c{io, 4, {}};
    c.outbox().stores.try_emplace(community, community);
    c.outbox().peers = b.outbox().peers;
    c.outbox().peers[1] = Bytes(40, 0xff);
    c.start();
    EXPECT_TRUE(wait([&] { return knows_a(c); }));
}

TEST_F(TwoNodes, foreign_bytes_in_the_inbox_are_refused) {
    a.start();
    ASSERT_TRUE(wait([&] { return a.outbox().asked.contains(pipe::Role::Storage); }));
    auto answer = a.request({pipe::Frame(Bytes(64, 0xff)), {}});
    EXPECT_FALSE(answer.message);
    EXPECT_EQ(answer.failure.kind, ErrorKind::BadInput);
    Builder builder;
    const auto id = to_wire(community);
    const auto sizes = builder.CreateVector(std::vector<std::uint16_t>{100});
    auto push = request<N::Request>(builder, N::Inbox::PushRecords,
                                    N::CreatePushRecords(builder, &id, sizes));
    push.blobs.emplace_back(Bytes(10));  // fewer bytes than the sizes say
    EXPECT_EQ(a.request(std::move(push)).failure.kind, ErrorKind::BadInput);
}

}  // namespace
}  // namespace warren::network
