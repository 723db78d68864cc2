// The proven peers of a network worker as they are kept across restarts (R-U6: anchors). Decoding
// takes bytes from a disk: it refuses what it does not know.
#pragma once

#include "base/result.h"
#include "protocol/overlay_types.h"

namespace warren::protocol {

Bytes encode(const std::vector<CachedPeer>& peers);
Result<std::vector<CachedPeer>> decode_cached_peers(ByteView bytes);

}  // namespace warren::protocol
