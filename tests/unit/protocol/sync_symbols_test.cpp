// Coded symbols of two sets tell what they differ in, or that they cannot; never something else.
#include "protocol/sync_symbols.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.h"

namespace warren::protocol {
namespace {

using Ids = std::vector<std::uint64_t>;

Ids random_ids(Random& random, std::size_t count) {
    Ids out(count);
    for (auto& id : out)
        id = random.next();
    std::ranges::sort(out);
    return out;
}

Ids both(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(CodedSymbols, whatever_is_decoded_is_right_and_few_differences_mostly_are) {
    SeededRandom random(1);
    std::map<std::size_t, int> decoded;
    constexpr int rounds = 500;
    for (const std::size_t apart : {0u, 1u, 2u, 4u, 8u, 12u, 40u}) {
        for (int round = 0; round < rounds; ++round) {
            const auto common = random_ids(random, random.below(300));
            const auto theirs = random_ids(random, random.below(apart + 1));
            const auto ours = random_ids(random, apart - theirs.size());
            const auto symbols = coded_symbols(both(common, theirs), symbols_for(double(apart)));
            ASSERT_EQ(symbols.front().count,
                      static_cast<std::int64_t>(common.size() + theirs.size()));
            const auto found = differences(symbols, both(common, ours));
            if (!found) continue;
            ++decoded[apart];
            EXPECT_EQ(found->theirs, theirs);
            EXPECT_EQ(found->ours, ours);
        }
        EXPECT_GE(decoded[apart], rounds * 85 / 100) << apart << " differences";
    }
}

TEST(CodedSymbols, too_many_differences_are_seen_to_be_too_many) {
    SeededRandom random(2);
    for (int round = 0; round < 2000; ++round) {
        const auto symbols = coded_symbols(random_ids(random, 50), 10);
        EXPECT_FALSE(differences(symbols, random_ids(random, 50)));
    }
}

// More symbols begin with those that fewer would have been: the rule knows no number of them.
TEST(CodedSymbols, are_a_prefix_of_more) {
    SeededRandom random(3);
    const auto ids = random_ids(random, 100);
    const auto many = coded_symbols(ids, 32);
    const auto few = coded_symbols(ids, 7);
    EXPECT_TRUE(std::ranges::equal(few, std::span(many).first(7)));
}

TEST(CodedSymbols, are_the_same_on_every_machine) {
    const auto symbols = coded_symbols(Ids{1, 2, 3, 0xfedcba9876543210}, 6);
    std::uint64_t hash = 0;
    for (const auto& symbol : symbols)
        hash = hash * 31 + static_cast<std::uint64_t>(symbol.count) + symbol.ids + symbol.check;
    EXPECT_EQ(hash, 18005537627336896692u);
}

TEST(CodedSymbols, noise_is_survived) {
    SeededRandom random(4);
    for (int round = 0; round < 5000; ++round) {
        std::vector<CodedSymbol> noise(1 + random.below(32));
        for (auto& symbol : noise)
            symbol = {static_cast<std::int64_t>(random.below(5)) - 2, random.next(),
                      static_cast<std::uint32_t>(random.next())};
        EXPECT_FALSE(differences(noise, random_ids(random, 20)));
    }
}

}  // namespace
}  // namespace warren::protocol
