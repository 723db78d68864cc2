// Discovery between two peers: they tell each other their communities, measure round trips while
// they lack samples or hear nothing, and give strangers no more than those sent.
#include "protocol/discovery.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace warren::protocol {
namespace {

PublicKey key_from(Random& random) {
    PublicKey out;
    random.fill(out.bytes);
    std::ranges::copy(view_of("LibNaCLPK:"), out.bytes.begin());
    return out;
}

struct Node {
    Node(std::uint64_t seed, const Endpoint& at)
        : random(seed), address(at), hub(key_from(random), {}, random), discovery(hub) {}

    SeededRandom random;
    Endpoint address;
    Hub hub;
    Discovery discovery;
    std::vector<std::size_t> sent;  // sizes
};

struct DiscoveryTest : testing::Test {
    Nanoseconds now = 1'000'000_s, latency = 40_ms;
    Node a{1, Endpoint::ipv4(20, 1, 1, 1, 4000)}, b{2, Endpoint::ipv4(30, 1, 1, 1, 4000)};
    SeededRandom ids{3};
    bool connected = true;

    static void know(Nanoseconds now, Node& who, const Node& other) {
        auto* peer = who.hub.peers.touch(now, {other.hub.own_key, other.address, true, true});
        ASSERT_NE(peer, nullptr);
        (void)peer->communities[discovery_community];
    }
    void introduce() {
        know(now, a, b);
        know(now, b, a);
    }
    static Peer& peer_of(Node& who, const Node& other) {
        return *who.hub.peers.by_member(other.hub.own);
    }
    // Signatures are zero bytes and all of them right.
    void drain(Node& from, Node& to) {
        while (!from.hub.effects.empty())
            for (auto& effect : std::exchange(from.hub.effects, {})) {
                if (auto* e = std::get_if<SignAndSend>(&effect))
                    from.discovery.signed_bytes(e->token, Signature{});
                if (auto* e = std::get_if<CheckSignature>(&effect))
                    from.discovery.signature_result(now, e->token, true);
                auto* e = std::get_if<SendDatagram>(&effect);
                if (e == nullptr) continue;
                from.sent.push_back(e->bytes.size());
                if (!connected || e->to != to.address) continue;
                now += latency;
                if (auto* peer = to.hub.peers.by_address(from.address)) peer->last_seen = now;
                deliver(to, from.address, e->bytes);
                drain(to, from);
            }
    }
    static void deliver_at(Nanoseconds now, Node& to, const Endpoint& from, const Bytes& bytes) {
        to.discovery.on_datagram(now, from, *decode_header(bytes), bytes);
    }
    void deliver(Node& to, const Endpoint& from, const Bytes& bytes) {
        deliver_at(now, to, from, bytes);
    }
    void run(Nanoseconds time) {
        for (const auto end = now + time; now < end; now += 1_s) {
            a.discovery.tick(now);
            drain(a, b);
            b.discovery.tick(now);
            drain(b, a);
        }
    }
    Bytes similarity_request(std::vector<CommunityId> communities, std::uint16_t identifier) {
        SimilarityRequest request;
        request.identifier = identifier;
        request.communities = std::move(communities);
        SeededRandom random(99);
        auto bytes = frame_signed(discovery_community, 1, key_from(random), 7, encode(request));
        bytes.resize(bytes.size() + signature_bytes);
        return bytes;
    }
};

TEST_F(DiscoveryTest, MembersOfACommonCommunityFindEachOther) {
    const auto common = ids.id<CommunityId>(), only_b = ids.id<CommunityId>();
    a.hub.communities[common].joined = now;
    a.discovery.set_communities({discovery_community, common});
    b.discovery.set_communities({discovery_community, only_b});
    introduce();
    run(3_s);
    EXPECT_TRUE(a.discovery.take_discovered().empty()) << "nothing in common yet";
    // Joined while running: told at the next turn, not by chance.
    b.discovery.set_communities({discovery_community, only_b, common});
    run(2_s);
    const auto found = a.discovery.take_discovered();
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].community, common);
    EXPECT_EQ(found[0].address, b.address);
    EXPECT_EQ(found[0].member, b.hub.own);
    EXPECT_GT(a.hub.counters.similarities_received, 0u);
    EXPECT_GT(b.hub.counters.similarities_answered, 0u);
}

