// One thread for file work that may block (hashing pieces, looking at names on a disk that may
// hang), so that the loop never does. In the source test's allow-list of threads for exactly that
// reason.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/pipe/loop.h"

namespace warren::torrent {

class DiskThread {
public:
    explicit DiskThread(pipe::asio::io_context& io) : io_(io) {}
    ~DiskThread() {
        pool_.stop();
        pool_.join();
    }

    // Runs `work` (which must not throw and owns all it touches) and comes back to the loop;
    // nothing when the deadline passed first, while the work goes on.
    template <typename Work>
    pipe::Task<std::optional<std::invoke_result_t<Work>>> run(Work work, Nanoseconds deadline) {
        using Out = std::invoke_result_t<Work>;
        auto done = std::make_shared<pipe::Promise<Out>>(io_);
        ++waiting_;
        pipe::asio::post(pool_, [this, done, work = std::move(work)]() mutable {
            auto out = std::make_shared<Out>(work());
            // The promise belongs to the loop: it is set, and let go of, there.
            pipe::asio::post(io_, [this, done = std::move(done), out] {
                --waiting_;
                done->set(std::move(*out));
            });
        });
        co_return co_await done->wait(deadline);
    }

    // Pieces of work that have not come back, whether or not somebody still waits for them.
    int waiting() const { return waiting_; }

private:
    pipe::asio::io_context& io_;
    int waiting_ = 0;
    pipe::asio::thread_pool pool_{1};
};

}  // namespace warren::torrent
