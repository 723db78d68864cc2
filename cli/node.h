// The node on this machine, as its files tell: where it lies, who runs, where its API is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace warren::cli {

struct WorkerRow {
    std::string name;  // "storage-0": as metrics and logs name it
    std::string role;
    std::string state;
    std::string reason;
    std::string tap;
    std::int64_t pid = 0;
    std::int64_t restarts = 0;
};

// STATE/run/roster.json, which the supervisor rewrites at each change.
struct RosterFile {
    std::int64_t pid = 0;  // of the supervisor
    std::string version;
    std::string api;  // "127.0.0.1:8085"
    std::vector<WorkerRow> workers;
    std::string raw;
    std::string path;
};

std::string state_dir_of(const Call& call);
Result<RosterFile> read_roster(const std::string& state_dir);
Result<std::string> read_token(const std::string& path);
bool is_running(const RosterFile& roster);
// Waits until that process is gone; false: it is still there.
bool wait_gone(std::int64_t pid, std::int64_t timeout_ms);
void wait_ms(std::int64_t milliseconds);
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace warren::cli
