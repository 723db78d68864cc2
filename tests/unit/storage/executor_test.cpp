// Order on a strand, answers on the loop, deadlines, turns between strands, and what happens when
// disks hang.
#include "workers/storage/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <span>

using namespace warren;
using storage::Executor;
using storage::Priority;

namespace {

class ExecutorTest : public ::testing::Test {
protected:
    bool run_until(const std::function<bool()>& done) {
        auto deadline = monotonic_now() + 20_s;
        while (!done()) {
            if (monotonic_now() > deadline) return false;
            loop.restart();
            loop.run_one_for(std::chrono::milliseconds(10));
        }
        return true;
    }
    static pipe::Task<void> keep(pipe::Task<Result<int>> task, std::optional<Result<int>>& to) {
        to.emplace(co_await std::move(task));
    }
    void ask(Executor& executor, Executor::Strand strand, std::function<Result<int>()> job,
             Executor::Terms terms, std::optional<Result<int>>& to) {
        pipe::spawn(loop, keep(executor.run<int>(std::move(strand), std::move(job), terms), to));
    }
    static bool all_answered(const std::vector<std::optional<Result<int>>>& answers) {
        return std::ranges::all_of(answers, [](const auto& answer) { return answer.has_value(); });
    }
    // Jobs that note their name, queued while the only thread is kept busy by a first one.
    struct Queue {
        std::promise<void> gate;
        std::vector<std::string> ran;
        std::vector<std::optional<Result<int>>> answers;
    };
    void hold(Executor& executor, Queue& queue) {
        auto held = queue.gate.get_future().share();
        executor.post(Executor::make_strand("gate"),
                      {.prepare = {}, .work = [held] { held.wait(); }, .complete = {}});
    }
    void note(Executor& executor, const Executor::Strand& strand, Queue& queue, std::string name,
              Priority priority) {
        executor.post(strand, {.prepare = {},
                               .work = [&queue, name] { queue.ran.push_back(name); },
                               .complete = {},
                               .priority = priority});
    }
    boost::asio::io_context loop{1};
    pipe::Metrics metrics;
};

// One thread that is never replaced: what runs next is what was chosen.
constexpr Executor::Limits one_thread{1, 1, 2};

}  // namespace

TEST_F(ExecutorTest, AStrandKeepsItsOrder) {
    Executor executor(loop, metrics, {});
    auto strand = Executor::make_strand("s");
    std::vector<int> order;
    std::vector<std::optional<Result<int>>> answers(200);
    for (int i = 0; i < 200; ++i) {
        auto job = [&order, i]() -> Result<int> {
            order.push_back(i);
            return i;
        };
        ask(executor, strand, job, monotonic_now() + 10_s, answers[static_cast<std::size_t>(i)]);
    }
    ASSERT_TRUE(run_until([&] { return all_answered(answers); }));
    EXPECT_EQ(order.size(), 200u);
    EXPECT_TRUE(std::ranges::is_sorted(order));
    EXPECT_EQ(**answers[199], 199);
}

TEST_F(ExecutorTest, HungDisksHoldTheirOwnCallersOnlyAndThePoolShrinksAgain) {
    Executor executor(loop, metrics, {2, 64, 2});
    std::vector<std::string> told;
    executor.on_hung([&](const std::string& name) { told.push_back(name); });
    std::promise<void> disk;
    auto hung = disk.get_future().share();
    std::vector<std::optional<Result<int>>> stuck(6);
    auto wait = [hung]() -> Result<int> {
        hung.wait();
        return 1;
    };
    for (auto& answer : stuck)
        ask(executor, Executor::make_strand("slow"), wait, monotonic_now() + 200_ms, answer);
    std::optional<Result<int>> other;
    auto quick = []() -> Result<int> { return 7; };
    ask(executor, Executor::make_strand("other"), quick, monotonic_now() + 15_s, other);
    EXPECT_TRUE(run_until([&] { return other.has_value() && all_answered(stuck); }));
    ASSERT_TRUE(other && other->ok());
    EXPECT_EQ(**other, 7);
    EXPECT_EQ(stuck[0]->error().kind, ErrorKind::Expired);
    EXPECT_GE(executor.threads(), 7u);
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_shards_hung") == 6; }));
    EXPECT_EQ(told, std::vector<std::string>(6, "slow"));
    EXPECT_TRUE(executor.idle()) << "what hangs is no work";
    disk.set_value();
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_jobs") == 0; }));
    EXPECT_TRUE(run_until([&] { return executor.threads() == 2; }));
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_shards_hung") == 0; }));
}

TEST_F(ExecutorTest, ThePoolStaysWithinItsBound) {
    Executor executor(loop, metrics, {1, 3, 2});
    std::promise<void> disk;
    auto hung = disk.get_future().share();
    std::vector<std::optional<Result<int>>> stuck(8);
    auto wait = [hung]() -> Result<int> {
        hung.wait();
        return 1;
    };
    for (auto& answer : stuck)
        ask(executor, Executor::make_strand("slow"), wait, monotonic_now() + 300_ms, answer);
    EXPECT_TRUE(run_until([&] { return all_answered(stuck); }));
    EXPECT_EQ(executor.threads(), 3u);
    // Those that never began are gone: they are not run for nobody.
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_jobs") == 3; }));
    EXPECT_EQ(metrics.counter("storage_jobs_expired_total"), 5u);
    disk.set_value();
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_jobs") == 0; }));
}

