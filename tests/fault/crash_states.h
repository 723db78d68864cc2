// Plays what one run did to its disk, and judges what the power's going would leave at any of its
// operations.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/fault/shard_workload.h"
#include "tests/support/crash_disk.h"

namespace warren::test {

struct Tally {
    std::size_t states = 0, lost = 0, corrupt = 0;
    std::string first;  // what to run again

    void note(const Judgement& judgement, const std::string& where) {
        ++states;
        lost += judgement.lost;
        if (!judgement.corrupt.empty()) ++corrupt;
        if (first.empty() && (judgement.lost > 0 || !judgement.corrupt.empty()))
            first = where + " lost " + std::to_string(judgement.lost) + " corrupt \"" +
                    judgement.corrupt + "\"";
    }
};

// `states` of them, spread over all operations. `judge` is given the folder, and what had been
// acknowledged by then.
template <typename Workload, typename Judge>
void crash(const std::vector<FileOp>& log, const Workload& workload, std::uint64_t seed,
           std::size_t states, const Judge& judge, Tally& tally) {
    MemoryFolder left;
    CrashDisk disk(seed);
    SeededRandom random(seed ^ 0x5eed);
    std::size_t acknowledged = 0;
    for (std::size_t at = 0; at < log.size(); ++at) {
        disk.play(log[at]);
        if (log[at].kind == FileOp::Kind::Mark) acknowledged = log[at].at + 1;
        auto count = states / log.size();
        if (random.below(log.size()) < states % log.size()) ++count;
        for (; count > 0; --count) {
            left.empty();
            disk.write_state(left.path());
            auto promised = std::span(workload.acknowledged()).first(acknowledged);
            tally.note(judge(left.path(), promised),
                       "seed " + std::to_string(seed) + " operation " + std::to_string(at));
        }
    }
}

}  // namespace warren::test
