// Which strand runs next, and how many threads there are. See executor.h.
#include "workers/storage/executor.h"

#include <algorithm>

#include "runtime/process/log.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds held_after = 20_ms;  // a thread that works this long may wait for a disk
constexpr Nanoseconds hung_after = 1_s;
constexpr Nanoseconds surplus_after = 5_s;
constexpr Nanoseconds look_every = 250_ms;
constexpr Nanoseconds tell_every = 5_s;

// Whose turn it is, pick by pick; where nothing waits, the others follow in order of priority. So
// what can wait gets one pick of eight even when people keep all threads busy.
constexpr std::array<Priority, 8> rota = {
    Priority::Interactive, Priority::Interactive, Priority::Interactive, Priority::Opening,
    Priority::Interactive, Priority::Interactive, Priority::Interactive, Priority::Bulk};
constexpr std::array<Priority, priority_count> by_rank = {Priority::Interactive, Priority::Opening,
                                                          Priority::Bulk};
constexpr std::array<std::string_view, priority_count> wait_metric = {
    "storage_wait_interactive_seconds", "storage_wait_opening_seconds",
    "storage_wait_bulk_seconds"};

std::size_t at(Priority priority) {
    return static_cast<std::size_t>(priority);
}

}  // namespace

Executor::Executor(asio::io_context& loop, pipe::Metrics& metrics, Limits limits)
    : loop_(loop), metrics_(metrics), limits_(limits), starved_(loop), surplus_(loop),
      watch_(loop) {
    for (unsigned i = 0; i < limits_.threads; ++i)
        add_thread();
}

Executor::~Executor() {
    for (auto& thread : threads_)
        thread->box.stop();
    for (auto& thread : threads_)
        thread->thread.join();
}

void Executor::post(const Strand& strand, Posted posted) {
    auto job = std::make_shared<Job>();
    job->priority = posted.priority;
    job->prepare = std::move(posted.prepare);
    job->work = std::move(posted.work);
    job->complete = std::move(posted.complete);
    queue(strand, std::move(job));
}

void Executor::post_from_thread(Strand strand, std::function<void()> work) {
    asio::post(loop_, [this, strand = std::move(strand), work = std::move(work)]() mutable {
        post(strand, {.prepare = {}, .work = std::move(work), .complete = {}});
    });
}

void Executor::queue(const Strand& strand, std::shared_ptr<Job> job) {
    job->queued = monotonic_now();
    strand->waiting[at(job->priority)].push_back(std::move(job));
    ++queued_;
    if (!strand->running) list(strand);
    dispatch();
    after(watch_, watching_, look_every, &Executor::watch);
    show();
}

void Executor::withdraw(Line& line, const std::shared_ptr<Job>& job) {
    auto gone = std::erase(line.waiting[at(job->priority)], job);
    queued_ -= gone;
    metrics_.counter("storage_jobs_expired_total") += gone;
    show();
}

// A strand is in the ring of each priority that it has work of, while none of its work runs.
void Executor::list(const Strand& strand) {
    for (auto priority : by_rank) {
        auto i = at(priority);
        if (strand->listed[i] || strand->waiting[i].empty()) continue;
        strand->listed[i] = true;
        rings_[i].push_back(strand);
    }
}

// The first strand of the ring that has work to start; it leaves the ring.
Executor::Strand Executor::take(Priority priority) {
    auto& ring = rings_[at(priority)];
    const auto now = monotonic_now();
    while (!ring.empty()) {
        auto line = std::move(ring.front());
        ring.pop_front();
        line->listed[at(priority)] = false;
        if (line->running) continue;  // listed again when that ends
        auto& waiting = line->waiting[at(priority)];
        while (!waiting.empty() && waiting.front()->deadline != 0 &&
               waiting.front()->deadline <= now) {
            waiting.pop_front();
            --queued_;
            ++metrics_.counter("storage_jobs_expired_total");
        }
        if (!waiting.empty()) return line;
    }
    return nullptr;
}

