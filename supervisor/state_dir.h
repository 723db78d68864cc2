// The state directory: one node holds it (R-V5), it counts the node's starts (R-V4) and keeps the
// API token.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "runtime/process/fd.h"

namespace warren::supervisor {

std::string default_state_dir();
std::string default_run_dir(const std::string& state_dir);

struct StateDir {
    std::string path;
    process::Fd lock;
};
// ErrorKind::Exists: another node holds it; nothing was touched then.
Result<StateDir> hold_state_dir(const std::string& path);
// The number of this start: one more than the last, durable before it is used.
Result<std::uint64_t> next_node_epoch(const StateDir& state);
// SHA-256 of the API token in hex; the first start makes the token.
Result<std::string> token_digest(const StateDir& state);

// Has this directory ever had a key? Said once sign has one on disk; a lost key is then not
// replaced.
bool has_identity(const StateDir& state);
Result<void> mark_identity(const StateDir& state);

}  // namespace warren::supervisor
