#include "workers/api/json/schema.h"

#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace warren::api::json {

namespace {

using nlohmann::json;
constexpr std::size_t errors_max = 16;  // enough to mend a body by; not a way to grow an answer

std::string names_of(const Schema& schema) {
    std::string out;
    for (const auto& member : schema.members)
        out += (out.empty() ? "" : ", ") + std::string(member.name);
    return out.empty() ? "none" : out;
}

// The pointer's escapes (RFC 6901); control characters and bytes that make no sense stay away.
std::string pointer_to(std::string_view parent, std::string_view name) {
    std::string out(parent);
    out += '/';
    for (char c : name.substr(0, 64)) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else
            out += c;
    }
    return out;
}

std::string text_problem(const std::string& text, const Member& member) {
    const auto size = static_cast<std::int64_t>(text.size());
    switch (member.type) {
    case Type::Hex:
        if (!is_hex(text, static_cast<std::size_t>(member.max)))
            return "must be " + std::to_string(member.max) + " hexadecimal digits";
        return {};
    case Type::Base64:
        if (size > member.max && member.max > 0) return "is too long";
        return text.empty() || !from_base64(text) ? "must be base64, not empty" : "";
    default: break;
    }
    if (!member.of.empty() && !is_choice(member.of, text))
        return "must be one of " + std::string(member.of);
    if (member.max > 0 && (size < member.min || size > member.max))
        return "must have " + std::to_string(member.min) + " to " + std::to_string(member.max) +
               " bytes";
    if (text.find('\0') != std::string::npos) return "must not hold a zero byte";
    return {};
}

std::string integer_problem(const json& value, const Member& member) {
    if (!value.is_number_integer()) return "must be a whole number";
    if (member.min == 0 && member.max == 0) return {};
    const bool huge =
        value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX};
    if (huge || value.get<std::int64_t>() < member.min || value.get<std::int64_t>() > member.max)
        return "must be from " + std::to_string(member.min) + " to " + std::to_string(member.max);
    return {};
}

void check_into(std::vector<FieldError>& out, std::string_view at, const json& value,
                const Schema& schema);

void check_list(std::vector<FieldError>& out, const std::string& at, const json& value,
                const Member& member) {
    if (!value.is_array()) {
        out.push_back({at, "must be a list"});
        return;
    }
    const auto* inner = find_schema(member.of);
    for (std::size_t i = 0; i < value.size() && out.size() < errors_max; ++i) {
        const auto here = at + "/" + std::to_string(i);
        if (inner)
            check_into(out, here, value[i], *inner);
        else if (!value[i].is_string())
            out.push_back({here, "must be a text"});
    }
}

void check_member(std::vector<FieldError>& out, const std::string& at, const json& value,
                  const Member& member) {
    std::string wrong;
    switch (member.type) {
    case Type::Text:
    case Type::Hex:
    case Type::Base64:
        wrong = value.is_string() ? text_problem(value.get_ref<const std::string&>(), member)
                                  : "must be a text";
        break;
    case Type::Integer: wrong = integer_problem(value, member); break;
    case Type::Number: wrong = value.is_number() ? "" : "must be a number"; break;
    case Type::Flag: wrong = value.is_boolean() ? "" : "must be true or false"; break;
    case Type::Object:
        if (const auto* inner = find_schema(member.of)) check_into(out, at, value, *inner);
        break;
    case Type::List: check_list(out, at, value, member); break;
    case Type::Any: wrong = value.is_object() ? "" : "must be an object"; break;
    }
    if (!wrong.empty()) out.push_back({at, std::move(wrong)});
}

void check_exactly_one(std::vector<FieldError>& out, std::string_view at, const json& value,
                       const Schema& schema) {
    if (schema.exactly_one.empty()) return;
    std::string names;
    int present = 0;
    for (const auto name : schema.exactly_one) {
        names += (names.empty() ? "" : ", ") + std::string(name);
        if (value.contains(name)) ++present;
    }
    if (present != 1) out.push_back({std::string(at), "needs exactly one of " + names});
}

