// A record that comes before what allows it: the proof is asked for and the record let in, with
// reconciliation switched off (what it does alone is the business of converge_sim_test). And forks:
// both records reach everybody, also who comes late.
#include <gtest/gtest.h>

#include "protocol/community/control_records.h"
#include "protocol/community/fork.h"
#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

using namespace protocol;

const Weather fair{0, 0, 0, 0, 20'000'000, 30'000'000};

bool is(ByteView datagram, OverlayMessage message) {
    return datagram.size() > prefix_bytes &&
           datagram[prefix_bytes] == static_cast<std::uint8_t>(message);
}

// A founder, a member who may write, and a newcomer who knows the founder's name and no record.
class Proofs : public testing::Test {
protected:
    Proofs() : world_(seed_of_run(), fair) {
        founder_ = &world_.add_node();
        member_ = &world_.add_node();
        newcomer_ = &world_.add_node();
        nonce_ = world_.random().id<Nonce>();
        community_ = channel_community(founder_->key, nonce_);
        world_.on_send = [this](const World::Node& from, const Endpoint&, ByteView bytes) {
            if (is(bytes, OverlayMessage::SyncRanges) || is(bytes, OverlayMessage::SyncOffer))
                return false;
            if (is(bytes, OverlayMessage::ProofRequest)) ++requests_;
            return !is_lost_ || !is_lost_(from, bytes);
        };
        for (auto* node : {founder_, member_, newcomer_}) {
            if (node == founder_)
                world_.join(*node, community_);
            else
                world_.join(*node, community_, founder_->address);
            store(*node).judge_by(founder_->key);
        }
        know({founder_, member_}, founder_->key, 1, encode(ChannelGenesis{nonce_, "c", ""}), 1);
        world_.run_for(10'000'000'000);
    }
    MemoryStore& store(World::Node& node) { return node.stores.at(community_); }
    Bytes record(const PublicKey& author, MessageId kind, ByteView payload, GlobalTime time) {
        return signed_packet(encode_unsigned(
            {community_, static_cast<RecordKind>(kind), author, time, {}, payload}));
    }
    // Without telling anybody.
    void know(const std::vector<World::Node*>& nodes, const PublicKey& author, MessageId kind,
              const Bytes& payload, GlobalTime time) {
        for (auto* node : nodes)
            store(*node).add(record(author, kind, payload, time));
    }
    void permit(const std::vector<World::Node*>& nodes, ControlKind what, GlobalTime time) {
        know(nodes, founder_->key, id_of(what), encode_grants({{member_->key, 2, right::permit}}),
             time);
    }
    Bytes film(GlobalTime time) {
        TorrentEntry entry;
        entry.infohash = world_.random().id<Infohash>();
        entry.name = "film";
        entry.files = 1;
        return record(member_->key, 2, encode(entry), time);
    }
    void push(World::Node& node, const Bytes& packet) {
        store(node).add(packet);
        node.overlay->push(world_.now(), community_, {packet});
        world_.drain(node);
    }
    bool comes(World::Node& node, const Bytes& packet, Nanoseconds within = 5'000'000'000) {
        const auto ref = decode_record(packet)->ref();
        return world_.run_until(within, [&] { return store(node).refs().contains(ref); });
    }

    World world_;
    World::Node *founder_ = nullptr, *member_ = nullptr, *newcomer_ = nullptr;
    Nonce nonce_;
    CommunityId community_;
    std::size_t requests_ = 0;
    std::function<bool(const World::Node&, ByteView)> is_lost_;
};

TEST_F(Proofs, a_record_before_its_grant_is_let_in_by_asking_who_sent_it) {
    permit({founder_, member_}, ControlKind::Authorize, 2);
    const auto one = film(5);
    push(*member_, one);
    EXPECT_TRUE(comes(*newcomer_, one, 1'000'000'000)) << world_.report();
    EXPECT_EQ(store(*newcomer_).size(), 3U) << "with the founding record and the grant";
    EXPECT_EQ(requests_, 1U);
    world_.run_for(30'000'000'000);
    EXPECT_EQ(requests_, 1U) << "and never again";
}

TEST_F(Proofs, without_requests_it_waits) {
    permit({founder_, member_}, ControlKind::Authorize, 2);
    is_lost_ = [](const World::Node&, ByteView bytes) {
        return is(bytes, OverlayMessage::ProofRequest);
    };
    const auto one = film(5);
    push(*member_, one);
    EXPECT_FALSE(comes(*newcomer_, one, 30'000'000'000));
    EXPECT_EQ(requests_, 4U) << "asked four times in all";
}

TEST_F(Proofs, when_the_sender_does_not_answer_another_one_is_asked) {
    permit({founder_, member_}, ControlKind::Authorize, 2);
    is_lost_ = [this](const World::Node& from, ByteView bytes) {
        return &from == member_ && is(bytes, OverlayMessage::SyncRecords);
    };
    const auto one = film(5);
    push(*member_, one);
    EXPECT_TRUE(comes(*newcomer_, one)) << world_.report();
    EXPECT_EQ(requests_, 2U);
}

// Defect 1 of Dispersy, over the wire: who holds a record that others refuse gets from them what
// takes the right away, and refuses it too.
TEST_F(Proofs, of_a_refused_record_the_revocation_comes) {
    permit({founder_, member_}, ControlKind::Authorize, 2);
    permit({founder_, member_}, ControlKind::Revoke, 4);
    const auto one = film(5);
    push(*member_, one);
    ASSERT_TRUE(world_.run_until(5'000'000'000, [&] { return store(*newcomer_).size() == 2; }))
        << "founding record and revocation";
    world_.run_for(30'000'000'000);
    EXPECT_FALSE(store(*newcomer_).refs().contains(decode_record(one)->ref()));
    EXPECT_EQ(requests_, 1U) << "a refusal is an answer";
    // What was written before counts with its grant, whichever comes first.
    const auto before = film(3);
    push(*member_, before);
    EXPECT_TRUE(comes(*newcomer_, before)) << world_.report();
}

// Who lets a record in late passes it on as if it had just come.
TEST_F(Proofs, what_is_let_in_goes_on) {
    auto& last = world_.add_node();
    world_.join(last, community_, newcomer_->address);
    store(last).judge_by(founder_->key);
    is_lost_ = [&](const World::Node& from, ByteView bytes) {  // it hears the newcomer only
        return (&from == member_ || &from == founder_) && bytes.size() > prefix_bytes &&
               is_record_kind(bytes[prefix_bytes]) && requests_ > 0;
    };
    world_.run_for(10'000'000'000);
    permit({founder_, member_}, ControlKind::Authorize, 2);
    const auto one = film(5);
    push(*member_, one);
    EXPECT_TRUE(comes(last, one)) << world_.report();
}

// Both records of a fork are right, so both are in every set: whoever comes later gets both, and
// with them the proof (unit tests of storage: it is found in any order).
TEST(Fork, both_records_reach_everybody_and_late_comers) {
    for_seeds(5, [](std::uint64_t seed) {
        World world(seed, {0.1, 0.02, 0.1, 0, 10'000'000, 60'000'000});
        auto& founder = world.add_node();
        const auto nonce = world.random().id<Nonce>();
        const auto community = channel_community(founder.key, nonce);
        const auto enter = [&](World::Node& node) {
            if (&node == &founder)
                world.join(node, community);
            else
                world.join(node, community, founder.address);
            node.stores.at(community).judge_by(founder.key);
        };
        enter(founder);
        for (int i = 0; i < 7; ++i)
            enter(world.add_node());
        world.run_for(5'000'000'000);
        const auto say = [&](World::Node& node, MessageId kind, ByteView payload, GlobalTime time,
                             const RecordRef& prev) {
            const auto packet = signed_packet(encode_unsigned(
                {community, static_cast<RecordKind>(kind), founder.key, time, prev, payload}));
            node.stores.at(community).add(packet);
            node.overlay->push(world.now(), community, {packet});
            world.drain(node);
            return packet;
        };
        const auto entry = [&] {
            TorrentEntry out;
            out.infohash = world.random().id<Infohash>();
            out.name = "film";
            out.files = 1;
            return encode(out);
        };
        const auto genesis = say(founder, 1, encode(ChannelGenesis{nonce, "c", ""}), 1, {});
        const auto first = decode_record(genesis)->ref();
        world.run_for(3'000'000'000);
        // Two devices of the founder, each in a part of its own.
        for (std::size_t i = 0; i < world.nodes().size(); ++i)
            world.internet().set_side(world.nodes()[i]->host, i % 2);
        const auto one = say(founder, 2, entry(), 4, first);
        const auto other = say(*world.nodes()[1], 2, entry(), 5, first);
        EXPECT_TRUE(make_fork_proof(one, other).ok());
        world.run_for(5'000'000'000);
        world.internet().heal();
        enter(world.add_node());  // late, with nothing
        const auto has_both = [&](const auto& node) {
            const auto refs = node->stores.at(community).refs();
            return refs.contains(decode_record(one)->ref()) &&
                   refs.contains(decode_record(other)->ref());
        };
        EXPECT_TRUE(world.run_until(60'000'000'000, [&] {
            return std::ranges::all_of(world.nodes(), has_both);
        })) << world.report();
        // Defect 17 of Dispersy: that they conflict makes nobody send them again.
        const auto moved = [&] {
            std::uint64_t out = 0;
            for (const auto& node : world.nodes()) {
                const auto& counters = node->overlay->counters();
                out += counters.records_fetched + counters.records_received;
            }
            return out;
        };
        world.internet().set_weather(fair);
        world.run_for(10'000'000'000);
        const auto before = moved();
        world.run_for(300'000'000'000);
        EXPECT_EQ(moved(), before);
        return world.event_hash();
    });
}

}  // namespace
}  // namespace warren::sim
