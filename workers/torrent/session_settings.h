// How the libtorrent session is set up (threat model R-T2, R-T3), and a check that it really is.
#pragma once

#include <libtorrent/fwd.hpp>

#include "base/result.h"
#include "workers/torrent/settings.h"

namespace warren::torrent {

// Which addresses the session neither connects to nor accepts.
lt::ip_filter peer_filter(Reach reach);

lt::settings_pack settings_pack(const TorrentSettings& settings);
lt::session_params session_params(const TorrentSettings& settings);

// Reads everything back from a running session. Blocks on its thread: at start only.
Result<void> check_settings(const lt::session& session, const TorrentSettings& settings);

}  // namespace warren::torrent
