// Whose word on a swarm counts, for how long, and what goes when there is no room.
#include "storage-shard/swarm_health.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace warren::shard {
namespace {

constexpr std::int64_t hour = 3'600'000, now = 1'000 * hour;

struct Swarms : ::testing::Test {
    bool hear(const Infohash& infohash, std::uint32_t seeders, std::int64_t checked_ms,
              std::int64_t at = now) {
        return all.hear(infohash, community, {seeders, 1, checked_ms}, at);
    }
    std::uint32_t seeders(const Infohash& infohash) const {
        const auto* health = all.find(infohash);
        return health ? health->seeders : 999;
    }
    SeededRandom random{1};
    CommunityId community = random.id<CommunityId>();
    Infohash one = random.id<Infohash>();
    SwarmHealths all;
};

TEST_F(Swarms, WhatWasCountedHereStandsForFourHours) {
    all.count(one, {2, 0, now});
    EXPECT_FALSE(hear(one, 500, now + hour, now + hour));
    EXPECT_EQ(seeders(one), 2u);
    EXPECT_TRUE(all.find(one)->counted_here);
    EXPECT_TRUE(hear(one, 500, now + 5 * hour, now + 5 * hour));
    EXPECT_EQ(seeders(one), 500u);
    EXPECT_FALSE(all.find(one)->counted_here);
    all.count(one, {1, 0, now + 5 * hour});
    EXPECT_EQ(seeders(one), 1u) << "our own eyes are believed at once";
}

TEST_F(Swarms, OfOneAgeTheLargerIsBelievedAndTheNewerReplacesTheOutdated) {
    EXPECT_TRUE(hear(one, 10, now));
    EXPECT_FALSE(hear(one, 5, now));
    EXPECT_TRUE(hear(one, 11, now - 30'000));
    EXPECT_FALSE(hear(one, 99, now - hour)) << "older";
    EXPECT_TRUE(hear(one, 1, now + 5 * hour, now + 5 * hour)) << "the other is outdated";
    EXPECT_EQ(seeders(one), 1u);
}

TEST_F(Swarms, WhatCannotBeIsRefused) {
    EXPECT_FALSE(hear(one, 1, now + 61'000)) << "in the future";
    EXPECT_TRUE(hear(one, 1, now + 59'000)) << "clocks differ";
    const auto two = random.id<Infohash>();
    EXPECT_FALSE(hear(two, 1, now - 25 * hour)) << "too old";
    EXPECT_FALSE(hear(two, SwarmHealths::members_max + 1, now));
    EXPECT_EQ(all.size(), 1u);
}

TEST_F(Swarms, WhatIsHeardGoesFirstWhenThereIsNoRoom) {
    all.count(one, {1, 0, now - 3 * hour});
    const auto oldest = random.id<Infohash>();
    ASSERT_TRUE(hear(oldest, 1, now - hour));
    while (all.size() < SwarmHealths::max)
        ASSERT_TRUE(hear(random.id<Infohash>(), 1, now));
    ASSERT_TRUE(hear(random.id<Infohash>(), 1, now));
    EXPECT_EQ(all.size(), SwarmHealths::max);
    EXPECT_NE(all.find(one), nullptr);
    EXPECT_EQ(all.find(oldest), nullptr);
}

TEST_F(Swarms, TheMostAliveAreThoseCheckedInTheLastDay) {
    const auto two = random.id<Infohash>(), dead = random.id<Infohash>(),
               old = random.id<Infohash>();
    all.count(one, {5, 0, now});
    all.count(dead, {0, 9, now});
    all.count(old, {900, 0, now - 25 * hour});
    ASSERT_TRUE(hear(two, 50, now));
    const auto alive = all.most_alive(now, 10);
    ASSERT_EQ(alive.size(), 2u);
    EXPECT_EQ(alive[0].infohash, two);
    EXPECT_EQ(alive[0].community, community);
    EXPECT_EQ(alive[1].infohash, one);
    EXPECT_FALSE(alive[1].community);
    EXPECT_EQ(all.most_alive(now, 1).size(), 1u);
}

TEST_F(Swarms, OwnCountsTakeTurnsAndOnlyTheyArePassedOn) {
    std::set<Infohash> own;
    for (int i = 0; i < 25; ++i) {
        const auto infohash = random.id<Infohash>();
        own.insert(infohash);
        all.count(infohash, {1, 0, now});
    }
    ASSERT_TRUE(hear(one, 50, now));
    all.count(random.id<Infohash>(), {0, 1, now});
    std::set<Infohash> told;
    Infohash after;
    for (int turn = 0; turn < 3; ++turn) {
        const auto some = all.own_alive(now, after, 10);
        ASSERT_EQ(some.size(), 10u);
        told.insert(some.begin(), some.end());
        after = some.back();
    }
    EXPECT_EQ(told, own);
    EXPECT_TRUE(all.own_alive(now + 5 * hour, {}, 10).empty()) << "counted too long ago";
}

}  // namespace
}  // namespace warren::shard
