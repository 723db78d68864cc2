// What every worker does first (R-S1): hygiene, version handshake, settings, log.
#pragma once

#include "runtime/process/lifeline.h"

namespace warren::process {

struct WorkerStart {
    Lifeline lifeline;
    Welcome welcome;
};

// Takes the lifeline from fd 3. Does not return when the environment is wrong or the supervisor is
// gone: the process ends with an exit code that the supervisor understands.
WorkerStart start_worker(Role role);

// Resident memory of this process, for heartbeats.
std::uint32_t resident_kib();

}  // namespace warren::process
