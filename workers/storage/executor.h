// The pool of threads: the only place where calls may block. One strand per file keeps its calls in
// order; answers come back on the loop. A disk that hangs holds the threads that wait for it and no
// more: when all threads are held, the pool grows.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/pipe/loop.h"
#include "runtime/pipe/tap.h"

namespace warren::storage {

using pipe::Task;
namespace asio = boost::asio;

class Executor {
public:
    using Strand = asio::strand<asio::io_context::executor_type>;

    Executor(asio::io_context& loop, pipe::Metrics& metrics, unsigned threads);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    Strand make_strand() { return asio::make_strand(pool_.get_executor()); }

    // Runs the job in the strand's order. When the deadline passes first, the caller is told and
    // the job's result is dropped; the job itself is not undone, so jobs are idempotent.
    template <typename T>
    Task<Result<T>> run(Strand strand, std::function<Result<T>()> job, Nanoseconds deadline) {
        auto promise = std::make_shared<pipe::Promise<Result<T>>>(loop_);
        began();
        asio::post(strand, [this, job = std::move(job), promise]() mutable {
            auto result = std::make_shared<Result<T>>(job());
            job = nullptr;  // what it holds goes here, not on the loop
            asio::post(loop_, [this, promise = std::move(promise), result = std::move(result)] {
                ended();
                promise->set(std::move(*result));
            });
        });
        auto result = co_await promise->wait(deadline);
        if (!result) co_return Error{ErrorKind::Expired, "the disk did not answer in time"};
        co_return std::move(*result);
    }
    // Nobody waits for it.
    void post(Strand strand, std::function<void()> job);

    std::size_t threads() const { return threads_.size(); }

private:
    void began();
    void probe();
    void ended();
    void add_thread();
    Task<void> grow_if_starved();

    asio::io_context& loop_;
    pipe::Metrics& metrics_;
    asio::io_context pool_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::vector<std::thread> threads_;
    std::size_t in_flight_ = 0;
    bool probing_ = false;
};

}  // namespace warren::storage
