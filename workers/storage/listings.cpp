// See listings.h.
#include "workers/storage/listings.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"

namespace warren::storage {

namespace {

constexpr double fading_ms = 30.0 * 86'400'000;
constexpr std::int64_t unknown_age_ms = std::int64_t{90} * 86'400'000;

std::size_t number_of(ChannelOrder order) {
    return static_cast<std::size_t>(order);
}

double weight(const shard::Standing& standing) {
    const auto balance = standing.up > standing.down ? standing.up - standing.down : 0;
    return 1 + static_cast<double>(standing.subscribers) + static_cast<double>(balance);
}

// Text that sorts as the numbers do, the largest first. They are not negative, so their bits are in
// their order.
std::string descending(double number) {
    return to_hex(Writer().u64(~std::bit_cast<std::uint64_t>(number)).take());
}

}  // namespace

double popularity(const shard::ListedChannel& channel, std::int64_t now_ms) {
    const auto age_ms = std::max<std::int64_t>(now_ms - channel.updated_ms, 0);
    return weight(channel.standing) * std::exp2(-static_cast<double>(age_ms) / fading_ms);
}

template <typename Change>
void Listings::change(const CommunityId& id, const Change& change) {
    auto& entry = entries_[id];
    if (entry.shown())
        for (std::size_t i = 0; i < orders_.size(); ++i)
            orders_[i].erase(entry.places[i]);
    if (entry.known_ms == 0) entry.known_ms = now_ms_;
    change(entry);
    const auto* now = entry.shown();
    if (entry.is_empty()) entries_.erase(id);
    if (!now) return;
    // A date in the future is now; of a channel that is not held here nobody knows it.
    const auto updated =
        now->updated_ms > 0 ? std::min(now->updated_ms, now_ms_) : entry.known_ms - unknown_age_ms;
    const auto since = static_cast<double>(std::max<std::int64_t>(updated, 0));
    entry.places[number_of(ChannelOrder::Name)] = {now->sort_key, id};
    entry.places[number_of(ChannelOrder::Popularity)] = {
        descending(std::log2(weight(entry.standing)) + since / fading_ms), id};
    entry.places[number_of(ChannelOrder::Updated)] = {
        descending(static_cast<double>(std::clamp<std::int64_t>(now->updated_ms, 0, now_ms_))), id};
    for (std::size_t i = 0; i < orders_.size(); ++i)
        orders_[i].insert(entry.places[i]);
}

void Listings::forget_slot(std::uint8_t slot) {
    const bool of_directory = slot == process::slot_of(protocol::directory_community());
    std::vector<CommunityId> there;
    for (const auto& [id, entry] : entries_)
        if (of_directory || (entry.own && entry.own_slot == slot) ||
            (entry.announced && entry.announced_slot == slot))
            there.push_back(id);
    for (const auto& id : there)
        change(id, [&](Entry& entry) {
            if (entry.own_slot == slot) entry.own.reset();
            if (entry.announced_slot == slot) entry.announced.reset();
            if (of_directory) entry.standing = {};
        });
}

bool Listings::apply(std::uint8_t slot, const shard::Seen& since, shard::Changes changes,
                     std::int64_t now_ms) {
    if (seen_[slot] != since) return false;
    seen_[slot] = changes.now;
    now_ms_ = now_ms;
    if (changes.whole) forget_slot(slot);
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
    for (const auto& [id, standing] : changes.standings)
        change(id, [&](Entry& entry) { entry.standing = standing; });
    return true;
}

ChannelPage Listings::page(const ChannelQuestion& question) const {
    ChannelPage out;
    std::size_t used = 0;
    const auto& order = orders_[number_of(question.order)];
    auto at = question.after ? order.upper_bound(*question.after) : order.begin();
    const shard::ChannelCursor* last = nullptr;
    for (; at != order.end() && out.channels.size() < question.limit && used < question.bytes;
         ++at) {
        if (question.only && !question.only->contains(at->id)) continue;
        const auto& entry = entries_.at(at->id);
        out.channels.push_back(*entry.shown());
        auto& channel = out.channels.back();
        channel.standing = entry.standing;
        used += channel.name.size() + channel.description.size() + 200;  // and ids
        last = &*at;
    }
    out.more = at != order.end() && last != nullptr;
    if (out.more) out.next = shard::cursor_text(*last);
    return out;
}

}  // namespace warren::storage
