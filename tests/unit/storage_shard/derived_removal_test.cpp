// What pruning took leaves listings and search where it lies.
#include "tests/unit/storage_shard/derived_fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

// The rest is found all the while, its mark stays, and so nothing is indexed again.
TEST_F(DerivedFixture, WhatWasPrunedIsTakenOutWhereItLies) {
    store(*into, records(60));
    TestChannel twin{founder, 7};
    (void)twin.genesis("Films of the commons");
    store(*into, {twin.torrent("another first one")});  // a fork, which is pruned with the others
    store(*into, {channel.torrent("the last")});
    catch_up();
    ASSERT_TRUE(author(founder));
    EXPECT_EQ(author(founder)->forks, 1u);
    PruneStep step{0, 0, true};
    while (step.more) {
        auto pruned = into->prune({0, 21, 0}, 0, {});
        ASSERT_OK(pruned);
        step = *pruned;
    }
    auto from = reader();
    constexpr std::size_t rows = 7;
    std::size_t removed = 0;
    WrittenRow after;
    for (bool more = true; more;) {
        auto below = derived->written_below(channel.community(), step.floor, after, rows);
        ASSERT_OK(below);
        more = below->size() == rows;
        if (below->empty()) break;
        after = below->back();
        auto gone = only_gone(*from, *below);
        ASSERT_OK(gone);
        removed += gone->size();
        ASSERT_OK(derived->remove(channel.community(), *gone));
        EXPECT_OK(derived->remove(channel.community(), *gone)) << "twice is once";
        EXPECT_EQ(search("film 59").size(), 1u);
        EXPECT_EQ(search("last").size(), 1u);
    }
    EXPECT_EQ(removed, 42u);
    EXPECT_EQ(search("film number").size(), 19u);
    EXPECT_EQ(search("another").size(), 0u);
    auto listed = derived_reader()->channel(channel.community());
    ASSERT_OK(listed);
    ASSERT_TRUE(listed->has_value());
    EXPECT_EQ((*listed)->torrents, 20u);
    EXPECT_EQ(author(founder)->records, 21u);
    EXPECT_EQ(author(founder)->forks, 0u);
    auto next = derived->catch_up(channel.community(), *from, {50});
    ASSERT_OK(next);
    EXPECT_EQ(next->records, 0u);
    EXPECT_FALSE(next->more);
}

// A row that listings have not seen is not pruned, nor the one by which they know how far they are.
TEST_F(DerivedFixture, PruningWaitsForTheIndex) {
    store(*into, records(30));
    catch_up();
    auto mark = derived->mark(channel.community());
    ASSERT_OK(mark);
    for (int i = 0; i < 30; ++i)
        store(*into, {channel.torrent("new " + std::to_string(i))});
    PruneBudget budget;
    budget.before_body = mark->body;
    PruneStep step{0, 0, true};
    std::uint64_t pruned = 0;
    while (step.more) {
        auto next = into->prune({0, 2, 0}, 0, budget);
        ASSERT_OK(next);
        step = *next;
        pruned += step.pruned;
    }
    EXPECT_EQ(pruned, 29u) << "all that was indexed, but the genesis and the last";
    auto from = reader();
    auto next = derived->catch_up(channel.community(), *from, {50});
    ASSERT_OK(next);
    EXPECT_EQ(next->records, 30u) << "it goes on from where it was";
}
