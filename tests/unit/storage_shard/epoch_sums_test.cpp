// Sums keyed anew each day: partners on either side of midnight agree, far clocks cost little.
#include "storage-shard/epoch_sums.h"

#include "base/random.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

class Keys final : public KeySource {
public:
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override {
        std::vector<RecordRef> out;
        for (const auto& ref : all)
            if (!(ref < range.lower) && ref < range.upper && out.size() < limit) out.push_back(ref);
        return out;
    }
    Result<void> scan(const std::function<void(const RecordRef&)>& visit) override {
        ++scans;
        if (broken) return io_error("the disk is gone");
        for (const auto& ref : all)
            visit(ref);
        return {};
    }
    std::set<RecordRef> all;
    int scans = 0;
    bool broken = false;
};

constexpr std::int64_t day_s = 86'400;
constexpr std::int64_t noon = 20'000 * day_s + day_s / 2;
const CommunityId community{};

protocol::RangeSum expected(const Keys& keys, protocol::SyncEpoch epoch) {
    protocol::RangeSum out;
    for (const auto& ref : keys.all)
        out.add(protocol::element_value(protocol::fingerprint_key(community, epoch), ref.id));
    return out;
}

}  // namespace

TEST(EpochSums, PartnersOnBothSidesOfMidnightAreServed) {
    SeededRandom random(1);
    Keys keys;
    for (std::uint64_t i = 1; i <= 1000; ++i)
        keys.all.insert({i, random.id<RecordId>()});
    EpochSums sums(community, keys);
    ASSERT_OK(sums.current(noon));
    EXPECT_EQ(sums.epoch(), 20'000u);
    EXPECT_EQ(sums.total(), expected(keys, 20'000));
    // Somebody is ahead of us: both sets are kept up to date from then on.
    auto ahead = sums.at(20'001, noon);
    ASSERT_OK(ahead);
    EXPECT_EQ((*ahead)->total(), expected(keys, 20'001));
    RecordRef more{2000, random.id<RecordId>()};
    keys.all.insert(more);
    sums.insert({more});
    EXPECT_EQ(sums.total(), expected(keys, 20'000));
    EXPECT_EQ((*sums.at(20'001, noon))->total(), expected(keys, 20'001));
    EXPECT_EQ(keys.scans, 2);
    // Midnight passes: nothing is scanned again, and who is behind us is served, too.
    ASSERT_OK(sums.current(noon + day_s));
    EXPECT_EQ(sums.epoch(), 20'001u);
    EXPECT_EQ(sums.total(), expected(keys, 20'001));
    EXPECT_EQ((*sums.at(20'000, noon + day_s))->total(), expected(keys, 20'000));
    EXPECT_EQ(keys.scans, 2);
    keys.all.erase(more);
    sums.remove({more});
    EXPECT_EQ(sums.total(), expected(keys, 20'001));
}

TEST(EpochSums, FarClocksGetOneScanInTenMinutes) {
    Keys keys;
    keys.all.insert({1, {}});
    EpochSums sums(community, keys);
    ASSERT_OK(sums.current(noon));
    for (protocol::SyncEpoch epoch = 0; epoch < 50; ++epoch)
        EXPECT_EQ(sums.at(epoch, noon).ok(), epoch == 0);
    EXPECT_EQ(keys.scans, 2);
    ASSERT_OK(sums.at(49, noon + 601));
    EXPECT_EQ(sums.total(), expected(keys, 20'000));
}

TEST(EpochSums, AFailedScanLeavesWhatWas) {
    Keys keys;
    keys.all.insert({1, {}});
    EpochSums sums(community, keys);
    ASSERT_OK(sums.current(noon));
    keys.broken = true;
    EXPECT_FALSE(sums.current(noon + day_s).ok());
    EXPECT_EQ(sums.total(), expected(keys, 20'000));
    keys.broken = false;
    ASSERT_OK(sums.current(noon + day_s));
    EXPECT_EQ(sums.total(), expected(keys, 20'001));
}
