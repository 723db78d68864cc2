// The table of downloads: our own facts about each, and the last that the session reported.
// No libtorrent in it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"

namespace warren::torrent {

enum class State : std::uint8_t {
    Queued,
    Checking,
    FetchingMetadata,
    Downloading,
    Seeding,
    Paused,
    Failed,
};
std::string_view name_of(State state);

enum class Root { Share, Download };
std::string_view name_of(Root root);
std::optional<Root> root_from(std::string_view name);

// What the session last said.
struct Progress {
    Infohash infohash;
    State state = State::Queued;
    std::string error;
    std::uint64_t size = 0;
    std::uint64_t done = 0;
    std::uint64_t down_rate = 0;  // bytes a second
    std::uint64_t up_rate = 0;
    std::uint64_t uploaded = 0;
    std::uint64_t received = 0;  // payload since it was added to the session
    std::uint32_t peers = 0;
    std::uint32_t seeds = 0;
    // Of the swarm, as trackers and peers tell; nothing: nobody told yet.
    struct Swarm {
        std::uint32_t seeders = 0, leechers = 0;
    };
    std::optional<Swarm> swarm;
    bool need_save = false;  // resume data has changed
};

struct Download {
    Infohash infohash;
    std::string name;
    std::string magnet;  // set until the metadata is here
    Root root = Root::Download;
    std::string path;  // below the root; empty until the metadata is here
    bool paused = false;
    std::int64_t added_ms = 0;
    std::uint32_t files = 0;
    bool stored = false;  // storage has it, synced
    bool in_session = false;
    bool saving = false;    // resume data is on its way
    bool finished = false;  // by the session, in this run
    bool finished_told = false;
    std::string failure;          // ours, not the session's
    Nanoseconds health_told = 0;  // when storage was last told of its swarm
    std::vector<Endpoint> peers;  // the last that we were told; offered again after promotion
    Progress progress;

    bool has_metadata() const { return !path.empty(); }
    State state() const;
};

// For ranking what is found: how alive a torrent is.
struct SwarmHealth {
    Infohash infohash;
    std::uint32_t seeders = 0, leechers = 0;
};

class Downloads {
public:
    Download* find(const Infohash& infohash);
    const Download* find(const Infohash& infohash) const;
    Download& insert(Download download);  // keeps an existing entry
    void erase(const Infohash& infohash) { table_.erase(infohash); }
    std::size_t size() const { return table_.size(); }
    auto begin() { return table_.begin(); }
    auto end() { return table_.end(); }
    auto begin() const { return table_.begin(); }
    auto end() const { return table_.end(); }

    // Is the path below the root spoken for by another download?
    bool path_in_use(Root root, std::string_view path, const Infohash& except) const;
    // Still wants peers: runs, and is unfinished or alone.
    std::vector<Infohash> wanted() const;
    // Can we give any piece of it?
    bool has_pieces(const Infohash& infohash) const;
    // The swarms that storage is to be told of now: active ones, each at most once in 30 s, and no
    // more at a time than a message takes.
    std::vector<SwarmHealth> take_health(Nanoseconds now);
    static constexpr std::size_t health_max = 256;
    static constexpr std::size_t peers_max = 32;
    static void remember_peers(Download& download, const std::vector<Endpoint>& peers);

private:
    std::map<Infohash, Download> table_;
};

// Where below the download root a torrent's files go. `taken` says whether a name is used already
// by files or by another download; nullopt when even the second choice is.
template <typename Taken>
std::optional<std::string> choose_path(const std::string& name, const Infohash& infohash,
                                       const Taken& taken) {
    if (!taken(name)) return name;
    const auto folder = name + "." + infohash.hex().substr(0, 8);
    if (!taken(folder)) return folder + "/" + name;
    return std::nullopt;
}

}  // namespace warren::torrent
