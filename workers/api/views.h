// Domain values as JSON: the allow-list of what a client gets to see.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "runtime/process/roster.h"
#include "workers/api/domain.h"

namespace warren::api {

nlohmann::json to_json(const process::RosterEntry& entry, const process::SlotMap& slots);
nlohmann::json to_json(const Community& community);
nlohmann::json to_json(const Channel& channel);
nlohmann::json to_json(const Torrent& torrent);
nlohmann::json to_json(const Item& item);  // comments, playlists, the moderation log
nlohmann::json to_json(const FoundTorrent& found);
nlohmann::json to_json(const AuthoredRecord& record);
nlohmann::json to_json(const Download& download);
nlohmann::json to_json(const Peer& peer);
nlohmann::json to_json(const SyncState& state);
nlohmann::json to_json(const RetentionRule& rule);
nlohmann::json to_json(const RetentionInForce& found);
nlohmann::json to_json(const Shard& shard);
nlohmann::json to_json(const NodeTask& task);
nlohmann::json to_json(const Backup& backup);

// {"items": [...]}, and "next" when there is more.
template <typename Json, typename List>
Json items(const List& list) {
    Json out = {{"items", Json::array()}};
    for (const auto& entry : list)
        out["items"].push_back(to_json(entry));
    return out;
}

}  // namespace warren::api
