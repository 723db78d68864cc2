// JSON from outside: strict UTF-8, bounded depth and count, no key twice; refused while it is read,
// before a tree exists (a tree 200,000 deep parses and then crashes when it is written).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace warren::api::json {

using Value = nlohmann::json;

inline constexpr std::size_t depth_max = 32;
inline constexpr std::size_t values_max = 10'000;

// Errors are BadInput and begin "line L, column C: ".
Result<Value> parse(std::string_view text);
std::string dump(const Value& value);

}  // namespace warren::api::json
