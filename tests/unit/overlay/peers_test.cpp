// Who holds an address, and who may take it over.
#include "protocol/peers.h"

#include <gtest/gtest.h>

namespace warren::protocol {
namespace {

constexpr Nanoseconds now = 1'000'000'000'000;
const Endpoint here = Endpoint::ipv4(1, 2, 3, 4, 5000), there = Endpoint::ipv4(5, 6, 7, 8, 5000);

PublicKey key_of(std::uint8_t number) {
    PublicKey out;
    out.bytes[0] = number;
    return out;
}

struct PeersTest : testing::Test {
    Peers peers{Rate{1000, 1000}};

    Peer* see(std::uint8_t number, const Endpoint& from, bool echo, Nanoseconds when = now) {
        return peers.touch(when, {key_of(number), from, echo, false});
    }
};

TEST_F(PeersTest, replayed_message_does_not_move_a_proven_peer) {
    auto* peer = see(1, here, true);
    ASSERT_NE(peer, nullptr);
    EXPECT_TRUE(peer->proven);
    EXPECT_EQ(see(1, there, false), nullptr);
    EXPECT_EQ(peers.by_address(here), peer);
    EXPECT_EQ(peers.by_address(there), nullptr);
}

TEST_F(PeersTest, proof_moves_a_peer_at_once) {
    see(1, here, true);
    auto* moved = see(1, there, true);
    ASSERT_NE(moved, nullptr);
    EXPECT_TRUE(moved->proven);
    EXPECT_EQ(moved->address, there);
    EXPECT_EQ(peers.by_address(here), nullptr);
}

TEST_F(PeersTest, a_silent_peer_may_move_but_must_prove_itself_again) {
    see(1, here, true);
    auto* moved = see(1, there, false, now + 30'000'000'000);
    ASSERT_NE(moved, nullptr);
    EXPECT_EQ(moved->address, there);
    EXPECT_FALSE(moved->proven);
}

TEST_F(PeersTest, an_address_goes_to_the_key_that_proves_it) {
    see(1, here, true);
    EXPECT_EQ(see(2, here, false), nullptr);
    auto* heir = see(2, here, true);
    ASSERT_NE(heir, nullptr);
    EXPECT_EQ(peers.by_address(here), heir);
    EXPECT_EQ(peers.all().size(), 1U);
}

TEST_F(PeersTest, unproven_strangers_are_few) {
    for (std::uint16_t i = 0; i < 2000; ++i) {
        PublicKey key;
        key.bytes[0] = static_cast<std::uint8_t>(i);
        key.bytes[1] = static_cast<std::uint8_t>(i >> 8);
        auto from = Endpoint::ipv4(9, 9, static_cast<std::uint8_t>(i >> 8),
                                   static_cast<std::uint8_t>(i), 5000);
        peers.touch(now, {key, from, false, false});
    }
    EXPECT_EQ(peers.all().size(), 256U);
    EXPECT_NE(see(77, here, true), nullptr) << "who proves its address finds room";
}

TEST_F(PeersTest, banned_keys_stay_out_for_their_time) {
    auto* peer = see(1, here, true);
    auto member = peer->member;
    peers.ban(now + 1000, member);
    peers.remove(member);
    EXPECT_EQ(see(1, here, true), nullptr);
    EXPECT_NE(see(1, here, true, now + 1000), nullptr);
}

TEST_F(PeersTest, two_damaged_records_are_forgiven_and_one_a_minute) {
    const auto member = see(1, here, true)->member;
    EXPECT_FALSE(peers.blame(now, member));
    EXPECT_FALSE(peers.blame(now, member));
    EXPECT_FALSE(peers.blame(now + 61'000'000'000, member));
    EXPECT_TRUE(peers.blame(now + 62'000'000'000, member));
    EXPECT_EQ(peers.by_member(member), nullptr);
    EXPECT_TRUE(peers.banned(now + 63'000'000'000, member));
    EXPECT_FALSE(peers.blame(now + 64'000'000'000, member)) << "it is gone";
}

TEST_F(PeersTest, sample_takes_each_at_most_once) {
    std::vector<Peer*> all;
    for (std::uint8_t i = 1; i <= 10; ++i)
        all.push_back(see(i, Endpoint::ipv4(1, 1, 1, i, 5000), true));
    SeededRandom random(1);
    auto some = sample(random, all, 4);
    EXPECT_EQ(std::set<Peer*>(some.begin(), some.end()).size(), 4U);
    EXPECT_EQ(sample(random, all, 99).size(), 10U);
    EXPECT_TRUE(sample(random, {}, 3).empty());
}

}  // namespace
}  // namespace warren::protocol
