// Reading a magnet link as far as the api needs it: is it one, and of which torrent.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace warren::api {

Result<Infohash> infohash_of_magnet(std::string_view magnet);

}  // namespace warren::api
