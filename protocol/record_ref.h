// References to records as people and cursors write them: GLOBAL_TIME.ID, the id in hex.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace warren::protocol {

std::string ref_text(const RecordRef& ref);
std::optional<RecordRef> ref_from(std::string_view text);

}  // namespace warren::protocol
