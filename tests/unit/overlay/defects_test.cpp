// What went wrong in Dispersy with the peers it knew, as tests (docs/communities.md has the list).
#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/peers.h"
#include "protocol/walk_candidates.h"

namespace warren::protocol {
namespace {

constexpr Nanoseconds second = 1'000'000'000;

Endpoint random_endpoint(Random& random) {
    Endpoint out;
    out.v6 = random.below(2) == 1;
    for (std::size_t i = 0; i < (out.v6 ? 16U : 4U); ++i)
        out.address[i] = static_cast<std::uint8_t>(random.below(3));
    out.port = static_cast<std::uint16_t>(random.below(3));
    return out;
}

// Of what is known of others the oldest goes, never the newest. (Who has been a neighbour for long
// is kept on purpose: that is another list, tests of slots and of cached peers.)
TEST(Defect, N06TheOldestCandidatesGo) {
    Candidates candidates;
    SeededRandom random(6);
    std::vector<Endpoint> old, fresh;
    for (std::uint8_t i = 0; i < 20; ++i) {
        old.push_back(Endpoint::ipv4(20, i, 1, 1, 8000));
        fresh.push_back(Endpoint::ipv4(30, i, 1, 1, 8000));
    }
    const auto learn = [&](Nanoseconds now, const std::vector<Endpoint>& all) {
        std::size_t taken = 0;
        // One introducer may have a few waiting only, so each has another one.
        for (const auto& address : all)
            taken +=
                candidates.add(now, address, random.id<MemberId>(), Candidates::Source::Introduced);
        return taken;
    };
    EXPECT_EQ(learn(1 * second, old), old.size());
    EXPECT_EQ(learn(20 * second, fresh), fresh.size());
    candidates.expire(30 * second);
    EXPECT_EQ(candidates.size(), fresh.size());
    std::size_t taken = 0;
    for (Nanoseconds now = 30 * second; const auto next = candidates.take(now, random);) {
        EXPECT_NE(std::ranges::find(fresh, *next), fresh.end());
        candidates.met(*next);
        ++taken;
    }
    EXPECT_EQ(taken, fresh.size());
}

TEST(Defect, N08EqualAndUnequalAreOpposites) {
    SeededRandom random(8);
    std::size_t equal = 0;
    for (int i = 0; i < 100'000; ++i) {
        const auto a = random_endpoint(random), b = random_endpoint(random);
        const bool same = a.v6 == b.v6 && a.port == b.port && a.address == b.address;
        EXPECT_EQ(a == b, same);
        EXPECT_EQ(a != b, !same);
        EXPECT_EQ((a < b) + (b < a) + same, 1) << "one of the three";
        const CachedPeer one{a, {}}, other{b, {}};
        EXPECT_EQ(one == other, same);
        EXPECT_EQ(one != other, !same);
        equal += same;
    }
    EXPECT_GT(equal, 50U) << "both were seen";
}

}  // namespace
}  // namespace warren::protocol
