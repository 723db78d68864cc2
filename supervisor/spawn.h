// Starting one worker: fork and exec from the main thread, with an empty environment and one
// descriptor, its lifeline.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/process/lifeline.h"

namespace warren::supervisor {

struct SpawnOrder {
    std::string program;  // full path
    std::string name;     // "storage-0", for process lists
    int nice = 0;
    std::vector<unsigned> processors;  // empty: all
    std::int64_t memory_max_mib = 0;   // 0: none
};
struct Spawned {
    pid_t pid = 0;
    process::Fd pidfd;
    process::Lifeline lifeline;
};
Result<Spawned> spawn(const SpawnOrder& order);

// How a child ended, for people and for the restart policy.
struct Ending {
    int exit_code = -1;  // -1: killed by a signal
    std::string text;
};
// Nothing while it still runs.
std::optional<Ending> ending_of(int pidfd);
void signal_process(int pidfd, int signal);

}  // namespace warren::supervisor
