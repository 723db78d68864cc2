// Kinds of records by the names that their types give them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/community/control_records.h"

namespace warren::api {

// "message-9" where no type of this program has it.
std::string name_of_kind(const CommunityId& community, std::uint8_t kind);
std::optional<std::uint8_t> kind_of_name(const CommunityId& community, std::string_view name);
// "permit", "authorize", "revoke", "undo".
std::optional<protocol::Rights> right_of_name(std::string_view name);
std::vector<std::string> names_of_rights(protocol::Rights rights);

}  // namespace warren::api
