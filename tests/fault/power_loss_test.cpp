// F-11: the power goes at any operation. Whatever the disk then holds of what was not synced, each
// record and download that was acknowledged is there, and no file is corrupt. The same harness over
// a disk that ignores syncs must find losses, or it proves nothing.
#include "tests/fault/crash_states.h"

using namespace warren;
using namespace warren::test;

namespace {

constexpr int steps = 24;

Tally campaign(std::uint64_t first_seed, std::size_t runs, std::size_t states_each,
               const std::vector<FileRule>& rules) {
    Tally tally;
    for (auto seed = first_seed; seed < first_seed + runs; ++seed) {
        MemoryFolder folder;
        ShardWorkload workload(folder.path(), seed);
        std::vector<FileOp> log;
        {
            auto vfs = RecordingVfs::register_as_default();
            for (const auto& rule : rules)
                vfs->add_rule(rule);
            vfs->record(true);
            workload.run(*vfs, steps);
            log = vfs->take_log();
        }
        auto judged = [&](const std::string& left, std::span<const Acknowledged> promised) {
            return judge(left, workload.community(), promised);
        };
        crash(log, workload, seed, states_each, judged, tally);
    }
    return tally;
}

FileRule lie_at(unsigned calls, const std::string& path = "") {
    FileRule rule;
    rule.calls = calls;
    rule.path = path;
    rule.then = FileRule::Then::Lie;
    return rule;
}

void expect_none_lost(std::uint64_t first_seed) {
    auto tally = campaign(first_seed, 40, 250, {});
    EXPECT_GE(tally.states, 9'500u);
    EXPECT_EQ(tally.lost, 0u) << tally.first;
    EXPECT_EQ(tally.corrupt, 0u) << tally.first;
    ::testing::Test::RecordProperty("states", std::to_string(tally.states));
}

}  // namespace

// Together 20,000 states; two tests, so that two cores share them.
TEST(PowerLoss, NothingAcknowledgedIsLost) {
    expect_none_lost(1);
}
TEST(PowerLoss, NothingAcknowledgedIsLostAgain) {
    expect_none_lost(1001);
}

// A sync that ends without an error while nothing was written down: the controls.
TEST(PowerLossControl, WithoutSyncsRecordsAreLost) {
    auto tally = campaign(1, 4, 100, {lie_at(Sync | SyncFolder)});
    EXPECT_GT(tally.lost, 0u);
}
TEST(PowerLossControl, WithoutSyncsOfTheLogRecordsAreLost) {
    EXPECT_GT(campaign(1, 4, 100, {lie_at(Sync, "-wal")}).lost, 0u);
}
TEST(PowerLossControl, WithoutSyncsOfTheFolderFilesAreLost) {
    // Few operations lie between a file's making and the first sync of its log, which would help.
    EXPECT_GT(campaign(1, 20, 200, {lie_at(SyncFolder)}).lost, 0u);
}
// After a log was moved into a file that was not synced, the log is begun again.
TEST(PowerLossControl, WithoutSyncsOfTheFileItIsCorrupt) {
    auto tally = campaign(1, 4, 200, {lie_at(Sync, "channel.shard"), lie_at(Sync, "node")});
    EXPECT_GT(tally.lost + tally.corrupt, 0u);
}
