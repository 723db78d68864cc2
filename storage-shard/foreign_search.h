// What neighbours found: records that no index of this node holds, judged and ranked as if they
// were here. Who sent them decides nothing: what may not be written in this community, was undone,
// or does not hold the words stays out.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "storage-shard/derived_reader.h"
#include "storage-shard/shard.h"

namespace warren::shard {

struct ForeignTorrent {
    FoundTorrent torrent;  // `text` is set by fitting()
    std::vector<std::string> file_names = {};
};

// Of these packets, whose signatures were checked: torrents, as the newest edit among them says.
Result<std::vector<ForeignTorrent>> foreign_torrents(Shard& shard, std::span<const Bytes> packets);

// Those that hold all the words, and how well; by an index in memory of the same form.
Result<std::vector<ForeignTorrent>> fitting(std::vector<ForeignTorrent> all, std::string_view text);

}  // namespace warren::shard
