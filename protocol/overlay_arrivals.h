// What has arrived of an answer to a FETCH: pieces of long records, put together again, and how far
// into the ranges that were asked for whole.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "protocol/overlay_messages.h"

namespace warren::protocol {

// Puts fragments together again: bounded in bytes and time.
class Assembly {
public:
    std::optional<Bytes> add(Nanoseconds now, const MemberId& from, const Fragment& fragment);
    std::size_t bytes() const { return bytes_; }

private:
    struct Piece {
        std::vector<Bytes> parts;
        std::size_t have = 0, bytes = 0;
        Nanoseconds expires = 0;
    };
    using Key = std::pair<MemberId, RecordRef>;
    void forget(std::map<Key, Piece>::iterator at);

    std::map<Key, Piece> pieces_;
    std::size_t bytes_ = 0;
};

// Records come in their order, so the parts of an answer that arrived say which stretches are still
// to come: before the first, between two that are not neighbours, behind the last.
class Arrivals {
public:
    // Of whole records, in order; `first` to `last` are the parts of the answer that held them.
    void add(std::uint8_t first, std::uint8_t last, const RecordRef& lower, const RecordRef& upper);
    void note_end(std::uint8_t parts, bool cut) {
        parts_ = parts;
        cut_ = cut;
    }
    // What is still to come of a range.
    std::vector<SyncRange> rest_of(const SyncRange& range) const;
    // The parts seen are all there are.
    bool complete(std::uint64_t parts_seen) const;

private:
    struct Stretch {
        std::uint8_t first = 0, last = 0;
        RecordRef lower, upper;
    };
    std::vector<Stretch> stretches_;  // by part
    std::uint8_t parts_ = 0;          // of the answer; none came yet
    bool cut_ = false;
};

std::uint64_t full_mask(std::uint8_t parts);  // a bit for each part of an answer

// What lies in the one and not in the others.
std::vector<SyncRange> without(const SyncRange& range, std::vector<SyncRange> others);

}  // namespace warren::protocol
