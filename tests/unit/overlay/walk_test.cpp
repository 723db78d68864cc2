// The walk's pace: a thousand quiet communities, what is left when one leaves, peers kept for the
// next start, and a puncture request's bounds.
#include "protocol/walk.h"

#include <gtest/gtest.h>

#include "protocol/overlay.h"

namespace warren::protocol {
namespace {

constexpr Nanoseconds start = 1'000'000'000'000, second = 1'000'000'000;

struct WalkTest : testing::Test {
    SeededRandom random{9};
    PublicKey key;
    Overlay node{key, OverlaySettings{}, random};
    Nanoseconds now = start;
    std::size_t asked = 0, ticks = 0;

    void run(Nanoseconds span) {
        for (auto end = now + span; now < end;) {
            auto next = node.tick(now);
            ++ticks;
            for (auto& effect : node.take_effects()) {
                if (auto* e = std::get_if<SignAndSend>(&effect)) {
                    ++asked;
                    node.signed_bytes(now, e->token, Signature{});
                }
                if (auto* e = std::get_if<GetRoot>(&effect)) node.root(now, e->token, {});
            }
            now = std::min(end, std::max(next, now + 1'000'000));
        }
    }
};

TEST_F(WalkTest, a_thousand_lonely_communities_ask_seldom) {
    node.add_bootstrap(now, Endpoint::ipv4(20, 1, 1, 1, 8000));
    for (int i = 0; i < 1000; ++i)
        node.join(now, random.id<CommunityId>());
    run(10 * second);
    EXPECT_LE(asked, 1100U) << "a hundred a second, though all were joined at once";
    run(300 * second);
    asked = ticks = 0;
    run(60 * second);
    EXPECT_LE(asked, 60U * 40) << "once in half a minute each";
    EXPECT_GT(asked, 0U);
    EXPECT_LE(ticks, 60U * 8) << "many at a time";
}

TEST_F(WalkTest, nothing_to_ask_nothing_is_sent) {
    for (int i = 0; i < 1000; ++i)
        node.join(now, random.id<CommunityId>());
    run(300 * second);
    EXPECT_EQ(asked, 0U);
}

TEST_F(WalkTest, communities_come_and_go_without_a_trace) {
    for (int round = 0; round < 20; ++round) {
        std::vector<CommunityId> all;
        for (int i = 0; i < 100; ++i)
            node.join(now, all.emplace_back(random.id<CommunityId>()));
        run(second);
        for (const auto& community : all)
            node.leave(community);
    }
    EXPECT_TRUE(node.communities().empty());
    ticks = 0;
    run(10 * second);
    EXPECT_LE(ticks, 30U) << "only what has no community is left to look after";
}

TEST_F(WalkTest, cached_peers_are_asked_first_and_kept) {
    auto community = random.id<CommunityId>();
    CachedPeer anchor{Endpoint::ipv4(20, 1, 1, 1, 8000), {community}};
    node.add_cached_peers(now, {anchor});
    node.join(now, community);
    run(2 * second);
    EXPECT_GE(asked, 1U);
    EXPECT_EQ(node.cached_peers(), std::vector{anchor}) << "it may only be late";
}

TEST(SessionEstimate, looks_often_where_peers_leave) {
    SessionEstimate calm, busy;
    for (int i = 0; i < 600; ++i) {
        calm.heard(20 * second);
        calm.second_passed();
        busy.heard(20 * second);
        if (i % 3 != 0) busy.lost();  // twenty peers, each for half a minute
        busy.second_passed();
    }
    EXPECT_EQ(calm.ping_after(), 27'500'000'000);
    EXPECT_EQ(calm.drop_after(), 57'500'000'000);
    EXPECT_LE(busy.ping_after(), 8 * second);
}

TEST(Candidates, eight_of_one_introducer_and_two_tries) {
    SeededRandom random(1);
    Candidates candidates;
    auto introducer = random.id<MemberId>();
    const auto at = [](std::uint8_t n) { return Endpoint::ipv4(20, n, 1, 1, 8000); };
    for (std::uint8_t n = 0; n < 20; ++n)
        EXPECT_EQ(candidates.add(start, at(n), introducer, Candidates::Source::Introduced), n < 8);
    EXPECT_TRUE(
        candidates.add(start, at(30), random.id<MemberId>(), Candidates::Source::Introduced));
    std::size_t taken = 0;
    for (int i = 0; i < 30; ++i)
        taken += candidates.take(start + i * second / 10, random) ? 1u : 0u;
    EXPECT_EQ(taken, 18U) << "each twice, a second apart";
    EXPECT_FALSE(candidates.add(start, at(1), introducer, Candidates::Source::Introduced));
    candidates.expire(start + 60 * second);
    EXPECT_EQ(candidates.size(), 0U);
}

// Many addresses in one region are not asked before the few of others.
TEST(Candidates, four_of_a_region_and_every_region_the_same_chance) {
    SeededRandom random(1);
    std::size_t lone_first = 0;
    constexpr std::size_t rounds = 400;
    for (std::size_t i = 0; i < rounds; ++i) {
        Candidates candidates;
        const auto add = [&](const Endpoint& at) {
            return candidates.add(start, at, random.id<MemberId>(), Candidates::Source::Introduced);
        };
        for (std::uint8_t n = 0; n < 10; ++n)
            EXPECT_EQ(add(Endpoint::ipv4(150, 1, n, 1, 8000)), n < 4);
        EXPECT_TRUE(add(Endpoint::ipv4(20, 1, 1, 1, 8000)));
        lone_first += candidates.take(start, random)->address[0] == 20 ? 1U : 0U;
    }
    EXPECT_GT(lone_first, rounds * 2 / 5);
    EXPECT_LT(lone_first, rounds * 3 / 5);
}

}  // namespace
}  // namespace warren::protocol
