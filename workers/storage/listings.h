// The channels of all slots in their orders, as a page is asked for: state of the loop, filled with
// what changed in the derived files since the last look.
#pragma once

#include <array>
#include <functional>
#include <set>
#include <unordered_map>

#include "runtime/process/roster.h"
#include "storage-shard/derived_reader.h"

namespace warren::storage {

enum class ChannelOrder : std::uint8_t { Name = 0, Popularity = 1, Updated = 2 };

struct ChannelPage {
    std::vector<shard::ListedChannel> channels;
    bool more = false;
    std::string next;
};
struct ChannelQuestion {
    ChannelOrder order = ChannelOrder::Name;
    std::optional<shard::ChannelCursor> after = std::nullopt;
    std::size_t limit = 0;
    std::size_t bytes = 0;                                     // of text, about
    std::optional<std::set<CommunityId>> only = std::nullopt;  // of these
};

// (1 + subscribers + votes for it beyond those against) x 2^-(days since it changed / 30). All of
// them fade alike, so their order does not depend on the moment.
double popularity(const shard::ListedChannel& channel, std::int64_t now_ms);

class Listings {
public:
    const shard::Seen& seen(std::uint8_t slot) const { return seen_[slot]; }
    // `since` is what was seen when the look began: of two looks at once the second adds nothing.
    bool apply(std::uint8_t slot, const shard::Seen& since, shard::Changes changes,
               std::int64_t now_ms);
    ChannelPage page(const ChannelQuestion& question) const;

private:
    // What a channel says of itself goes before what the directory says of it.
    struct Entry {
        std::optional<shard::ListedChannel> own, announced;
        std::uint8_t own_slot = 0, announced_slot = 0;
        shard::Standing standing;
        std::int64_t known_ms = 0;                   // since when
        std::array<shard::ChannelCursor, 3> places;  // in the orders
        const shard::ListedChannel* shown() const {
            return own ? &*own : announced ? &*announced : nullptr;
        }
        bool is_empty() const { return !shown() && standing == shard::Standing{}; }
    };
    template <typename Change>
    void change(const CommunityId& id, const Change& change);
    void forget_slot(std::uint8_t slot);

    std::array<shard::Seen, process::slot_count> seen_{};
    std::unordered_map<CommunityId, Entry> entries_;
    std::array<std::set<shard::ChannelCursor>, 3> orders_;
    std::int64_t now_ms_ = 0;  // of the change that is applied
};

}  // namespace warren::storage
