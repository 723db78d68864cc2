// See executor.h.
#include "workers/storage/executor.h"

#include "runtime/process/log.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds starved_after = 50_ms;
constexpr std::size_t threads_max = 256;

}  // namespace

Executor::Executor(asio::io_context& loop, pipe::Metrics& metrics, unsigned threads)
    : loop_(loop), metrics_(metrics), work_(asio::make_work_guard(pool_)) {
    for (unsigned i = 0; i < threads; ++i)
        add_thread();
}

Executor::~Executor() {
    pool_.stop();
    for (auto& thread : threads_)
        thread.join();
}

void Executor::add_thread() {
    threads_.emplace_back([this] { pool_.run(); });
    metrics_.gauge("storage_threads") = static_cast<std::int64_t>(threads_.size());
}

void Executor::post(Strand strand, std::function<void()> job) {
    began();
    asio::post(strand, [this, job = std::move(job)]() mutable {
        job();
        job = nullptr;
        asio::post(loop_, [this] { ended(); });
    });
}

void Executor::began() {
    metrics_.gauge("storage_jobs") = static_cast<std::int64_t>(++in_flight_);
    probe();
}

void Executor::probe() {
    if (in_flight_ < threads_.size() || probing_ || threads_.size() >= threads_max) return;
    probing_ = true;
    pipe::spawn(loop_, grow_if_starved());
}

void Executor::ended() {
    metrics_.gauge("storage_jobs") = static_cast<std::int64_t>(--in_flight_);
}

// A probe outside all strands runs as soon as any thread is free. If none comes free, all of them
// wait for disks, and work on other files needs one more.
Task<void> Executor::grow_if_starved() {
    auto answered = std::make_shared<pipe::Promise<bool>>(loop_);
    asio::post(pool_, [this, answered]() mutable {
        asio::post(loop_, [answered = std::move(answered)] { answered->set(true); });
    });
    auto free = co_await answered->wait(monotonic_now() + starved_after);
    probing_ = false;
    if (free) co_return;
    add_thread();
    process::log::unusual(
        "event=storage.pool_grew threads={} reason=\"all threads wait for disks\"",
        threads_.size());
    probe();
}

}  // namespace warren::storage
