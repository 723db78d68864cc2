// See listings.h.
#include "workers/storage/listings.h"

namespace warren::storage {

namespace {

shard::ChannelCursor cursor_of(const shard::ListedChannel& channel) {
    return {channel.sort_key, channel.id};
}

}  // namespace

template <typename Change>
void Listings::change(const CommunityId& id, const Change& change) {
    auto& entry = entries_[id];
    if (const auto* before = entry.shown()) order_.erase(cursor_of(*before));
    change(entry);
    if (const auto* now = entry.shown())
        order_.insert(cursor_of(*now));
    else
        entries_.erase(id);
}

bool Listings::apply(std::uint8_t slot, const shard::Seen& since, shard::Changes changes) {
    if (seen_[slot] != since) return false;
    seen_[slot] = changes.now;
    if (changes.whole) {
        std::vector<CommunityId> there;
        for (const auto& [id, entry] : entries_)
            if ((entry.own && entry.own_slot == slot) ||
                (entry.announced && entry.announced_slot == slot))
                there.push_back(id);
        for (const auto& id : there)
            change(id, [slot](Entry& entry) {
                if (entry.own_slot == slot) entry.own.reset();
                if (entry.announced_slot == slot) entry.announced.reset();
            });
    }
    for (auto& channel : changes.channels) {
        auto id = channel.id;
        change(id, [&](Entry& entry) {
            entry.own = std::move(channel);
            entry.own_slot = slot;
        });
    }
    for (auto& channel : changes.announced) {
        auto id = channel.id;
        change(id, [&](Entry& entry) {
            entry.announced = std::move(channel);
            entry.announced_slot = slot;
        });
    }
    return true;
}

ChannelPage Listings::page(const std::optional<shard::ChannelCursor>& after, std::size_t limit,
                           std::size_t bytes) const {
    ChannelPage out;
    std::size_t used = 0;
    auto at = after ? order_.upper_bound(*after) : order_.begin();
    for (; at != order_.end() && out.channels.size() < limit && used < bytes; ++at) {
        const auto* channel = entries_.at(at->id).shown();
        out.channels.push_back(*channel);
        used += channel->name.size() + channel->description.size() + 160;  // and ids
    }
    out.more = at != order_.end();
    if (out.more && !out.channels.empty())
        out.next = shard::cursor_text(cursor_of(out.channels.back()));
    return out;
}

}  // namespace warren::storage
