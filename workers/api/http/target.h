// The request target: path segments and query, percent-decoded once and after splitting, so that an
// encoded slash never makes a new segment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace warren::api::http {

inline constexpr std::size_t target_bytes_max = 4096;
inline constexpr std::size_t query_pairs_max = 32;

struct Target {
    std::vector<std::string> segments;  // of "/a/b": "a", "b"; of "/a/": "a", ""
    std::vector<std::pair<std::string, std::string>> query;
};

// UTF-8 without control characters, or nothing.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
Result<Target> parse_target(std::string_view target);

}  // namespace warren::api::http
