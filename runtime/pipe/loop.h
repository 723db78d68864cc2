// The one event loop of a worker: Asio with C++20 coroutines, one thread. Each turn is bounded; the
// longest gap between turns is a metric.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/result.h"

namespace warren::pipe {

namespace asio = boost::asio;

template <typename T>
using Task = asio::awaitable<T>;

// Runs a coroutine on its own. An exception that escapes it is our bug and ends the process.
void spawn(asio::io_context& io, Task<void> task);

// Suspends until the time has come.
Task<void> sleep_until(asio::io_context& io, Nanoseconds when);
inline Task<void> sleep_for(asio::io_context& io, Nanoseconds span) {
    return sleep_until(io, monotonic_now() + span);
}

// A one-shot result that a coroutine waits for with a deadline; single-threaded by design.
template <typename T>
class Promise {
public:
    explicit Promise(asio::io_context& io) : timer_(io) {}

    void set(T value) {
        if (value_) return;
        value_ = std::move(value);
        timer_.cancel();
    }
    bool is_set() const { return value_.has_value(); }

    // Nothing when the deadline passed first.
    Task<std::optional<T>> wait(Nanoseconds deadline) {
        while (!value_ && monotonic_now() < deadline) {
            timer_.expires_at(
                std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline)));
            boost::system::error_code ignored;
            co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        co_return std::move(value_);
    }

private:
    asio::steady_timer timer_;
    std::optional<T> value_;
};

}  // namespace warren::pipe
