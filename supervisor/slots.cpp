// Slots: rendezvous hashing and the two phases of a handover.
#include "supervisor/slots.h"

#include <array>
#include <cstring>

#include "base/hash.h"

namespace warren::supervisor {

std::uint8_t rendezvous(std::uint8_t slot, std::uint16_t workers) {
    std::uint8_t best = process::slot_unassigned;
    std::uint64_t best_score = 0;
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
        std::array<std::uint8_t, 2> input = {slot, static_cast<std::uint8_t>(worker)};
        auto digest = sha256(input);
        std::uint64_t score = 0;
        std::memcpy(&score, digest.data(), sizeof score);
        if (best != process::slot_unassigned && score <= best_score) continue;
        best = static_cast<std::uint8_t>(worker);
        best_score = score;
    }
    return best;
}

std::uint8_t Placement::owner(std::uint8_t slot) const {
    auto pin = pins.find(slot);
    if (pin != pins.end() && pin->second < workers) return pin->second;
    return rendezvous(slot, workers);
}

std::vector<std::uint8_t> Placement::pinned() const {
    std::vector<std::uint8_t> out;
    for (auto [slot, worker] : pins)
        if (worker < workers) out.push_back(slot);
    return out;
}

SlotTable::SlotTable(Placement placement) : placement_(std::move(placement)) {
    map_.version = 1;
    map_.pinned = placement_.pinned();
    for (std::size_t slot = 0; slot < process::slot_count; ++slot)
        map_.workers[slot] = placement_.owner(static_cast<std::uint8_t>(slot));
}

bool SlotTable::begin(Placement placement, const std::set<std::uint16_t>& alive) {
    waiting_.clear();
    bool moved = map_.pinned != placement.pinned();
    placement_ = std::move(placement);
    map_.pinned = placement_.pinned();
    moving_ = true;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot) {
        auto owner = map_.workers[slot];
        if (owner == placement_.owner(static_cast<std::uint8_t>(slot))) continue;
        if (alive.contains(owner)) waiting_.insert(owner);
        map_.workers[slot] = process::slot_unassigned;
        moved = true;
    }
    if (moved) ++map_.version;
    finish_if_free();
    return moved;
}

bool SlotTable::released(std::uint16_t worker, std::uint64_t version) {
    if (version < map_.version) return false;
    return died(worker);
}

bool SlotTable::died(std::uint16_t worker) {
    return waiting_.erase(worker) > 0 && finish_if_free();
}

bool SlotTable::finish_if_free() {
    if (!moving_ || !waiting_.empty()) return false;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot)
        map_.workers[slot] = placement_.owner(static_cast<std::uint8_t>(slot));
    ++map_.version;
    moving_ = false;
    return true;
}

}  // namespace warren::supervisor
