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

SlotTable::SlotTable(std::uint16_t workers) : workers_(workers) {
    map_.version = 1;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot)
        map_.workers[slot] = rendezvous(static_cast<std::uint8_t>(slot), workers);
}

bool SlotTable::begin(std::uint16_t workers, const std::set<std::uint16_t>& alive) {
    waiting_.clear();
    workers_ = workers;
    moving_ = true;
    bool moved = false;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot) {
        auto owner = map_.workers[slot];
        if (owner == rendezvous(static_cast<std::uint8_t>(slot), workers)) continue;
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
        map_.workers[slot] = rendezvous(static_cast<std::uint8_t>(slot), workers_);
    ++map_.version;
    moving_ = false;
    return true;
}

}  // namespace warren::supervisor
