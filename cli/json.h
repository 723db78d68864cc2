// Reading JSON that may have any shape: a missing or strange member reads as empty.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace warren::cli {

using Json = nlohmann::json;

std::optional<Json> parse_json(std::string_view text);
std::string dump(const Json& json, int indent = -1);
std::string string_at(const Json& json, const char* key);
std::int64_t number_at(const Json& json, const char* key, std::int64_t fallback = 0);
std::uint64_t size_at(const Json& json, const char* key);  // negative reads as 0
bool flag_at(const Json& json, const char* key);
const Json& member(const Json& json, const char* key);    // null if missing
const Json& items_at(const Json& json, const char* key);  // an empty list if missing

}  // namespace warren::cli
