// Retention: how much of a community is kept. Records go oldest first; below the floor nothing is
// kept and nothing is taken again, but for what later records rest on (who founded a channel, what
// the directory announces).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "protocol/record.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

// Zero: no limit.
struct Retention {
    std::uint64_t age_ms = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  // of the file's pages in use
    bool keeps_all() const { return age_ms == 0 && records == 0 && bytes == 0; }
    bool operator==(const Retention&) const = default;
};
Bytes encode(const Retention& rule);
Result<Retention> decode_retention(ByteView bytes);

// Content may go; what gives meaning or permission to other records stays.
bool may_be_pruned(protocol::RecordKind kind);

// Records before this time were pruned. 0: none ever was.
Result<GlobalTime> read_floor(Connection& connection);
Result<void> write_floor(Connection& connection, GlobalTime floor);
// The community's own rule, if it has one.
Result<std::optional<Retention>> read_retention(Connection& connection);

// How far the community's clock had come at a moment of ours: what makes records old. An author's
// own date would let him choose.
struct AgeMark {
    std::int64_t at_ms = 0;
    GlobalTime clock = 0;
    bool operator==(const AgeMark&) const = default;
};
// The marks that are still needed, with one for now when the last is old enough; in order of time.
std::vector<AgeMark> mark_age(std::vector<AgeMark> marks, std::uint64_t age_ms, const AgeMark& now);
// Records before this time are older than `age_ms`. 0: none.
GlobalTime older_than(const std::vector<AgeMark>& marks, std::uint64_t age_ms, std::int64_t now_ms);

// One step of pruning holds the shard for a few milliseconds, whatever the disk is like: it ends at
// its time, and its size follows what the last one took.
struct PruneBudget {
    static constexpr Nanoseconds goal = 4_ms;
    static constexpr std::size_t rows_least = 16, rows_most = 4096;
    // Then a checkpoint, while it takes no longer than a step.
    static constexpr int log_pages = 512;
    std::size_t rows = 64;
    // Only rows before this one go: listings have seen them, and know by one that stays how far
    // they came.
    std::int64_t before_body = std::numeric_limits<std::int64_t>::max();

    void adapt(Nanoseconds took);
};
struct PruneStep {
    std::uint64_t pruned = 0;
    GlobalTime floor = 0;
    bool more = false;
    bool waits = false;  // more is to go, but none of it may yet (PruneBudget::before_body)
};

}  // namespace warren::shard
