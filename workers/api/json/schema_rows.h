// Between the files that hold the rows.
#pragma once

#include "workers/api/json/schema.h"

namespace warren::api::json {

using enum Type;
inline constexpr std::int64_t big = INT64_MAX;

inline Member text(std::string_view name, std::int64_t min, std::int64_t max,
                   std::string_view note = "") {
    return {.name = name, .type = Text, .min = min, .max = max, .note = note};
}
inline Member text(std::string_view name, std::string_view note = "") {
    return {.name = name, .type = Text, .note = note};
}
inline Member choice(std::string_view name, std::string_view choices, std::string_view note = "") {
    return {.name = name, .type = Text, .of = choices, .note = note};
}
inline Member hex(std::string_view name, std::int64_t digits, std::string_view note = "") {
    return {.name = name, .type = Hex, .max = digits, .note = note};
}
inline Member count(std::string_view name, std::string_view note = "") {
    return {.name = name, .type = Integer, .min = 0, .max = big, .note = note};
}
inline Member integer(std::string_view name, std::int64_t min, std::int64_t max,
                      std::string_view note = "") {
    return {.name = name, .type = Integer, .min = min, .max = max, .note = note};
}
inline Member number(std::string_view name, std::string_view note) {
    return {.name = name, .type = Number, .note = note};
}
inline Member flag(std::string_view name, std::string_view note = "") {
    return {.name = name, .type = Flag, .note = note};
}
inline Member list(std::string_view name, std::string_view of, std::string_view note = "") {
    return {.name = name, .type = List, .of = of, .note = note};
}
inline Member optional(Member member) {
    member.need = Need::Optional;
    return member;
}
inline Member base64(std::string_view name, std::string_view note) {
    return {.name = name, .type = Base64, .need = Need::Optional, .note = note};
}
inline Member next() {
    return optional(text("next", "Give this as `after` for the next page; absent on the last."));
}

// schemas_people.cpp
void add_rights(std::vector<Schema>& rows);
void add_people(std::vector<Schema>& rows);

}  // namespace warren::api::json
