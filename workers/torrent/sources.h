// Where a download comes from: a .torrent file, a magnet link, or a bare infohash. Everything that
// a stranger wrote is bounded and cleaned here before the session sees it (threat model R-T1, R-T3,
// R-T4): no web seeds, no peers or DHT nodes from links, trackers by http, https and udp only, and
// names that stay below the download.
#pragma once

#include <libtorrent/fwd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace warren::torrent {

inline constexpr std::size_t torrent_bytes_max = 4u << 20;
inline constexpr int pieces_max = 262'144;
inline constexpr int depth_max = 50;
inline constexpr int tokens_max = 250'000;
inline constexpr std::size_t files_max = 20'000;
inline constexpr std::size_t path_bytes_max = 240;
inline constexpr std::size_t path_levels_max = 16;
inline constexpr std::size_t magnet_bytes_max = 8 * 1024;
inline constexpr std::size_t trackers_max = 64;

struct FileEntry {
    std::string path;
    std::uint64_t size = 0;
};

struct Source {
    Infohash infohash;
    std::string name;  // with metadata: what it is called on disk
    bool has_metadata = false;
    std::uint64_t size = 0;
    std::vector<FileEntry> files;
    std::string magnet;         // clean, set when there is no metadata
    std::uint32_t dropped = 0;  // web seeds, peers, nodes and trackers that were taken out
    std::shared_ptr<lt::add_torrent_params> params;
};

Result<Source> parse_torrent(ByteView file);
Result<Source> parse_magnet(std::string_view link);
Source bare_source(const Infohash& infohash, std::string_view name);

// Adds what resume data knows (pieces, trackers, peers we had) to a source of the same torrent.
Result<Source> with_resume(const Source& source, ByteView resume);

// What the session hands out once a magnet's metadata has come: the same checks as for a file.
Result<Bytes> torrent_file_of(const lt::add_torrent_params& params);

// How we name a torrent that has both hashes: by the older one.
Infohash infohash_of(const lt::info_hash_t& hashes);

// One path of a torrent: bounded, relative, no part that climbs or hides a separator.
Result<void> check_path(const std::vector<std::string_view>& parts);

}  // namespace warren::torrent
