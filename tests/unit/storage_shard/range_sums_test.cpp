// Sums in buckets against a twin that counts everything each time.
#include "storage-shard/range_sums.h"

#include <algorithm>
#include <set>

#include "base/random.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

class Twin final : public RefSource {
public:
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override {
        std::vector<RecordRef> out;
        for (auto at = all.lower_bound(range.lower); at != all.end() && *at < range.upper; ++at) {
            if (out.size() == limit) break;
            out.push_back(*at);
        }
        rows_read += out.size();
        return out;
    }
    protocol::RangeSum sum(const protocol::SyncRange& range, const protocol::SyncKey& key) const {
        protocol::RangeSum out;
        for (const auto& ref : all)
            if (!(ref < range.lower) && ref < range.upper)
                out.add(protocol::element_value(key, ref.id));
        return out;
    }
    std::set<RecordRef> all;
    std::size_t rows_read = 0;
};

const protocol::SyncKey key = protocol::fingerprint_key({{1, 2, 3}}, 20000);

}  // namespace

TEST(RangeSums, AgreeWithTheTwinAfterRandomInserts) {
    SeededRandom random(20261121);
    Twin twin;
    RangeSums sums(key, twin);
    for (int round = 0; round < 60; ++round) {
        std::vector<RecordRef> added;
        auto batch = 1 + random.below(400);
        auto width = round % 2 == 0 ? 3000 : 1 + random.below(40);  // scattered, or close together
        auto lowest = 1 + random.below(3001 - width);
        for (std::uint64_t i = 0; i < batch; ++i) {
            RecordRef ref{lowest + random.below(width), random.id<RecordId>()};
            if (twin.all.insert(ref).second) added.push_back(ref);
        }
        std::ranges::sort(added);
        sums.insert(added);
        ASSERT_EQ(sums.total(), twin.sum({{}, protocol::sync_end()}, key));
        ASSERT_EQ(sums.sum({{}, protocol::sync_end()}), sums.total());
        for (int i = 0; i < 20; ++i) {
            protocol::SyncRange range{{random.below(3100), random.id<RecordId>()},
                                      {random.below(3100), random.id<RecordId>()}};
            if (i % 4 == 0)
                range.upper =
                    *std::next(twin.all.begin(), static_cast<long>(random.below(twin.all.size())));
            ASSERT_EQ(sums.sum(range), twin.sum(range, key)) << "round " << round;
        }
    }
    EXPECT_GT(sums.buckets(), twin.all.size() / 256);
}

TEST(RangeSums, SplitsCutIntoEqualPartsWithinTheRange) {
    SeededRandom random(5);
    Twin twin;
    RangeSums sums(key, twin);
    for (int i = 0; i < 20000; ++i)
        twin.all.insert({1 + random.below(5000), random.id<RecordId>()});
    for (const auto& ref : twin.all)
        sums.append(ref);
    for (auto range : {protocol::SyncRange{{}, protocol::sync_end()},
                       protocol::SyncRange{{1000, {}}, {1020, {}}},
                       protocol::SyncRange{{1000, {}}, {2000, {}}}}) {
        auto bounds = sums.split(range, 16);
        ASSERT_GE(bounds.size(), 10u);
        ASSERT_LE(bounds.size(), 15u);
        auto whole = sums.sum(range).count;
        auto lower = range.lower;
        std::uint64_t seen = 0;
        bounds.push_back(range.upper);
        for (const auto& bound : bounds) {
            ASSERT_TRUE(lower < bound);
            auto part = sums.sum({lower, bound}).count;
            EXPECT_LE(part, whole / 4 + 1);
            seen += part;
            lower = bound;
        }
        EXPECT_EQ(seen, whole);
    }
}

TEST(RangeSums, ReadOnlyTheEdges) {
    SeededRandom random(6);
    Twin twin;
    RangeSums sums(key, twin);
    for (std::uint64_t i = 1; i <= 50000; ++i)
        twin.all.insert({i, random.id<RecordId>()});
    for (const auto& ref : twin.all)
        sums.append(ref);
    twin.rows_read = 0;
    EXPECT_EQ(sums.sum({{100, {}}, {49000, {}}}).count, 48900u);
    EXPECT_LE(twin.rows_read, 512u);
    EXPECT_EQ(sums.sum({{10, {}}, {5, {}}}).count, 0u);
}

TEST(RangeSums, DoNotReadBackWhatCameTogether) {
    SeededRandom random(7);
    Twin twin;
    RangeSums sums(key, twin);
    auto add_run = [&](GlobalTime from, GlobalTime to) {
        std::vector<RecordRef> run;
        for (auto time = from; time < to; ++time)
            run.push_back({time, random.id<RecordId>()});
        twin.all.insert(run.begin(), run.end());
        sums.insert(run);
    };
    for (GlobalTime at = 0; at < 20000; at += 2000)
        add_run(at + 1, at + 1001);
    twin.rows_read = 0;
    for (GlobalTime at = 0; at < 20000; at += 2000)
        add_run(at + 1001, at + 2001);
    EXPECT_LE(twin.rows_read, 9 * 256u);
    EXPECT_EQ(sums.total(), twin.sum({{}, protocol::sync_end()}, key));
    EXPECT_GT(sums.buckets(), twin.all.size() / 256);
}

TEST_F(ShardFixture, SumsOfAShardFollowItsCommitsAndItsReopening) {
    auto into = open();
    auto packets = records(1500);
    SeededRandom random(3);
    for (std::size_t i = packets.size() - 1; i > 1; --i)
        std::swap(packets[i], packets[1 + random.below(i)]);
    for (std::size_t at = 0; at < packets.size(); at += 100)
        store(*into, {packets.begin() + static_cast<long>(at),
                      packets.begin() + static_cast<long>(std::min(at + 100, packets.size()))});
    protocol::SyncRange range{{200, {}}, {1203, {}}};
    auto before = ranges(*into).sum(range);
    EXPECT_EQ(before.count, 1003u);
    auto whole = into->root().sum;
    into.reset();
    into = open(2);
    EXPECT_EQ(ranges(*into).sum(range), before);
    EXPECT_EQ(into->root().sum, whole);
    EXPECT_EQ(ranges(*into).refs({{5, {}}, {9, {}}}, 100).size(), 4u);
    EXPECT_FALSE(into->take_range_error());
}