// Bulk and openings leave one thread to what somebody waits for. Threads that a disk holds do not
// count: they were replaced.
bool Executor::may_start(Priority priority) const {
    if (priority == Priority::Interactive) return true;
    auto unhurried = running(Priority::Bulk, held_after) + running(Priority::Opening, held_after);
    if (unhurried >= std::max(1u, limits_.threads - 1)) return false;
    return priority != Priority::Opening ||
           running(Priority::Opening, hung_after) < limits_.openings_max;
}

Executor::Strand Executor::next_line(Priority& priority) {
    auto preferred = rota[picks_ % rota.size()];
    if (may_start(preferred)) {
        priority = preferred;
        if (auto line = take(preferred)) return line;
    }
    for (auto other : by_rank) {
        if (other == preferred || !may_start(other)) continue;
        priority = other;
        if (auto line = take(other)) return line;
    }
    return nullptr;
}

bool Executor::start_next() {
    auto* thread = idle_thread();
    if (thread == nullptr) return false;
    auto priority = Priority::Interactive;
    auto line = next_line(priority);
    if (!line) return false;
    ++picks_;
    start(*thread, std::move(line), priority);
    return true;
}

void Executor::dispatch() {
    do {
        while (start_next()) {
        }
    } while (queued_ > 0 && grow());
}

void Executor::start(Thread& thread, Strand line, Priority priority) {
    auto& waiting = line->waiting[at(priority)];
    thread.job = std::move(waiting.front());
    waiting.pop_front();
    --queued_;
    line->running = true;
    thread.line = std::move(line);
    thread.since = monotonic_now();
    metrics_.observe_us(wait_metric[at(priority)],
                        static_cast<std::uint64_t>((thread.since - thread.job->queued) / 1000));
    if (thread.job->prepare) thread.job->prepare();
    asio::post(thread.box, [this, &thread] {
        thread.job->work();
        thread.job->work = nullptr;  // what it holds goes here, not on the loop
        asio::post(loop_, [this, &thread] { ended(thread); });
    });
}

void Executor::ended(Thread& thread) {
    auto line = std::exchange(thread.line, nullptr);
    auto job = std::exchange(thread.job, nullptr);
    const auto now = monotonic_now();
    if (std::exchange(line->hung, false))
        process::log::info("event=storage.disk_answered shard={} after_ms={}", line->name,
                           (now - thread.since) / 1'000'000);
    line->running = false;
    thread.since = now;
    list(line);
    if (job->complete) job->complete();
    dispatch();
    if (on_idle_ && idle()) on_idle_();
    show();
}

std::size_t Executor::running(Priority priority, Nanoseconds at_most) const {
    const auto now = monotonic_now();
    return static_cast<std::size_t>(std::ranges::count_if(threads_, [&](const auto& thread) {
        return thread->line && thread->job->priority == priority && now - thread->since <= at_most;
    }));
}

std::size_t Executor::held() const {
    const auto now = monotonic_now();
    return static_cast<std::size_t>(std::ranges::count_if(threads_, [&](const auto& thread) {
        return thread->line && now - thread->since > held_after;
    }));
}

bool Executor::idle() const {
    const auto busy = static_cast<std::size_t>(std::ranges::count_if(
        threads_, [](const auto& thread) { return thread->line != nullptr; }));
    return busy == held() && std::ranges::all_of(rings_, &Ring::empty);
}

// The oldest first, so that those made for a hanging disk come to rest after it.
Executor::Thread* Executor::idle_thread() {
    auto found = std::ranges::find_if(threads_, [](const auto& thread) { return !thread->line; });
    return found == threads_.end() ? nullptr : found->get();
}

void Executor::add_thread() {
    auto& thread = *threads_.emplace_back(std::make_unique<Thread>());
    thread.since = monotonic_now();
    thread.thread = std::thread([&thread] { thread.box.run(); });
    metrics_.gauge("storage_threads") = static_cast<std::int64_t>(threads_.size());
}

