// F-09 and F-10: the disk is full, fails or cannot sync, once or from then on, at each operation in
// turn, until the work passes without reaching it. Nothing that failed is acknowledged, reads go
// on, and when the disk is well again all that was acknowledged is there and the files are whole.
#include "tests/fault/shard_workload.h"
#include "tests/support/crash_disk.h"

using namespace warren;
using namespace warren::test;

namespace {

constexpr int steps = 16;
constexpr std::uint64_t seed = 5;

struct Fault {
    std::string name;
    unsigned calls = Changes;
    FileRule::Then then = FileRule::Then::Fail;
    std::uint64_t times = 1;
};

class DiskError : public ::testing::TestWithParam<Fault> {};

// Also what power loss would leave right after the work: a failed sync must not be believed later.
void expect_survives_power_loss(const std::vector<FileOp>& log, const ShardWorkload& workload,
                                std::uint64_t k) {
    MemoryFolder left;
    CrashDisk disk(seed + k);
    for (const auto& op : log)
        disk.play(op);
    for (int i = 0; i < 5; ++i) {
        left.empty();
        disk.write_state(left.path());
        auto after = judge(left.path(), workload.community(), workload.acknowledged());
        EXPECT_EQ(after.lost, 0u) << "operation " << k;
        EXPECT_EQ(after.corrupt, "") << "operation " << k;
    }
}

// False when the work did not come as far as operation k.
bool survives(const Fault& fault, std::uint64_t k, std::size_t& failures) {
    MemoryFolder folder;
    ShardWorkload workload(folder.path(), seed);
    std::vector<FileOp> log;
    {
        auto vfs = RecordingVfs::register_as_default();
        FileRule rule;
        rule.calls = fault.calls;
        rule.then = fault.then;
        rule.skip = k;
        rule.times = fault.times;
        vfs->add_rule(rule);
        vfs->record(true);
        workload.run(*vfs, steps);
        log = vfs->take_log();
        if (vfs->hits() == 0) return false;
    }
    EXPECT_EQ(workload.false_reads(), 0u) << "operation " << k;
    failures += workload.failures();
    expect_survives_power_loss(log, workload, k);
    auto after = judge(folder.path(), workload.community(), workload.acknowledged());
    EXPECT_EQ(after.lost, 0u) << "operation " << k;
    EXPECT_EQ(after.corrupt, "") << "operation " << k;
    return true;
}

}  // namespace

TEST_P(DiskError, NothingAcknowledgedIsLost) {
    std::uint64_t k = 0;
    std::size_t failures = 0;
    while (survives(GetParam(), k, failures) && !HasFailure())
        ++k;
    EXPECT_GT(k, 0u);
    EXPECT_GT(failures, 0u) << "nobody was told";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, DiskError,
    ::testing::Values(Fault{"OneErrorAtAny", Changes, FileRule::Then::Fail, 1},
                      Fault{"ErrorsFromThere", Changes, FileRule::Then::Fail, FileRule::always},
                      Fault{"FullOnce", Changes, FileRule::Then::NoSpace, 1},
                      Fault{"FullFromThere", Changes, FileRule::Then::NoSpace, FileRule::always},
                      Fault{"ShortWrite", Write, FileRule::Then::ShortWrite, 1},
                      Fault{"OneSyncFails", Sync, FileRule::Then::Fail, 1},
                      Fault{"SyncsFailFromThere", Sync, FileRule::Then::Fail, FileRule::always},
                      Fault{"OneFolderSyncFails", SyncFolder, FileRule::Then::Fail, 1}),
    [](const auto& fault) { return fault.param.name; });

// The disk has room again: writes go on at once, with nothing to do by hand.
TEST(DiskFull, WritesGoOnWhenThereIsRoomAgain) {
    MemoryFolder folder;
    auto vfs = RecordingVfs::register_as_default();
    ShardWorkload workload(folder.path(), seed);
    workload.run(*vfs, 10);
    auto before = workload.acknowledged().size();
    FileRule full;
    full.then = FileRule::Then::NoSpace;
    vfs->add_rule(full);
    workload.run(*vfs, 10);
    EXPECT_EQ(workload.acknowledged().size(), before);
    vfs->clear_rules();
    workload.run(*vfs, 10);
    EXPECT_GT(workload.acknowledged().size(), before);
    EXPECT_EQ(judge(folder.path(), workload.community(), workload.acknowledged()).lost, 0u);
}
