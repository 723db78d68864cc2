// The pool of threads: the only place where calls may block. Each file has a strand that keeps its
// calls in order; which strand runs next is decided here, on the loop, so nothing is shared and
// nothing locked. A disk that hangs holds the threads that wait for it, and these are replaced.
// Why the scheduler is our own: docs/decisions.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/pipe/loop.h"
#include "runtime/pipe/tap.h"

namespace warren::storage {

using pipe::Task;
namespace asio = boost::asio;

// What somebody waits for; what opens a file (it may read all of its keys); what can wait: batches
// of other nodes' records, indexing, maintenance.
enum class Priority : std::uint8_t { Interactive, Opening, Bulk };
inline constexpr std::size_t priority_count = 3;

class Executor {
public:
    struct Limits {
        unsigned threads = 4;       // kept free of disks that hang
        unsigned threads_max = 64;  // with those that wait for them
        unsigned openings_max = 2;  // at a time
    };
    // How a job is queued. Work whose deadline passed before its turn is dropped, not run.
    struct Terms {
        Terms(Nanoseconds until, Priority class_of_work = Priority::Interactive)
            : deadline(until), priority(class_of_work) {}
        // Runs however late; only its caller is told at the deadline.
        static Terms always(Nanoseconds until) {
            Terms out(until);
            out.must_run = true;
            return out;
        }
        Nanoseconds deadline;
        Priority priority;
        bool must_run = false;
    };

private:
    struct Job {
        Priority priority = Priority::Interactive;
        Nanoseconds queued = 0;
        Nanoseconds deadline = 0;        // 0: it must run, however late
        std::function<void()> prepare;   // on the loop, when its turn has come
        std::function<void()> work;      // on a thread
        std::function<void()> complete;  // on the loop
    };
    struct Line {
        std::string name;
        std::array<std::deque<std::shared_ptr<Job>>, priority_count> waiting;
        std::array<bool, priority_count> listed{};  // in the ring of that priority
        bool running = false;
        bool hung = false;
    };

public:
    // One job of a strand runs at a time; those of one priority in their order.
    using Strand = std::shared_ptr<Line>;

    Executor(asio::io_context& loop, pipe::Metrics& metrics, Limits limits);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    // The name is what a log line says when the disk under it hangs.
    static Strand make_strand(std::string name) {
        auto out = std::make_shared<Line>();
        out->name = std::move(name);
        return out;
    }

    // When the deadline passes first, the caller is told. A job that runs then is not undone, so
    // jobs are idempotent.
    template <typename T>
    Task<Result<T>> run(Strand strand, std::function<Result<T>()> work, Terms terms) {
        auto promise = std::make_shared<pipe::Promise<Result<T>>>(loop_);
        auto result = std::make_shared<std::optional<Result<T>>>();
        auto job = std::make_shared<Job>();
        job->priority = terms.priority;
        job->deadline = terms.must_run ? 0 : terms.deadline;
        job->work = [work = std::move(work), result] { result->emplace(work()); };
        job->complete = [promise, result] { promise->set(std::move(**result)); };
        queue(strand, job);
        auto out = co_await promise->wait(terms.deadline);
        if (out) co_return std::move(*out);
        if (!terms.must_run) withdraw(*strand, job);
        co_return Error{ErrorKind::Expired, "the disk did not answer in time"};
    }
    // Nobody waits for it, and it runs however late. `prepare` chooses, when its turn has come,
    // what the job will do: so a group is all that gathered while the job was queued.
    struct Posted {
        std::function<void()> prepare, work, complete;
        Priority priority = Priority::Interactive;
    };
    void post(const Strand& strand, Posted posted);
    // The same, said by a job from its thread.
    void post_from_thread(Strand strand, std::function<void()> work);

    // Nothing waits, and what runs waits for a disk that hangs.
    bool idle() const;
    void on_idle(std::function<void()> then) { on_idle_ = std::move(then); }
    void on_hung(std::function<void(const std::string& name)> tell) {
        tell_hung_ = std::move(tell);
    }
    static bool is_hung(const Strand& strand) { return strand->hung; }
    std::size_t threads() const { return threads_.size(); }

private:
    struct Thread {
        asio::io_context box{1};  // where its jobs are put
        asio::executor_work_guard<asio::io_context::executor_type> open{box.get_executor()};
        std::thread thread;
        Strand line;  // null: idle
        std::shared_ptr<Job> job;
        Nanoseconds since = 0;  // of the job, or of being idle
    };
    using Ring = std::deque<Strand>;

    void queue(const Strand& strand, std::shared_ptr<Job> job);
    void withdraw(Line& line, const std::shared_ptr<Job>& job);
    void list(const Strand& strand);
    void dispatch();
    bool start_next();
    Strand next_line(Priority& priority);
    Strand take(Priority priority);
    bool may_start(Priority priority) const;
    void start(Thread& thread, Strand line, Priority priority);
    void ended(Thread& thread);
    std::size_t running(Priority priority, Nanoseconds at_most) const;
    std::size_t held() const;
    Thread* idle_thread();
    void add_thread();
    bool grow();
    void shrink();
    void watch();
    static Nanoseconds oldest_of(const Line& line, Nanoseconds now);
    void tell_hung(Line& line, Nanoseconds span);
    void show() const;
    void after(asio::steady_timer& timer, bool& set, Nanoseconds span, void (Executor::*then)());

    asio::io_context& loop_;
    pipe::Metrics& metrics_;
    Limits limits_;
    std::array<Ring, priority_count> rings_;
    std::vector<std::unique_ptr<Thread>> threads_;  // in order of their making
    std::size_t queued_ = 0;
    std::size_t picks_ = 0;
    asio::steady_timer starved_, surplus_, watch_;
    bool starving_ = false, shrinking_ = false, watching_ = false;
    Nanoseconds told_grown_ = 0, told_hung_ = 0;
    std::function<void()> on_idle_;
    std::function<void(const std::string&)> tell_hung_;
};

}  // namespace warren::storage
