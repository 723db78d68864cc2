// See disk_usage.h. Files come and go meanwhile; what is gone counts nothing.
#include "workers/storage/disk_usage.h"

#include <filesystem>

namespace warren::storage {

namespace fs = std::filesystem;

namespace {

std::uint64_t& place_of(DiskUsage& usage, const std::string& name) {
    if (name.find(".damaged-") != std::string::npos) return usage.set_aside;
    if (name.ends_with("-wal") || name.ends_with("-shm") || name.find("intake") == 0)
        return usage.logs;
    if (name.ends_with(".shard")) return usage.shards;
    if (name.ends_with(".left")) return usage.left;
    if (name.starts_with("derived")) return usage.derived;
    return name == "node" ? usage.node : usage.other;
}

template <typename Visit>
void each_file(const std::string& folder, Visit&& visit) {
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        std::error_code gone;
        if (!at->is_regular_file(gone) || gone) continue;
        auto bytes = at->file_size(gone);
        if (!gone) visit(at->path().filename().string(), bytes);
    }
}

}  // namespace

DiskUsage disk_usage(const std::string& state_dir, const std::string& backup_dir) {
    DiskUsage out;
    each_file(state_dir + "/shards",
              [&](const std::string& name, std::uint64_t bytes) { place_of(out, name) += bytes; });
    each_file(backup_dir, [&](const std::string&, std::uint64_t bytes) { out.backups += bytes; });
    std::error_code error;
    auto space = fs::space(state_dir, error);
    if (!error) out.free = space.available;
    return out;
}

}  // namespace warren::storage
