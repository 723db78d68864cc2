// Who may speak to whom, and ask what (design section 3). The one table of edges: outboxes connect
// along it, inboxes check against it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/process/roster.h"

namespace warren::pipe {

using process::Role;

bool may_ask(Role writer, Role reader, std::uint8_t union_tag);
std::vector<Role> readers_of(Role writer);

// The name ZAP hands to the inbox for a role's key, and back.
std::string user_name(Role role);
std::optional<Role> role_of_user(const std::string& user);

}  // namespace warren::pipe
