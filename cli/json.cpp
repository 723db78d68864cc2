// Lenient access to JSON.
#include "cli/json.h"

namespace warren::cli {

std::optional<Json> parse_json(std::string_view text) {
    auto out = Json::parse(text, nullptr, false);
    if (out.is_discarded()) return std::nullopt;
    return out;
}

std::string dump(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const Json& member(const Json& json, const char* key) {
    static const Json none;
    if (!json.is_object()) return none;
    auto found = json.find(key);
    return found == json.end() ? none : *found;
}

std::string string_at(const Json& json, const char* key) {
    const auto& value = member(json, key);
    if (value.is_string()) return value.get<std::string>();
    return value.is_null() ? "" : dump(value);
}

std::int64_t number_at(const Json& json, const char* key, std::int64_t fallback) {
    const auto& value = member(json, key);
    return value.is_number() ? value.get<std::int64_t>() : fallback;
}

std::uint64_t size_at(const Json& json, const char* key) {
    const auto value = number_at(json, key);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

bool flag_at(const Json& json, const char* key) {
    const auto& value = member(json, key);
    return value.is_boolean() && value.get<bool>();
}

const Json& items_at(const Json& json, const char* key) {
    static const Json none = Json::array();
    const auto& value = member(json, key);
    return value.is_array() ? value : none;
}

}  // namespace warren::cli
