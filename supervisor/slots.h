// Which storage worker serves which slot, and how slots move: first taken away, then, when the old
// owners closed their files or died, given to the new ones. So no slot ever has two writers. Pure.
#pragma once

#include <cstdint>
#include <set>

#include "runtime/process/roster.h"

namespace warren::supervisor {

// Rendezvous hashing: adding or removing the last worker moves only that worker's share.
std::uint8_t rendezvous(std::uint8_t slot, std::uint16_t workers);

class SlotTable {
public:
    explicit SlotTable(std::uint16_t workers);

    const process::SlotMap& map() const { return map_; }
    std::uint16_t workers() const { return workers_; }  // that slots are dealt to, or soon will be
    bool moving() const { return moving_; }
    const std::set<std::uint16_t>& waiting_for() const { return waiting_; }

    // Begins a handover to `workers` workers. Only live owners are waited for. True: broadcast the
    // map.
    bool begin(std::uint16_t workers, const std::set<std::uint16_t>& alive);
    // A worker closed what it lost, or died. True: the handover ended, broadcast the map.
    bool released(std::uint16_t worker, std::uint64_t version);
    bool died(std::uint16_t worker);

private:
    bool finish_if_free();

    process::SlotMap map_;
    std::uint16_t workers_ = 0;
    bool moving_ = false;
    std::set<std::uint16_t> waiting_;
};

}  // namespace warren::supervisor
