// Order on a strand, answers on the loop, deadlines, and growth when disks hang.
#include "workers/storage/executor.h"

#include <gtest/gtest.h>

#include <future>

using namespace warren;
using storage::Executor;

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
    boost::asio::io_context loop{1};
    pipe::Metrics metrics;
};

}  // namespace

TEST_F(ExecutorTest, AStrandKeepsItsOrder) {
    Executor executor(loop, metrics, 4);
    auto strand = executor.make_strand();
    std::vector<int> order;
    std::vector<std::optional<Result<int>>> answers(200);
    for (int i = 0; i < 200; ++i) {
        std::function<Result<int>()> job = [&order, i]() -> Result<int> {
            order.push_back(i);
            return i;
        };
        pipe::spawn(loop, keep(executor.run<int>(strand, std::move(job), monotonic_now() + 10_s),
                               answers[static_cast<std::size_t>(i)]));
    }
    ASSERT_TRUE(run_until([&] {
        return std::ranges::all_of(answers, [](const auto& answer) { return answer.has_value(); });
    }));
    EXPECT_TRUE(std::ranges::is_sorted(order));
    EXPECT_EQ(**answers[199], 199);
}

TEST_F(ExecutorTest, HungDisksHoldTheirOwnCallersOnly) {
    Executor executor(loop, metrics, 2);
    std::promise<void> disk;
    auto hung = disk.get_future().share();
    std::vector<std::optional<Result<int>>> stuck(6);
    for (auto& answer : stuck) {
        std::function<Result<int>()> job = [hung]() -> Result<int> {
            hung.wait();
            return 1;
        };
        auto deadline = monotonic_now() + 200_ms;
        pipe::spawn(loop, keep(executor.run<int>(executor.make_strand(), std::move(job), deadline),
                               answer));
    }
    std::optional<Result<int>> other;
    std::function<Result<int>()> quick = []() -> Result<int> { return 7; };
    pipe::spawn(loop, keep(executor.run<int>(executor.make_strand(), std::move(quick),
                                             monotonic_now() + 15_s),
                           other));
    EXPECT_TRUE(run_until([&] {
        return other.has_value() &&
               std::ranges::all_of(stuck, [](const auto& answer) { return answer.has_value(); });
    }));
    ASSERT_TRUE(other && other->ok());
    EXPECT_EQ(**other, 7);
    EXPECT_EQ(stuck[0]->error().kind, ErrorKind::Expired);
    EXPECT_GT(executor.threads(), 6u);
    disk.set_value();
    EXPECT_TRUE(run_until([&] { return metrics.gauge("storage_jobs") == 0; }));
}