// Work waits that may not start: each thread that a disk holds is replaced. True: try again.
bool Executor::grow() {
    if (std::ranges::all_of(rings_, &Ring::empty)) return false;
    const auto free = threads_.size() - held();
    if (free >= limits_.threads || threads_.size() >= limits_.threads_max) {
        // Nothing may end before one of those that run turns out to be held.
        after(starved_, starving_, held_after, &Executor::dispatch);
        return false;
    }
    add_thread();
    after(surplus_, shrinking_, surplus_after, &Executor::shrink);
    const auto now = monotonic_now();
    if (now < told_grown_ + tell_every) return true;
    told_grown_ = now;
    process::log::unusual("event=storage.pool_grew threads={} held={} reason=\"threads wait for "
                          "disks\"",
                          threads_.size(), held());
    return true;
}

void Executor::shrink() {
    const auto rested = monotonic_now() - surplus_after;
    for (auto i = threads_.size(); i-- > 0 && threads_.size() > limits_.threads;) {
        auto& thread = *threads_[i];
        if (thread.line || thread.since > rested) continue;
        thread.open.reset();
        thread.thread.join();  // it has nothing to do, so this does not wait
        threads_.erase(threads_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    metrics_.gauge("storage_threads") = static_cast<std::int64_t>(threads_.size());
    if (threads_.size() > limits_.threads)
        after(surplus_, shrinking_, surplus_after, &Executor::shrink);
}

// While anything is under way, somebody looks at how long it takes.
void Executor::watch() {
    const auto now = monotonic_now();
    std::int64_t hung = 0;
    auto oldest = now;
    for (const auto& thread : threads_) {
        if (!thread->line) continue;
        if (now - thread->since > hung_after) {
            ++hung;
            tell_hung(*thread->line, now - thread->since);
        }
        oldest = std::min(oldest, oldest_of(*thread->line, now));
    }
    for (const auto& ring : rings_)
        for (const auto& line : ring)
            oldest = std::min(oldest, oldest_of(*line, now));
    metrics_.gauge("storage_shards_hung") = hung;
    metrics_.gauge("storage_oldest_wait_ms") = (now - oldest) / 1'000'000;
    auto busy = [](const auto& thread) { return thread->line != nullptr; };
    if (queued_ > 0 || std::ranges::any_of(threads_, busy))
        after(watch_, watching_, look_every, &Executor::watch);
}

Nanoseconds Executor::oldest_of(const Line& line, Nanoseconds now) {
    auto oldest = now;
    for (const auto& waiting : line.waiting)
        if (!waiting.empty()) oldest = std::min(oldest, waiting.front()->queued);
    return oldest;
}

void Executor::tell_hung(Line& line, Nanoseconds span) {
    if (std::exchange(line.hung, true)) return;
    if (tell_hung_) tell_hung_(line.name);
    const auto now = monotonic_now();
    if (now < told_hung_ + tell_every) return;
    told_hung_ = now;
    process::log::unusual("event=storage.disk_hangs shard={} for_ms={} then=\"its callers get "
                          "errors, others go on\"",
                          line.name, span / 1'000'000);
}

void Executor::show() const {
    const auto busy =
        std::ranges::count_if(threads_, [](const auto& thread) { return thread->line != nullptr; });
    metrics_.gauge("storage_jobs_queued") = static_cast<std::int64_t>(queued_);
    metrics_.gauge("storage_jobs") = static_cast<std::int64_t>(queued_) + busy;
}

// Does nothing when it is set already.
void Executor::after(asio::steady_timer& timer, bool& set, Nanoseconds span,
                     void (Executor::*then)()) {
    if (std::exchange(set, true)) return;
    timer.expires_after(std::chrono::nanoseconds(span));
    timer.async_wait([this, &set, then](const boost::system::error_code& error) {
        if (error) return;  // this executor is gone
        set = false;
        (this->*then)();
    });
}

}  // namespace warren::storage
