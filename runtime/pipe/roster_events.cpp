#include "runtime/pipe/roster_events.h"

#include <algorithm>

namespace warren::pipe {

namespace {

std::string name_of(const process::RosterEntry& entry) {
    return std::string(process::name_of(entry.role)) + "-" + std::to_string(entry.index);
}

}  // namespace

bool speaks_for_the_node(Role role, std::uint16_t index, const process::Roster& roster) {
    const auto speaker =
        std::ranges::find(roster, process::WorkerState::Ready, &process::RosterEntry::state);
    return speaker != roster.end() && speaker->role == role && speaker->index == index;
}

void tell_changes(Tap& tap, const process::Roster& before, const process::Roster& after) {
    for (const auto& now : after) {
        const auto old = std::ranges::find_if(before, [&](const auto& row) {
            return row.role == now.role && row.index == now.index;
        });
        if (old != before.end() && now.restarts > old->restarts)
            tap.event("event.worker.restarted",
                      {{"worker", name_of(now)}, {"restarts", std::uint64_t{now.restarts}}});
        if (old == before.end() || old->state != now.state)
            tap.event("event.worker.state", {{"worker", name_of(now)},
                                             {"state", std::string(process::name_of(now.state))},
                                             {"reason", now.reason}});
    }
}

void tell_changes(Tap* tap, process::SlotMap& told, const process::SlotMap& now) {
    for (std::size_t slot = 0; slot < now.workers.size() && slot < told.workers.size(); ++slot) {
        const auto owner = now.workers[slot];
        auto& last = told.workers[slot];
        if (owner == process::slot_unassigned || owner == last) continue;
        if (tap && last != process::slot_unassigned)
            tap->event("event.slot.moved", {{"slot", std::uint64_t{slot}},
                                            {"from", std::uint64_t{last}},
                                            {"to", std::uint64_t{owner}}});
        last = owner;
    }
}

}  // namespace warren::pipe
