// Several questions at once; the answers come together when the last is there. Each has a deadline
// of its own, so this ends.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/pipe/loop.h"

namespace warren::storage {

template <typename T>
struct Gathered {
    Gathered(pipe::asio::io_context& loop, std::size_t count)
        : answers(count), left(count), all(loop) {}
    std::vector<std::optional<Result<T>>> answers;
    std::size_t left;
    pipe::Promise<bool> all;
};

template <typename T>
pipe::Task<void> gather_one(pipe::Task<Result<T>> task, std::shared_ptr<Gathered<T>> into,
                            std::size_t at) {
    auto answer = co_await std::move(task);
    into->answers[at].emplace(std::move(answer));
    if (--into->left == 0) into->all.set(true);
}

template <typename T>
pipe::Task<std::vector<std::optional<Result<T>>>> gather(pipe::asio::io_context& loop,
                                                         std::vector<pipe::Task<Result<T>>> tasks,
                                                         Nanoseconds deadline) {
    auto into = std::make_shared<Gathered<T>>(loop, tasks.size());
    if (tasks.empty()) co_return std::move(into->answers);
    for (std::size_t at = 0; at < tasks.size(); ++at)
        pipe::spawn(loop, gather_one<T>(std::move(tasks[at]), into, at));
    (void)co_await into->all.wait(deadline + 20_ms);
    auto out = std::move(into->answers);
    into->answers.resize(out.size());  // for those that come late
    co_return std::move(out);
}

}  // namespace warren::storage
