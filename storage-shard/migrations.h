// The shapes of our files: one append-only list of steps per kind. A step, once released, never
// changes; a test opens a file of each earlier version.
#pragma once

#include <cstdint>
#include <span>

#include "storage-shard/sqlite.h"

namespace warren::shard {

enum class FileKind { Community, Node, Derived };

std::span<const char* const> migrations(FileKind kind);

// Brings a file to the newest version. Refuses files of another kind and of a newer version.
Result<void> migrate(Connection& connection, FileKind kind);
// The same for readers, who change nothing.
Result<void> check_version(Connection& connection, FileKind kind);

}  // namespace warren::shard
