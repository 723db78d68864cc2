// Finding a route and checking what stands in its path and query.
#include <algorithm>
#include <charconv>

#include "protocol/record_ref.h"
#include "workers/api/json/schema.h"
#include "workers/api/routes.h"

namespace warren::api {

namespace {

std::vector<std::string_view> pattern_segments(std::string_view path) {
    std::vector<std::string_view> out;
    path.remove_prefix(1);
    while (true) {
        const auto end = std::min(path.find('/'), path.size());
        out.push_back(path.substr(0, end));
        if (end == path.size()) return out;
        path.remove_prefix(end + 1);
    }
}

bool is_variable(std::string_view segment) {
    return segment.starts_with('{');
}
std::string_view inside(std::string_view segment) {
    return segment.substr(1, segment.size() - 2);
}

bool match_path(const Route& route, const http::Target& target, Parameters& values) {
    const auto pattern = pattern_segments(route.path);
    if (pattern.size() != target.segments.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (is_variable(pattern[i]) && !target.segments[i].empty())
            values[std::string(inside(pattern[i]))] = target.segments[i];
        else if (pattern[i] != target.segments[i])
            return false;
    }
    return true;
}

std::string value_problem(const Parameter& row, const std::string& value) {
    const auto size = static_cast<std::int64_t>(value.size());
    std::int64_t number = 0;
    switch (row.type) {
    case ParameterType::Text:
        if (size < row.min || size > row.max)
            return "must have " + std::to_string(row.min) + " to " + std::to_string(row.max) +
                   " bytes";
        return {};
    case ParameterType::Integer: {
        const auto end = value.data() + value.size();
        const auto read = std::from_chars(value.data(), end, number);
        if (read.ec != std::errc{} || read.ptr != end || number < row.min || number > row.max)
            return "must be a whole number from " + std::to_string(row.min) + " to " +
                   std::to_string(row.max);
        return {};
    }
    case ParameterType::Choice:
        return json::is_choice(row.choices, value) ? ""
                                                   : "must be one of " + std::string(row.choices);
    }
    return {};
}

std::string names_of(const Route& route) {
    std::string out;
    for (const auto& row : route.query)
        out += (out.empty() ? "" : ", ") + std::string(row.name);
    return out.empty() ? "none" : out;
}

}  // namespace

std::vector<std::string_view> path_parameters(const Route& route) {
    std::vector<std::string_view> out;
    for (const auto segment : pattern_segments(route.path))
        if (is_variable(segment)) out.push_back(inside(segment));
    return out;
}

Match find_route(std::string_view method, const http::Target& target) {
    if (method == "HEAD") method = "GET";
    Match out;
    for (const auto& route : routes()) {
        Parameters values;
        if (!match_path(route, target, values)) continue;
        if (route.method == method) return {&route, std::move(values), {}};
        out.allow += (out.allow.empty() ? "" : ", ") + std::string(route.method);
        if (route.method == "GET") out.allow += ", HEAD";
    }
    return out;
}

Outcome<Nothing> check_path(const Route& route, const Parameters& values) {
    for (const auto name : path_parameters(route)) {
        const auto& value = values.find(name)->second;
        if (name == "role") {
            const auto role = process::role_from(value);
            if (!role || *role == process::Role::Supervisor)
                return problem(404, "there is no such role");
        } else if (name == "name") {
            // Storage says which names there can be.
            if (value.empty() || value.size() > 64) return problem(404, "there is no such name");
        } else if (name == "record") {
            if (!protocol::ref_from(value))
                return invalid("the path names no possible record",
                               {{"{record}", "must be the `ref` of a record: TIME.ID"}});
        } else if (name == "member") {
            if (!json::is_hex(value, 40) && !json::is_hex(value, 148))
                return invalid("the path names no possible member",
                               {{"{member}", "must be 40 hexadecimal digits, or a public key of "
                                             "148"}});
        } else if (name == "agreement") {
            if (!json::is_hex(value, 64))
                return invalid("the path names no possible agreement",
                               {{"{agreement}", "must be 64 hexadecimal digits"}});
        } else if (!json::is_hex(value, 40)) {
            return invalid("the path names no possible id",
                           {{"{" + std::string(name) + "}", "must be 40 hexadecimal digits"}});
        }
    }
    return Nothing{};
}

Outcome<Parameters> check_query(const Route& route, const http::Target& target) {
    Parameters out;
    std::vector<FieldError> errors;
    for (const auto& [name, value] : target.query) {
        const auto row = std::ranges::find(route.query, name, &Parameter::name);
        if (row == route.query.end()) {
            errors.push_back({"?" + name, "is unknown; known are: " + names_of(route)});
            continue;
        }
        if (auto wrong = value_problem(*row, value); !wrong.empty())
            errors.push_back({"?" + name, std::move(wrong)});
        out[name] = value;
    }
    for (const auto& row : route.query)
        if (row.required && !out.contains(row.name))
            errors.push_back({"?" + std::string(row.name), "is missing"});
    if (!errors.empty()) return invalid("the query is not right", std::move(errors));
    return out;
}

}  // namespace warren::api
