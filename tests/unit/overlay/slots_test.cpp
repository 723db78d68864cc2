// R-U6: a crowd of identities in few nets gets few slots, whenever it comes.
#include <gtest/gtest.h>

#include <map>

#include "protocol/peers.h"

namespace warren::protocol {
namespace {

constexpr Nanoseconds start = 1'000'000'000'000;
constexpr std::size_t slots = 30;
const CommunityId community{};

struct SlotsTest : testing::Test {
    SeededRandom random{7};
    Peers peers{Rate{1000, 1000}, random.id<FixedId<16, struct KeyTag>>().bytes};
    Nanoseconds now = start;

    Peer* come(const Endpoint& from, bool* admitted = nullptr) {
        auto* peer = peers.touch(now += 1'000'000, {random.id<PublicKey>(), from, true, false});
        bool in = peer != nullptr && peers.admit(now, community, *peer, slots);
        if (admitted != nullptr) *admitted = in;
        return peer;
    }
    Endpoint honest() {
        auto bits = random.next();
        return Endpoint::ipv4(static_cast<std::uint8_t>(20 + bits % 60),
                              static_cast<std::uint8_t>(bits >> 8),
                              static_cast<std::uint8_t>(bits >> 16), 1, 8000);
    }
    Endpoint sybil() {  // 16 nets of 24 bits in 8 of 16 bits
        auto bits = random.next();
        return Endpoint::ipv4(200, static_cast<std::uint8_t>(bits % 8),
                              static_cast<std::uint8_t>(bits >> 8 & 1),
                              static_cast<std::uint8_t>(bits >> 16),
                              static_cast<std::uint16_t>(1024 + (bits >> 32) % 60'000));
    }
    std::size_t sybils() {
        std::size_t out = 0;
        for (auto* peer : peers.of(community))
            out += peer->address.address[0] == 200 ? std::size_t{1} : std::size_t{0};
        return out;
    }
};

TEST_F(SlotsTest, a_net_has_two_and_a_region_a_tenth) {
    bool in = false;
    for (std::uint8_t host = 1; host <= 5; ++host) {
        come(Endpoint::ipv4(20, 1, 1, host, 8000), &in);
        EXPECT_EQ(in, host <= 2);
    }
    come(Endpoint::ipv4(20, 1, 2, 1, 8000), &in);
    EXPECT_TRUE(in);
    come(Endpoint::ipv4(20, 1, 3, 1, 8000), &in);
    EXPECT_FALSE(in) << "three of thirty in one region";
    EXPECT_EQ(peers.count_of(community), 3U);
}

TEST_F(SlotsTest, an_ipv6_net_is_48_bits) {
    bool in = false;
    for (std::uint8_t subnet = 1; subnet <= 3; ++subnet) {
        auto from = *Endpoint::parse("[2001:db8:1::1]:8000");
        from.address[7] = subnet;
        come(from, &in);
        EXPECT_EQ(in, subnet <= 2);
    }
}

TEST_F(SlotsTest, private_networks_have_no_nets) {
    bool in = false;
    for (std::uint8_t host = 1; host <= 30; ++host) {
        come(Endpoint::ipv4(127, 0, 0, 1, static_cast<std::uint16_t>(8000 + host)), &in);
        EXPECT_TRUE(in) << int{host};
    }
    come(Endpoint::ipv4(10, 0, 0, 1, 8000), &in);
    EXPECT_TRUE(in) << "in the youngest's place";
    EXPECT_EQ(peers.count_of(community), slots);
}

// F-20, the table alone: honest peers hold slots, then come 10,000 identities.
TEST_F(SlotsTest, ten_thousand_identities_get_a_fifth_at_most) {
    while (peers.count_of(community) < slots)
        come(honest());
    for (int i = 0; i < 10'000; ++i) {
        auto* peer = come(sybil());
        if (peer != nullptr && peer->in(community) == nullptr) peers.remove(MemberId(peer->member));
    }
    EXPECT_EQ(peers.count_of(community), slots);
    EXPECT_LE(sybils(), slots / 5);
}

// They were first, and have no more than a tenth of all slots until others came.
TEST_F(SlotsTest, a_crowd_that_came_first_keeps_a_fifth) {
    for (int i = 0; i < 2000; ++i)
        come(sybil());
    EXPECT_LE(sybils(), 8U) << "one a region";
    for (int i = 0; i < 200; ++i)
        come(honest());
    for (int i = 0; i < 200; ++i)
        come(sybil());
    EXPECT_EQ(peers.count_of(community), slots);
    EXPECT_LE(sybils(), slots / 5);
}

// Whoever gave us records is not sent away for the crowd in his region.
TEST_F(SlotsTest, the_useful_of_a_crowd_stays) {
    auto* friendly = come(Endpoint::ipv4(200, 0, 0, 1, 8000));
    friendly->in(community)->useful = 1;
    while (peers.count_of(community) < slots)
        come(honest());
    for (int i = 0; i < 2000; ++i)
        come(sybil());
    EXPECT_NE(friendly->in(community), nullptr);
    EXPECT_LE(sybils(), slots / 5);
}

TEST_F(SlotsTest, the_near_the_useful_and_the_old_stay) {
    std::vector<Peer*> first;
    while (peers.count_of(community) < slots)
        first.push_back(come(honest()));
    std::erase_if(first, [](Peer* peer) { return peer->in(community) == nullptr; });
    std::vector<MemberId> kept;
    for (std::size_t i = 0; i < 8; ++i) {
        first[slots - 1 - i]->round_trip = 1'000'000;  // the youngest are the nearest
        first[slots - 9 - i]->in(community)->useful = 5;
        kept.push_back(first[slots - 1 - i]->member);
        kept.push_back(first[slots - 9 - i]->member);
    }
    for (int i = 0; i < 5000; ++i)
        come(honest());
    for (const auto& member : kept) {
        auto* peer = peers.by_member(member);
        ASSERT_NE(peer, nullptr);
        EXPECT_NE(peer->in(community), nullptr);
    }
}

TEST_F(SlotsTest, leaving_frees_everything) {
    for (int i = 0; i < 100; ++i)
        come(honest());
    peers.leave(community);
    EXPECT_EQ(peers.count_of(community), 0U);
    for (auto& [member, peer] : peers.all())
        EXPECT_TRUE(peer.communities.empty());
}

}  // namespace
}  // namespace warren::protocol
