// The channels of all slots in one order, as a page is asked for: state of the loop, filled with
// what changed in the derived files since the last look.
#pragma once

#include <array>
#include <set>
#include <unordered_map>

#include "runtime/process/roster.h"
#include "storage-shard/derived_reader.h"

namespace warren::storage {

struct ChannelPage {
    std::vector<shard::ListedChannel> channels;
    bool more = false;
    std::string next;
};

class Listings {
public:
    const shard::Seen& seen(std::uint8_t slot) const { return seen_[slot]; }
    // `since` is what was seen when the look began: of two looks at once the second adds nothing.
    bool apply(std::uint8_t slot, const shard::Seen& since, shard::Changes changes);
    // At most `limit` rows, and about `bytes` of text.
    ChannelPage page(const std::optional<shard::ChannelCursor>& after, std::size_t limit,
                     std::size_t bytes) const;

private:
    // What a channel says of itself goes before what the directory says of it.
    struct Entry {
        std::optional<shard::ListedChannel> own, announced;
        std::uint8_t own_slot = 0, announced_slot = 0;
        const shard::ListedChannel* shown() const {
            return own ? &*own : announced ? &*announced : nullptr;
        }
    };
    template <typename Change>
    void change(const CommunityId& id, const Change& change);

    std::array<shard::Seen, process::slot_count> seen_{};
    std::unordered_map<CommunityId, Entry> entries_;
    std::set<shard::ChannelCursor> order_;
};

}  // namespace warren::storage
