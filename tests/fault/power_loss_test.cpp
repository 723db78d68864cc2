// F-11: the power goes at any operation. Whatever the disk then holds of what was not synced, each
// record and download that was acknowledged is there, and no file is corrupt. The same harness over
// a disk that ignores syncs must find losses, or it proves nothing.
#include "tests/fault/shard_workload.h"
#include "tests/support/crash_disk.h"

using namespace warren;
using namespace warren::test;

namespace {

constexpr int steps = 24;

struct Tally {
    std::size_t states = 0, lost = 0, corrupt = 0;
    std::string first;  // what to run again
};

// Plays one run's operations and judges `states_max` states, spread over all of them.
void crash(const std::vector<FileOp>& log, const ShardWorkload& workload, std::uint64_t seed,
           std::size_t states_max, Tally& tally) {
    MemoryFolder left;
    CrashDisk disk(seed);
    SeededRandom random(seed ^ 0x5eed);
    std::size_t acknowledged = 0;
    for (std::size_t at = 0; at < log.size(); ++at) {
        disk.play(log[at]);
        if (log[at].kind == FileOp::Kind::Mark) acknowledged = log[at].at + 1;
        auto count = states_max / log.size();
        if (random.below(log.size()) < states_max % log.size()) ++count;
        for (; count > 0; --count) {
            left.empty();
            disk.write_state(left.path());
            auto promised = std::span(workload.acknowledged()).first(acknowledged);
            auto judgement = judge(left.path(), workload.community(), promised);
            ++tally.states;
            tally.lost += judgement.lost;
            if (!judgement.corrupt.empty()) ++tally.corrupt;
            if (tally.first.empty() && (judgement.lost > 0 || !judgement.corrupt.empty()))
                tally.first = "seed " + std::to_string(seed) + " operation " + std::to_string(at) +
                              " lost " + std::to_string(judgement.lost) + " corrupt \"" +
                              judgement.corrupt + "\"";
        }
    }
}

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
        crash(log, workload, seed, states_each, tally);
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
