#include "runtime/pipe/loop.h"

#include <exception>

namespace warren::pipe {

void spawn(asio::io_context& io, Task<void> task) {
    asio::co_spawn(io, std::move(task), [](const std::exception_ptr& escaped) {
        if (escaped) std::rethrow_exception(escaped);
    });
}

Task<void> sleep_until(asio::io_context& io, Nanoseconds when) {
    asio::steady_timer timer(io,
                             std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when)));
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace warren::pipe
