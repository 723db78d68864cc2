// The storage worker's settings, as values. Rows, bounds and defaults: runtime/process/settings.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/process/settings.h"

namespace warren::storage {

enum class Follow { All, None };  // channels that are discovered

struct StorageSettings {
    std::string state_dir;
    Follow follow = Follow::All;
    std::size_t follow_max = 1000;
    std::uint64_t shard_bytes_max = std::uint64_t{256} << 20;
    std::size_t open_shards_max = 64;
    unsigned threads = 4;

    static StorageSettings from(const process::Settings& all) {
        StorageSettings out;
        out.state_dir = all.text("node.state_dir");
        out.follow = all.text("channels.follow") == "all" ? Follow::All : Follow::None;
        out.follow_max = static_cast<std::size_t>(all.integer("channels.follow_max"));
        out.shard_bytes_max = static_cast<std::uint64_t>(all.integer("storage.shard_bytes_max"));
        out.open_shards_max = static_cast<std::size_t>(all.integer("storage.open_shards_max"));
        out.threads = static_cast<unsigned>(all.integer("storage.threads"));
        return out;
    }
};

}  // namespace warren::storage
