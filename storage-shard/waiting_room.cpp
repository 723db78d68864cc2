// See waiting_room.h.
#include "storage-shard/waiting_room.h"

#include <algorithm>

namespace warren::shard {

namespace {

constexpr std::size_t overhead_bytes = 512;  // of lists, tables and the claim

std::size_t size_of(const WaitingRoom::Guest& guest) {
    std::size_t out = overhead_bytes + guest.packet.size();
    if (guest.claim) out += guest.claim->grants.size() * sizeof(protocol::Grant);
    if (guest.claim) out += guest.claim->needs.size() * sizeof(protocol::Need);
    return out;
}

}  // namespace

void WaitingRoom::put(Guest guest) {
    const auto size = size_of(guest);
    if (size > limits_.author_bytes_max || by_id_.contains(guest.ref.id)) return;
    while (bytes_ + size > limits_.bytes_max)
        evict(guests_.begin());
    auto found = lines_.find(guest.author);
    while (found != lines_.end() && found->second.bytes + size > limits_.author_bytes_max) {
        evict(found->second.guests.front());
        found = lines_.find(guest.author);
    }
    const auto at = guests_.insert(guests_.end(), std::move(guest));
    by_id_.emplace(at->ref.id, at);
    auto& line = lines_[at->author];
    line.guests.push_back(at);
    line.bytes += size;
    bytes_ += size;
}

void WaitingRoom::evict(Guests::iterator oldest) {
    ++evicted_;
    leave(oldest);
}

void WaitingRoom::leave(Guests::iterator guest) {
    const auto size = size_of(*guest);
    const auto line = lines_.find(guest->author);
    std::erase(line->second.guests, guest);
    line->second.bytes -= size;
    bytes_ -= size;
    if (line->second.guests.empty()) lines_.erase(line);
    by_id_.erase(guest->ref.id);
    guests_.erase(guest);
}

std::vector<WaitingRoom::Guest> WaitingRoom::take(const protocol::Permissions::Effects& effects) {
    std::vector<Guest> out;
    for (auto at = guests_.begin(); at != guests_.end();) {
        const auto here = at++;
        if (here->claim && !effects.reach(*here->claim)) continue;
        out.push_back(*here);
        leave(here);
    }
    return out;
}

std::vector<WaitingRoom::Guest> WaitingRoom::take_all() {
    protocol::Permissions::Effects all;
    all.end_changed = true;
    return take(all);
}

const WaitingRoom::Guest* WaitingRoom::find(const RecordRef& ref) const {
    const auto found = by_id_.find(ref.id);
    return found == by_id_.end() ? nullptr : &*found->second;
}

}  // namespace warren::shard
