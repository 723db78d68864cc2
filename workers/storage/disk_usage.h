// What lies below the state directory, by what it is for. Blocking.
#pragma once

#include <cstdint>
#include <string>

namespace warren::storage {

struct DiskUsage {
    std::uint64_t shards = 0, left = 0, logs = 0, derived = 0, node = 0, backups = 0, other = 0;
    std::uint64_t set_aside = 0;  // damaged files that were rebuilt
    std::uint64_t free = 0;       // on that file system, for us
};
DiskUsage disk_usage(const std::string& state_dir, const std::string& backup_dir);

}  // namespace warren::storage