// An import of 10^6 records is a thousand groups of a thousand: counted is what runs before the
// others' calls, so the figure is the same on every machine.
TEST_F(ExecutorTest, OneStrandsImportDelaysNoOthersCall) {
    Executor executor(loop, metrics, one_thread);
    Queue queue;
    hold(executor, queue);
    auto import = Executor::make_strand("import");
    for (int i = 0; i < 1000; ++i)
        note(executor, import, queue, "import", Priority::Bulk);
    note(executor, Executor::make_strand("other"), queue, "publish", Priority::Interactive);
    note(executor, import, queue, "own publish", Priority::Interactive);
    queue.gate.set_value();
    ASSERT_TRUE(run_until([&] { return queue.ran.size() == 1002; }));
    EXPECT_LE(std::ranges::find(queue.ran, "publish") - queue.ran.begin(), 1);
    EXPECT_LE(std::ranges::find(queue.ran, "own publish") - queue.ran.begin(), 3);
}

TEST_F(ExecutorTest, BulkGetsItsShareAndStrandsTakeTurns) {
    Executor executor(loop, metrics, one_thread);
    Queue queue;
    hold(executor, queue);
    auto a = Executor::make_strand("a"), b = Executor::make_strand("b");
    for (int i = 0; i < 100; ++i)
        note(executor, Executor::make_strand("people"), queue, "call", Priority::Interactive);
    for (int i = 0; i < 10; ++i)
        note(executor, a, queue, "a", Priority::Bulk);
    for (int i = 0; i < 10; ++i)
        note(executor, b, queue, "b", Priority::Bulk);
    queue.gate.set_value();
    ASSERT_TRUE(run_until([&] { return queue.ran.size() == 120; }));
    std::vector<std::string> bulk;
    std::ranges::copy_if(queue.ran, std::back_inserter(bulk),
                         [](const auto& name) { return name != "call"; });
    for (std::size_t i = 0; i + 1 < bulk.size(); ++i)
        EXPECT_NE(bulk[i], bulk[i + 1]) << "at " << i;
    auto first_100 = std::span(queue.ran).first(100);
    EXPECT_GE(std::ranges::count_if(first_100, [](const auto& name) { return name != "call"; }),
              100 / 8 - 1);
}

TEST_F(ExecutorTest, BulkAndOpeningsLeaveAThreadToCallers) {
    Executor executor(loop, metrics, {4, 4, 2});
    std::promise<void> disk;
    auto hung = disk.get_future().share();
    std::atomic<int> openings = 0, bulk = 0;
    for (int i = 0; i < 8; ++i)
        executor.post(Executor::make_strand("o"), {.prepare = {},
                                                   .work =
                                                       [&openings, hung] {
                                                           ++openings;
                                                           hung.wait();
                                                       },
                                                   .complete = {},
                                                   .priority = Priority::Opening});
    for (int i = 0; i < 8; ++i)
        executor.post(Executor::make_strand("b"), {.prepare = {},
                                                   .work =
                                                       [&bulk, hung] {
                                                           ++bulk;
                                                           hung.wait();
                                                       },
                                                   .complete = {},
                                                   .priority = Priority::Bulk});
    ASSERT_TRUE(run_until([&] { return openings + bulk == 3; }));
    EXPECT_LE(openings, 2);
    std::optional<Result<int>> call;
    auto quick = []() -> Result<int> { return 7; };
    ask(executor, Executor::make_strand("c"), quick, monotonic_now() + 10_s, call);
    EXPECT_TRUE(run_until([&] { return call.has_value(); }));
    EXPECT_TRUE(call->ok());
    disk.set_value();
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_jobs") == 0; }));
    EXPECT_EQ(openings + bulk, 16);
}

TEST_F(ExecutorTest, WhatMustRunRunsThoughItsCallerGaveUp) {
    Executor executor(loop, metrics, one_thread);
    Queue queue;
    hold(executor, queue);
    bool ran = false;
    std::optional<Result<int>> close, read;
    auto strand = Executor::make_strand("s");
    auto must = [&ran]() -> Result<int> {
        ran = true;
        return 1;
    };
    auto useless = []() -> Result<int> {
        ADD_FAILURE() << "nobody waits for this";
        return 1;
    };
    ask(executor, strand, must, Executor::Terms::always(monotonic_now() + 50_ms), close);
    ask(executor, strand, useless, monotonic_now() + 50_ms, read);
    ASSERT_TRUE(run_until([&] { return close && read; }));
    EXPECT_EQ(close->error().kind, ErrorKind::Expired);
    queue.gate.set_value();
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_jobs") == 0; }));
    EXPECT_TRUE(ran);
}
