// F-09, F-10, F-11 with the shared log: shards commit without a sync, and one sync of the log
// stands for all of them. Whatever a disk makes of what was not synced, and whichever operation on
// any file fails, what was acknowledged is there after the next start. Without the log's syncs it
// is not.
#include "tests/fault/crash_states.h"
#include "tests/fault/intake_workload.h"

using namespace warren;
using namespace warren::test;

namespace {

constexpr int steps = 24;

Tally campaign(std::uint64_t first_seed, std::size_t runs, std::size_t states_each,
               const std::vector<FileRule>& rules) {
    Tally tally;
    for (auto seed = first_seed; seed < first_seed + runs; ++seed) {
        MemoryFolder folder;
        IntakeWorkload workload(folder.path(), seed);
        std::vector<FileOp> log;
        {
            auto vfs = RecordingVfs::register_as_default();
            for (const auto& rule : rules)
                vfs->add_rule(rule);
            vfs->record(true);
            workload.run(*vfs, steps);
            log = vfs->take_log();
        }
        EXPECT_GT(workload.acknowledged().size(), 5u) << "seed " << seed;
        auto judge = [&](const std::string& folder_left, std::span<const Kept> promised) {
            return judge_intake(folder_left, workload.communities(), promised);
        };
        crash(log, workload, seed, states_each, judge, tally);
    }
    return tally;
}

FileRule lie_at(unsigned calls, const std::string& path) {
    FileRule rule;
    rule.calls = calls;
    rule.path = path;
    rule.then = FileRule::Then::Lie;
    return rule;
}

struct Fault {
    std::string name;
    std::string path;
    unsigned calls = Changes;
    FileRule::Then then = FileRule::Then::Fail;
    std::uint64_t times = 1;
};

class IntakeError : public ::testing::TestWithParam<Fault> {};

// False when the work did not come as far as operation k.
bool survives(const Fault& fault, std::uint64_t k, std::size_t& failures) {
    constexpr std::uint64_t seed = 5;
    MemoryFolder folder;
    IntakeWorkload workload(folder.path(), seed);
    std::vector<FileOp> log;
    {
        auto vfs = RecordingVfs::register_as_default();
        FileRule rule;
        rule.path = fault.path;
        rule.calls = fault.calls;
        rule.then = fault.then;
        rule.skip = k;
        rule.times = fault.times;
        vfs->add_rule(rule);
        vfs->record(true);
        // Every file has many more operations than the log alone.
        workload.run(*vfs, fault.path.empty() ? steps / 3 : steps);
        log = vfs->take_log();
        if (vfs->hits() == 0) return false;
    }
    failures += workload.failures();
    // What power loss would leave right after the work: a failed sync must not be believed later.
    Tally tally;
    MemoryFolder left;
    CrashDisk disk(seed + k);
    for (const auto& op : log)
        disk.play(op);
    for (int i = 0; i < 5; ++i) {
        left.empty();
        disk.write_state(left.path());
        tally.note(judge_intake(left.path(), workload.communities(), workload.acknowledged()),
                   "power loss after operation " + std::to_string(k));
    }
    tally.note(judge_intake(folder.path(), workload.communities(), workload.acknowledged()),
               "operation " + std::to_string(k));
    EXPECT_EQ(tally.lost + tally.corrupt, 0u) << tally.first;
    return true;
}

}  // namespace

TEST(IntakeLoss, NothingAcknowledgedIsLost) {
    auto tally = campaign(1, 20, 200, {});
    EXPECT_GE(tally.states, 3'800u);
    EXPECT_EQ(tally.lost, 0u) << tally.first;
    EXPECT_EQ(tally.corrupt, 0u) << tally.first;
    RecordProperty("states", std::to_string(tally.states));
}

// The controls: syncs that end without an error while nothing was written down.
TEST(IntakeLossControl, WithoutSyncsOfTheSharedLogRecordsAreLost) {
    EXPECT_GT(campaign(1, 4, 100, {lie_at(Sync, ".log")}).lost, 0u);
}
// A log goes before its shards are durable: what it alone held goes with it.
TEST(IntakeLossControl, WithoutSyncsOfTheShardsRecordsAreLost) {
    EXPECT_GT(campaign(1, 10, 100, {lie_at(Sync, "shard-wal")}).lost, 0u);
}

TEST_P(IntakeError, NothingAcknowledgedIsLost) {
    std::uint64_t k = 0;
    std::size_t failures = 0;
    while (survives(GetParam(), k, failures) && !HasFailure())
        ++k;
    EXPECT_GT(k, 0u);
    EXPECT_GT(failures, 0u) << "nobody was told";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, IntakeError,
    ::testing::Values(
        Fault{"OneErrorOfTheLog", ".log", Changes, FileRule::Then::Fail, 1},
        Fault{"ErrorsOfTheLogFromThere", ".log", Changes, FileRule::Then::Fail, FileRule::always},
        Fault{"FullOnceForTheLog", ".log", Changes, FileRule::Then::NoSpace, 1},
        Fault{"ShortWriteOfTheLog", ".log", Write, FileRule::Then::ShortWrite, 1},
        Fault{"OneSyncOfTheLogFails", ".log", Sync, FileRule::Then::Fail, 1},
        Fault{"SyncsOfTheLogFailFromThere", ".log", Sync, FileRule::Then::Fail, FileRule::always},
        Fault{"OneErrorAtAny", "", Changes, FileRule::Then::Fail, 1},
        Fault{"FullFromThere", "", Changes, FileRule::Then::NoSpace, FileRule::always},
        Fault{"OneSyncFails", "", Sync, FileRule::Then::Fail, 1}),
    [](const auto& fault) { return fault.param.name; });
