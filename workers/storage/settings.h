// The storage worker's settings, as values. Rows, bounds and defaults: runtime/process/settings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "runtime/process/roster.h"
#include "runtime/process/settings.h"
#include "storage-shard/retention.h"

namespace warren::storage {

enum class Follow { All, None };  // channels that are discovered

struct StorageSettings {
    std::string state_dir;
    Follow follow = Follow::All;
    std::size_t follow_max = 1000;
    std::uint64_t shard_bytes_max = std::uint64_t{256} << 20;
    std::size_t open_shards_max = 64;
    unsigned threads = 4, threads_max = 64;
    std::size_t page_cache_mib = 64;
    shard::Retention retention;
    Nanoseconds retention_interval = 600_s;
    std::string backup_dir;
    std::int64_t check_interval_ms = 0;  // 0: never

    // Equal shares: two for each community's file that may be open; of each derived file one for
    // its writer and some for its reader, for questions look at much.
    static constexpr int index_reader_shares = 3;
    int cache_kib() const {
        auto shares = 2 * (open_shards_max + open_shards_max / 2) +
                      (1 + index_reader_shares) * process::slot_count;
        return static_cast<int>(std::clamp<std::size_t>(page_cache_mib * 1024 / shares, 16, 8192));
    }

    static StorageSettings from(const process::Settings& all) {
        StorageSettings out;
        out.state_dir = all.text("node.state_dir");
        out.follow = all.text("channels.follow") == "all" ? Follow::All : Follow::None;
        out.follow_max = static_cast<std::size_t>(all.integer("channels.follow_max"));
        out.shard_bytes_max = static_cast<std::uint64_t>(all.integer("storage.shard_bytes_max"));
        out.open_shards_max = static_cast<std::size_t>(all.integer("storage.open_shards_max"));
        out.threads = static_cast<unsigned>(all.integer("storage.threads"));
        out.threads_max = static_cast<unsigned>(all.integer("storage.threads_max"));
        out.page_cache_mib = static_cast<std::size_t>(all.integer("storage.page_cache_mib"));
        out.retention = {static_cast<std::uint64_t>(all.integer("retention.age_s")) * 1000,
                         static_cast<std::uint64_t>(all.integer("retention.records")),
                         static_cast<std::uint64_t>(all.integer("retention.bytes"))};
        out.backup_dir = all.text("storage.backup_dir");
        if (out.backup_dir.empty()) out.backup_dir = out.state_dir + "/backups";
        out.check_interval_ms = all.integer("storage.check_interval_s") * 1000;
        out.retention_interval = all.integer("retention.interval_s") * 1_s;
        return out;
    }
};

}  // namespace warren::storage
