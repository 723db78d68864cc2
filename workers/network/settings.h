// The network worker's settings, out of its section.
#pragma once

#include <string>
#include <vector>

#include "protocol/dht_messages.h"
#include "protocol/discovery_messages.h"
#include "protocol/overlay_types.h"
#include "runtime/process/settings.h"

namespace warren::network {

inline protocol::OverlaySettings overlay_settings(const process::Settings& from) {
    protocol::OverlaySettings out;
    out.lan = from.flag("overlay.lan");
    out.bootstrap = from.flag("overlay.bootstrap");
    out.walk_interval = from.integer("overlay.walk_interval_ms") * 1'000'000;
    out.sync_interval = from.integer("overlay.sync_interval_ms") * 1'000'000;
    out.peers_max = static_cast<std::size_t>(from.integer("overlay.peers_max"));
    out.peers_target = std::max<std::size_t>(out.peers_max * 2 / 3, 1);
    return out;
}

// Those that no record speaks of.
inline std::vector<CommunityId> standing_communities(const process::Settings& from) {
    std::vector<CommunityId> out;
    if (from.flag("overlay.discovery")) out.push_back(protocol::discovery_community);
    if (from.flag("overlay.dht")) out.push_back(protocol::dht_community);
    return out;
}

inline std::vector<std::string> bootstrap_settings(const process::Settings& from) {
    return from.list("overlay.bootstrap_peers");
}

}  // namespace warren::network
