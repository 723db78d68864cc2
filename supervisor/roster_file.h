// RUN/roster.json: who runs, for the command line and for people. Rewritten whole at every change.
#pragma once

#include <string>

#include "runtime/process/roster.h"

namespace warren::supervisor {

struct NodeFacts {
    std::int32_t pid = 0;
    std::string version;
    std::string state;  // starting, ready, degraded, stopping
    std::uint64_t epoch = 0;
    std::int64_t started_ms = 0;
    std::string run_dir, state_dir, config;
    std::string api, overlay, overlay_v6;  // really bound
};

std::string roster_json(const NodeFacts& node, const process::Roster& roster,
                        const process::SlotMap& slots);

}  // namespace warren::supervisor
