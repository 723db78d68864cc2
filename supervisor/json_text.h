// The little JSON that the supervisor writes itself: it reads none.
#pragma once

#include <string>
#include <string_view>

namespace warren::supervisor {

std::string json_quoted(std::string_view text);

}  // namespace warren::supervisor
