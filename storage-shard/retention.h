// Retention: how much of a community is kept. Records go oldest first; below the floor nothing is
// kept and nothing is taken again, but for what later records rest on (who founded a channel, what
// the directory announces).
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/record.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

// Zero: no limit.
struct Retention {
    std::uint64_t age_ms = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    bool keeps_all() const { return age_ms == 0 && records == 0 && bytes == 0; }
    bool operator==(const Retention&) const = default;
};

// Content may go; what gives meaning or permission to other records stays.
bool may_be_pruned(protocol::RecordKind kind);

// Records before this time were pruned. 0: none ever was.
Result<GlobalTime> read_floor(Connection& connection);
Result<void> write_floor(Connection& connection, GlobalTime floor);

}  // namespace warren::shard
