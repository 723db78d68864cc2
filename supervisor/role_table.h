// The one place where the roles of the node are written down: program, sockets, drain order.
#pragma once

#include <span>
#include <string_view>

#include "runtime/process/roster.h"

namespace warren::supervisor {

using process::Role;

enum class ListenerKind { None, SteeredUdp, SharedTcp };

struct RoleSpec {
    Role role = Role::Supervisor;
    std::string_view program;  // file name, beside warrend
    std::string_view section;  // of its settings
    bool has_inbox = true;
    ListenerKind listener = ListenerKind::None;
    unsigned drain_step = 0;  // upstream first
};

inline constexpr unsigned drain_steps = 5;

std::span<const RoleSpec> role_table();
const RoleSpec& spec_of(Role role);

}  // namespace warren::supervisor
