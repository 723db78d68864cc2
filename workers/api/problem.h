// Errors as a client sees them: RFC 9457 problem documents. Texts come from an allow-list of our
// own sentences: never a path, a statement or a trace.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace warren::api {

// What is wrong at one place of a body ("/name") or query ("?limit").
struct FieldError {
    std::string pointer;
    std::string detail;
};

struct Problem {
    unsigned status = 500;
    std::string type = "about:blank";  // "urn:warren:problem:NAME" where a program may branch on it
    std::string title;
    std::string detail;
    std::string role;  // which part of the node is missing
    unsigned retry_after_s = 0;
    std::string allow;  // 405: the methods that there are
    std::vector<FieldError> errors;
};

std::string_view reason_phrase(unsigned status);
Problem problem(unsigned status, std::string detail);
Problem invalid(std::string detail, std::vector<FieldError> errors);
// A role that cannot serve now: 503 with Retry-After.
Problem role_unavailable(std::string_view role, std::string detail);
// An error that came over a pipe, from this role.
Problem problem_of(const Error& error, std::string_view role);
std::string to_json(const Problem& problem, std::string_view instance);

// A value or the problem that stands in its way.
template <typename T>
class [[nodiscard]] Outcome {
public:
    Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Outcome(Problem problem) : state_(std::in_place_index<1>, std::move(problem)) {}

    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() { return std::get<0>(state_); }
    const T& operator*() const { return std::get<0>(state_); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }
    Problem& problem() { return std::get<1>(state_); }

private:
    std::variant<T, Problem> state_;
};

struct Nothing {};  // Outcome<Nothing>: done

}  // namespace warren::api
