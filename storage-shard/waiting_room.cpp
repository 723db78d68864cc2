// See waiting_room.h.
#include "storage-shard/waiting_room.h"

#include <algorithm>

#include "base/hash.h"

namespace warren::shard {

namespace {

constexpr std::size_t overhead_bytes = 512;  // of lists, tables and the claim
constexpr Nanoseconds expiry_gap = 1'000'000'000;

std::size_t size_of(const WaitingRoom::Guest& guest) {
    std::size_t out = overhead_bytes + guest.packet.size();
    if (guest.claim) out += guest.claim->grants.size() * sizeof(protocol::Grant);
    if (guest.claim) out += guest.claim->needs.size() * sizeof(protocol::Need);
    return out;
}

// Adds unless that would be more than there may be.
bool add_within(std::atomic<std::size_t>& to, std::size_t bytes, std::size_t most) {
    if (to.fetch_add(bytes) + bytes <= most) return true;
    to -= bytes;
    return false;
}

}  // namespace

// Keyed, so that nobody can choose whose place he shares.
std::atomic<std::size_t>& WaitingLedger::place_of(std::uint64_t source) {
    return places_[siphash(key_, Writer().u64(source).take()) % places_.size()];
}

bool WaitingLedger::take(std::uint64_t source, std::size_t bytes) {
    auto& place = place_of(source);
    if (!add_within(place, bytes, source_bytes_max / processes_)) return false;
    if (add_within(bytes_, bytes, bytes_max / processes_)) return true;
    place -= bytes;
    return false;
}

void WaitingLedger::give(std::uint64_t source, std::size_t bytes) {
    place_of(source) -= bytes;
    bytes_ -= bytes;
}

WaitingRoom::~WaitingRoom() {
    (void)take_all();
}

std::size_t WaitingRoom::bytes_of(std::uint64_t source) const {
    const auto at = lines_.find(source);
    return at == lines_.end() ? 0 : at->second.bytes;
}

std::uint64_t WaitingRoom::heaviest_source() const {
    std::uint64_t out = 0;
    std::size_t most = 0;
    for (const auto& [source, line] : lines_)
        if (source != 0 && line.bytes > most) {
            out = source;
            most = line.bytes;
        }
    return out;
}

// What was ours has an allowance of its own: no flood pushes it out.
bool WaitingRoom::make_room(std::uint64_t source, std::size_t size) {
    if (source == 0) {
        while (bytes_of(0) + size > limits_.bytes_max)
            if (!evict_oldest(0)) return false;
        return true;
    }
    while (bytes_of(source) + size > limits_.source_bytes_max)
        if (!evict_oldest(source)) return false;
    while (bytes_ - bytes_of(0) + size > limits_.bytes_max)
        if (!evict_oldest(heaviest_source())) return false;
    while (ledger_ && !ledger_->take(source, size))
        if (!evict_oldest(source)) return false;  // others hold it all
    return true;
}

void WaitingRoom::put(Guest guest, Nanoseconds now) {
    if (now >= expired_at_ + expiry_gap) expire(now);
    const auto source = guest.source;
    const auto size = size_of(guest);
    if (guest.since == 0) guest.since = now;
    if (by_id_.contains(guest.ref.id) || !make_room(source, size)) return;
    const auto at = guests_.insert(guests_.end(), std::move(guest));
    by_id_.emplace(at->ref.id, at);
    auto& line = lines_[source];
    line.guests.push_back(at);
    line.bytes += size;
    bytes_ += size;
}

bool WaitingRoom::evict_oldest(std::uint64_t source) {
    const auto line = lines_.find(source);
    if (line == lines_.end()) return false;
    ++evicted_;
    leave(line->second.guests.front());
    return true;
}

void WaitingRoom::leave(Guests::iterator guest) {
    const auto size = size_of(*guest);
    const auto line = lines_.find(guest->source);
    std::erase(line->second.guests, guest);
    line->second.bytes -= size;
    bytes_ -= size;
    if (ledger_ && guest->source != 0) ledger_->give(guest->source, size);
    if (line->second.guests.empty()) lines_.erase(line);
    by_id_.erase(guest->ref.id);
    guests_.erase(guest);
}

bool WaitingRoom::expire(Nanoseconds now) {
    expired_at_ = now;
    for (auto at = guests_.begin(); at != guests_.end();) {
        const auto here = at++;
        if (here->source != 0 && here->since + life <= now) leave(here);
    }
    return has_others();
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