TEST_F(DiscoveryTest, AllOfManyCommunitiesAreToldInTime) {
    std::vector<CommunityId> many;
    for (int i = 0; i < 200; ++i) {
        many.push_back(ids.id<CommunityId>());
        a.hub.communities[many.back()].joined = now;
    }
    b.discovery.set_communities(many);
    introduce();
    std::set<CommunityId> heard;
    for (int i = 0; i < 60; ++i) {
        run(1_s);
        for (const auto& found : a.discovery.take_discovered())
            heard.insert(found.community);
    }
    EXPECT_EQ(heard.size(), many.size());
    EXPECT_LE(*std::ranges::max_element(b.sent), 1200u);
}

TEST_F(DiscoveryTest, PingsMeasureFiveTimesAndThenOnlyTheSilent) {
    introduce();
    run(90_s);
    EXPECT_EQ(peer_of(a, b).pongs, 5u);
    EXPECT_EQ(peer_of(a, b).round_trip, 2 * latency);
    EXPECT_EQ(a.hub.counters.pings_sent, 5u);
    EXPECT_EQ(b.hub.counters.pings_answered, 5u);
    connected = false;
    const auto before = a.hub.counters.pings_sent;
    run(45_s);
    // Every ten seconds from the twentieth of silence on.
    EXPECT_EQ(a.hub.counters.pings_sent - before, 3u);
    EXPECT_EQ(peer_of(a, b).pongs, 5u);
}

TEST_F(DiscoveryTest, APongThatNobodyAskedForCountsForNothing) {
    introduce();
    const auto pong = frame_unsigned(discovery_community, 4, 1, encode_ping(77));
    deliver(a, b.address, pong);
    EXPECT_EQ(a.hub.counters.dropped_unsolicited, 1u);
    EXPECT_EQ(peer_of(a, b).pongs, 0u);
    EXPECT_EQ(peer_of(a, b).round_trip, 0);
}

TEST_F(DiscoveryTest, AStrangerGetsNoMoreThanItSentAndWhatBothHaveFirst) {
    std::vector<CommunityId> many;
    for (int i = 0; i < 40; ++i)
        many.push_back(ids.id<CommunityId>());
    b.discovery.set_communities(many);
    for (std::uint16_t asked = 0; asked < 10; ++asked) {
        std::vector<CommunityId> theirs(many.end() - asked, many.end());
        const auto request = similarity_request(theirs, asked);
        b.sent.clear();
        deliver(b, Endpoint::ipv4(40, 1, 1, 1, 9), request);
        drain(b, a);
        ASSERT_EQ(b.sent.size(), 1u) << asked;
        EXPECT_LE(b.sent[0], request.size()) << asked;
    }
}

TEST_F(DiscoveryTest, StrangersShareABudgetAndTheKnownHaveNone) {
    introduce();
    for (std::uint16_t i = 0; i < 200; ++i)
        deliver(b, Endpoint::ipv4(40, 1, 1, 1, static_cast<std::uint16_t>(1000 + i)),
                similarity_request({}, i));
    const auto checked = b.hub.counters.signatures_checked;
    EXPECT_GE(checked, 50u);
    EXPECT_LE(checked, 60u);
    EXPECT_GE(b.hub.counters.dropped_check_budget, 140u);
    deliver(b, a.address, similarity_request({}, 500));
    EXPECT_EQ(b.hub.counters.signatures_checked, checked + 1);
    deliver(b, a.address, similarity_request({}, 500));
    EXPECT_EQ(b.hub.counters.dropped_duplicate, 1u);
}

}  // namespace
}  // namespace warren::protocol
