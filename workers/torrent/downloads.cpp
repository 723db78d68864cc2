// The table of downloads.
#include "workers/torrent/downloads.h"

#include <algorithm>

namespace warren::torrent {

std::string_view name_of(State state) {
    switch (state) {
    case State::Queued: return "queued";
    case State::Checking: return "checking";
    case State::FetchingMetadata: return "fetching_metadata";
    case State::Downloading: return "downloading";
    case State::Seeding: return "seeding";
    case State::Paused: return "paused";
    case State::Failed: return "failed";
    }
    return "unknown";
}

std::string_view name_of(Root root) {
    return root == Root::Share ? "share" : "download";
}

std::optional<Root> root_from(std::string_view name) {
    if (name == "share") return Root::Share;
    if (name == "download") return Root::Download;
    return std::nullopt;
}

State Download::state() const {
    if (!failure.empty()) return State::Failed;
    if (paused && progress.state != State::Failed) return State::Paused;
    return progress.state;
}

Download* Downloads::find(const Infohash& infohash) {
    const auto found = table_.find(infohash);
    return found == table_.end() ? nullptr : &found->second;
}

const Download* Downloads::find(const Infohash& infohash) const {
    const auto found = table_.find(infohash);
    return found == table_.end() ? nullptr : &found->second;
}

Download& Downloads::insert(Download download) {
    const auto key = download.infohash;
    return table_.emplace(key, std::move(download)).first->second;
}

bool Downloads::path_in_use(Root root, std::string_view path, const Infohash& except) const {
    return std::any_of(table_.begin(), table_.end(), [&](const auto& row) {
        const auto& other = row.second;
        if (other.root != root || row.first == except) return false;
        const std::string_view used = other.path;
        return used.substr(0, used.find('/')) == path;
    });
}

std::vector<SwarmHealth> Downloads::take_health(Nanoseconds now) {
    constexpr Nanoseconds interval = 30_s;
    std::vector<SwarmHealth> out;
    for (auto& [infohash, download] : table_) {
        const auto state = download.state();
        const bool active = state == State::Downloading || state == State::Seeding;
        if (!active || !download.progress.swarm) continue;
        if (download.health_told != 0 && now < download.health_told + interval) continue;
        if (out.size() == health_max) break;  // the others next time
        download.health_told = now;
        const auto& swarm = *download.progress.swarm;
        out.push_back({infohash, swarm.seeders, swarm.leechers});
    }
    return out;
}

std::vector<Infohash> Downloads::wanted() const {
    std::vector<Infohash> out;
    for (const auto& [infohash, download] : table_) {
        const auto state = download.state();
        if (state == State::Paused || state == State::Failed) continue;
        if (state != State::Seeding || download.progress.peers == 0) out.push_back(infohash);
    }
    return out;
}

bool Downloads::has_pieces(const Infohash& infohash) const {
    const auto* download = find(infohash);
    if (!download || !download->in_session || !download->has_metadata()) return false;
    const auto state = download->state();
    return state != State::Paused && state != State::Failed && download->progress.done > 0;
}

void Downloads::remember_peers(Download& download, const std::vector<Endpoint>& peers) {
    for (const auto& peer : peers) {
        std::erase(download.peers, peer);
        download.peers.push_back(peer);
    }
    if (download.peers.size() > peers_max)
        download.peers.erase(download.peers.begin(), download.peers.end() - peers_max);
}

}  // namespace warren::torrent
