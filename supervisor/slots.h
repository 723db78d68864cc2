// Which storage worker serves which slot, and how slots move: first taken away, then, when the old
// owners closed their files or died, given to the new ones. So no slot ever has two writers. Pure.
// Slots are dealt by rendezvous hashing, but where an operator pinned them.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "runtime/process/roster.h"
#include "runtime/process/slot_pins.h"

namespace warren::supervisor {

// Rendezvous hashing: adding or removing the last worker moves only that worker's share.
std::uint8_t rendezvous(std::uint8_t slot, std::uint16_t workers);

struct Placement {
    std::uint16_t workers = 0;
    process::SlotPins pins;

    // A slot that is pinned to a worker that is not there is dealt like the others.
    std::uint8_t owner(std::uint8_t slot) const;
    std::vector<std::uint8_t> pinned() const;  // those to workers that are there
    bool operator==(const Placement&) const = default;
};

class SlotTable {
public:
    explicit SlotTable(Placement placement);

    const process::SlotMap& map() const { return map_; }
    const Placement& placement() const { return placement_; }  // as it is, or soon will be
    bool moving() const { return moving_; }
    const std::set<std::uint16_t>& waiting_for() const { return waiting_; }

    // Begins a handover. Only live owners are waited for. True: broadcast the map.
    bool begin(Placement placement, const std::set<std::uint16_t>& alive);
    // A worker closed what it lost, or died. True: the handover ended, broadcast the map.
    bool released(std::uint16_t worker, std::uint64_t version);
    bool died(std::uint16_t worker);

private:
    bool finish_if_free();

    process::SlotMap map_;
    Placement placement_;
    bool moving_ = false;
    std::set<std::uint16_t> waiting_;
};

}  // namespace warren::supervisor
