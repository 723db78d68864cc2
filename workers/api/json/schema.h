// Shapes of request and response bodies, as rows. Requests are checked against them, the OpenAPI
// document is made from them, and tests hold our own answers against them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "workers/api/problem.h"

namespace warren::api::json {

enum class Type : std::uint8_t {
    Text,
    Integer,
    Number,
    Flag,
    Hex,     // `max` digits
    Base64,  // `max` characters
    Object,  // of schema `of`
    List,    // of schema `of`, or of texts when that is empty
    Any,     // an object whose members are not ours to say
};
enum class Need : std::uint8_t { Optional, Required };

struct Member {
    std::string_view name;
    Type type = Type::Text;
    Need need = Need::Required;
    std::int64_t min = 0, max = 0;  // Text: bytes; Integer: bounds; both 0: none
    std::string_view of = {};       // schema, or for Text "a|b|c"
    std::string_view note = {};
};

struct Schema {
    std::string_view name;
    std::vector<Member> members = {};
    std::vector<std::string_view> exactly_one = {};  // of these optional members
    bool open = false;                               // further members are allowed
};

std::span<const Schema> schemas();
const Schema* find_schema(std::string_view name);

// What is wrong with the value, by JSON pointer; the first 16 faults.
std::vector<FieldError> check(const nlohmann::json& value, const Schema& schema);
// The row as JSON Schema (OpenAPI 3.1).
nlohmann::json describe(const Schema& schema);

bool is_choice(std::string_view choices, std::string_view word);
bool is_hex(std::string_view text, std::size_t digits);

}  // namespace warren::api::json
