// What changed in the node, as events on the tap. The supervisor has no tap, so one worker speaks
// for it: the first ready one of the roster. A slot's new owner tells of the slot.
#pragma once

#include "runtime/pipe/tap.h"
#include "runtime/process/roster.h"

namespace warren::pipe {

// event.worker.restarted and event.worker.state
void tell_changes(Tap& tap, const process::RosterEntry& self, const process::Roster& before,
                  const process::Roster& after);
// event.slot.moved, for slots that this storage worker took over
void tell_changes(Tap& tap, std::uint16_t self, const process::SlotMap& before,
                  const process::SlotMap& after);

}  // namespace warren::pipe
