// Expected failures are values. A Result<T> holds either a T or an Error that says what went wrong
// in words a person can act on. Nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace warren {

// Coarse kinds: what a caller can decide on. The text says the rest.
enum class ErrorKind {
    BadInput,     // the other side sent something wrong
    NotFound,     // the thing named does not exist
    Exists,       // it exists already
    Refused,      // not allowed: permission, limit, policy
    Unavailable,  // cannot be served now; trying again later may work
    Expired,      // the deadline passed
    NoSpace,      // disk or quota full
    Io,           // the system refused an operation
    Damaged,      // what was stored is not what is read
    Environment,  // settings, files or machine are not fit to run
};

struct Error {
    ErrorKind kind = ErrorKind::Io;
    std::string text;
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    Error& error() { return std::get<1>(state_); }
    const Error& error() const { return std::get<1>(state_); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    Error& error() { return *error_; }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

inline Error bad_input(std::string text) {
    return {ErrorKind::BadInput, std::move(text)};
}
inline Error not_found(std::string text) {
    return {ErrorKind::NotFound, std::move(text)};
}
inline Error refused(std::string text) {
    return {ErrorKind::Refused, std::move(text)};
}
inline Error unavailable(std::string text) {
    return {ErrorKind::Unavailable, std::move(text)};
}
inline Error io_error(std::string text) {
    return {ErrorKind::Io, std::move(text)};
}

inline Error damaged(std::string text) {
    return {ErrorKind::Damaged, std::move(text)};
}

}  // namespace warren

#define WARREN_CONCAT_(a, b) a##b
#define WARREN_CONCAT(a, b) WARREN_CONCAT_(a, b)

// WARREN_TRY(auto x, f()): x = value, or return the error from the enclosing function.
#define WARREN_TRY(target, ...)                                                                    \
    WARREN_TRY_(target, WARREN_CONCAT(warren_try_, __LINE__), __VA_ARGS__)
#define WARREN_TRY_(target, temporary, ...)                                                        \
    auto temporary = (__VA_ARGS__);                                                                \
    if (!temporary.ok()) return std::move(temporary.error());                                      \
    target = std::move(*temporary)

// The same where there is no value to take.
#define WARREN_TRY_VOID(...)                                                                       \
    do {                                                                                           \
        auto warren_try_result = (__VA_ARGS__);                                                    \
        if (!warren_try_result.ok()) return std::move(warren_try_result.error());                  \
    } while (false)

// The same in a coroutine.
#define WARREN_CO_TRY(target, ...)                                                                 \
    WARREN_CO_TRY_(target, WARREN_CONCAT(warren_try, __LINE__), __VA_ARGS__)
#define WARREN_CO_TRY_(target, temporary, ...)                                                     \
    auto temporary = (__VA_ARGS__);                                                                \
    if (!temporary.ok()) co_return std::move(temporary.error());                                   \
    target = std::move(*temporary)
#define WARREN_CO_TRY_VOID(...)                                                                    \
    do {                                                                                           \
        auto warren_try_result = (__VA_ARGS__);                                                    \
        if (!warren_try_result.ok()) co_return std::move(warren_try_result.error());               \
    } while (false)