void check_into(std::vector<FieldError>& out, std::string_view at, const json& value,
                const Schema& schema) {
    if (!value.is_object()) {
        out.push_back({std::string(at), "must be an object"});
        return;
    }
    for (const auto& [name, inner] : value.items()) {
        if (out.size() >= errors_max) return;
        const auto found = std::ranges::find(schema.members, name, &Member::name);
        if (found != schema.members.end())
            check_member(out, pointer_to(at, name), inner, *found);
        else if (!schema.open)
            out.push_back({pointer_to(at, name), "is unknown; known are: " + names_of(schema)});
    }
    for (const auto& member : schema.members)
        if (member.need == Need::Required && !value.contains(member.name))
            out.push_back({pointer_to(at, member.name), "is missing"});
    check_exactly_one(out, at, value, schema);
}

json choices_of(std::string_view choices) {
    auto out = json::array();
    while (!choices.empty()) {
        const auto end = std::min(choices.find('|'), choices.size());
        out.push_back(choices.substr(0, end));
        choices.remove_prefix(std::min(end + 1, choices.size()));
    }
    return out;
}

json reference(std::string_view name) {
    return {{"$ref", "#/components/schemas/" + std::string(name)}};
}

json describe_member(const Member& member) {
    json out = json::object();
    switch (member.type) {
    case Type::Text:
        out["type"] = "string";
        if (!member.of.empty()) out["enum"] = choices_of(member.of);
        // JSON Schema counts characters and we count bytes: only the lower bound means the same.
        if (member.of.empty() && member.min > 0) out["minLength"] = 1;
        if (member.of.empty() && member.max > 0) out["maxLength"] = member.max;
        break;
    case Type::Hex:
        out["type"] = "string";
        out["pattern"] = "^[0-9a-fA-F]{" + std::to_string(member.max) + "}$";
        break;
    case Type::Base64:
        out["type"] = "string";
        out["contentEncoding"] = "base64";
        break;
    case Type::Integer:
        out["type"] = "integer";
        if (member.min != 0 || member.max != 0) {
            out["minimum"] = member.min;
            out["maximum"] = member.max;
        }
        break;
    case Type::Number: out["type"] = "number"; break;
    case Type::Flag: out["type"] = "boolean"; break;
    case Type::Object: out = reference(member.of); break;
    case Type::List:
        out["type"] = "array";
        out["items"] = member.of.empty() ? json{{"type", "string"}} : reference(member.of);
        break;
    case Type::Any: out["type"] = "object"; break;
    }
    if (!member.note.empty()) out["description"] = member.note;
    return out;
}

}  // namespace

bool is_choice(std::string_view choices, std::string_view word) {
    while (!choices.empty()) {
        const auto end = std::min(choices.find('|'), choices.size());
        if (choices.substr(0, end) == word) return true;
        choices.remove_prefix(std::min(end + 1, choices.size()));
    }
    return false;
}

bool is_hex(std::string_view text, std::size_t digits) {
    return text.size() == digits &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

const Schema* find_schema(std::string_view name) {
    const auto rows = schemas();
    const auto found = std::ranges::find(rows, name, &Schema::name);
    return found == rows.end() ? nullptr : &*found;
}

std::vector<FieldError> check(const nlohmann::json& value, const Schema& schema) {
    std::vector<FieldError> out;
    check_into(out, "", value, schema);
    return out;
}

nlohmann::json describe(const Schema& schema) {
    json out = {{"type", "object"}, {"properties", json::object()}};
    auto required = json::array();
    for (const auto& member : schema.members) {
        out["properties"][std::string(member.name)] = describe_member(member);
        if (member.need == Need::Required) required.push_back(member.name);
    }
    if (!required.empty()) out["required"] = required;
    if (!schema.open) out["additionalProperties"] = false;
    for (const auto name : schema.exactly_one)
        out["oneOf"].push_back({{"required", json::array({name})}});
    return out;
}

}  // namespace warren::api::json
