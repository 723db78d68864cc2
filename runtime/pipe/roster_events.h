// What changed in the node, as events on the tap. The supervisor has no tap, so one worker speaks
// for it: the first ready one of the roster.
#pragma once

#include "runtime/pipe/tap.h"
#include "runtime/process/roster.h"

namespace warren::pipe {

using process::Role;

bool speaks_for_the_node(Role role, std::uint16_t index, const process::Roster& roster);

// event.worker.restarted and event.worker.state
void tell_changes(Tap& tap, const process::Roster& before, const process::Roster& after);
// event.slot.moved. `told`: the owners as last seen; slots in handover are left as they are.
// Without a tap it only keeps count, for the day when this worker speaks.
void tell_changes(Tap* tap, process::SlotMap& told, const process::SlotMap& now);

}  // namespace warren::pipe
