// Makes a torrent of what lies below the share root. Reads only there: every name is opened beneath
// the root without following links (openat2), so no path and no later swap of a directory leads
// out. Blocking by nature: runs on a DiskThread.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace warren::torrent {

struct Created {
    Bytes torrent;     // the .torrent file
    std::string path;  // below the share root
};

// `path`: below the share root, or absolute and below it.
Result<Created> create_torrent(const std::string& share_root, std::string_view path);

// The path below the root in its plain form, or why it cannot be one. Pure.
Result<std::string> path_below(const std::string& root, std::string_view path);

}  // namespace warren::torrent
