#include "runtime/pipe/roster_events.h"

#include <algorithm>

namespace warren::pipe {

namespace {

std::string name_of(const process::RosterEntry& entry) {
    return std::string(process::name_of(entry.role)) + "-" + std::to_string(entry.index);
}

bool same_place(const process::RosterEntry& a, const process::RosterEntry& b) {
    return a.role == b.role && a.index == b.index;
}

}  // namespace

void tell_changes(Tap& tap, const process::RosterEntry& self, const process::Roster& before,
                  const process::Roster& after) {
    const auto speaker =
        std::ranges::find(after, process::WorkerState::Ready, &process::RosterEntry::state);
    if (speaker == after.end() || !same_place(*speaker, self)) return;
    for (const auto& now : after) {
        const auto old =
            std::ranges::find_if(before, [&](const auto& row) { return same_place(row, now); });
        const bool restarted = old != before.end() && now.restarts > old->restarts;
        if (restarted)
            tap.event("event.worker.restarted",
                      {{"worker", name_of(now)}, {"restarts", std::uint64_t{now.restarts}}});
        if (old == before.end() || old->state != now.state)
            tap.event("event.worker.state", {{"worker", name_of(now)},
                                             {"state", std::string(process::name_of(now.state))},
                                             {"reason", now.reason}});
    }
}

void tell_changes(Tap& tap, std::uint16_t self, const process::SlotMap& before,
                  const process::SlotMap& after) {
    for (std::size_t slot = 0; slot < after.workers.size() && slot < before.workers.size(); ++slot)
        if (after.workers[slot] == self && before.workers[slot] != self)
            tap.event("event.slot.moved",
                      {{"slot", std::uint64_t{slot}}, {"to", std::uint64_t{self}}});
}

}  // namespace warren::pipe
