// Small files and directories that the supervisor keeps, written so that a crash leaves the old or
// the new content and nothing between (R-D6).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace warren::supervisor {

enum class Durability { Cached, Synced };

Result<void> write_atomically(const std::string& path, std::string_view content, Durability how);
Result<std::string> read_small_file(const std::string& path);
// Makes it with this mode, or checks what is there: a real directory, ours, and not open to others.
Result<void> own_directory(const std::string& path, unsigned mode);
Result<void> make_parents(const std::string& path);

}  // namespace warren::supervisor
