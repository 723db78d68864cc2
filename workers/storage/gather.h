// Several questions at once; the answers come together when the last is there. Each has a deadline
// of its own, so this ends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/pipe/loop.h"

namespace warren::storage {

template <typename T>
struct Gathered {
    Gathered(pipe::asio::io_context& loop, std::vector<pipe::Task<Result<T>>> questions,
             Nanoseconds deadline)
        : tasks(std::move(questions)), answers(tasks.size()), until(deadline), ended(loop) {}
    std::vector<pipe::Task<Result<T>>> tasks;
    std::vector<std::optional<Result<T>>> answers;
    std::size_t next = 0, running = 0;
    Nanoseconds until;
    pipe::Promise<bool> ended;
};

template <typename T>
pipe::Task<void> gather_some(std::shared_ptr<Gathered<T>> into) {
    while (into->next < into->tasks.size() && monotonic_now() < into->until) {
        const auto at = into->next++;
        auto task = std::move(into->tasks[at]);
        auto answer = co_await std::move(task);
        into->answers[at].emplace(std::move(answer));
    }
    if (--into->running == 0) into->ended.set(true);
}

// With `width`, so many are under way at a time: other calls get their turns between them.
template <typename T>
pipe::Task<std::vector<std::optional<Result<T>>>>
gather(pipe::asio::io_context& loop, std::vector<pipe::Task<Result<T>>> tasks, Nanoseconds deadline,
       std::size_t width = SIZE_MAX) {
    width = std::min(width, tasks.size());
    auto into = std::make_shared<Gathered<T>>(loop, std::move(tasks), deadline);
    into->running = width;
    for (std::size_t i = 0; i < width; ++i)
        pipe::spawn(loop, gather_some<T>(into));
    if (width > 0) (void)co_await into->ended.wait(deadline + 20_ms);
    auto out = std::move(into->answers);
    into->answers.resize(out.size());  // for those that come late
    co_return std::move(out);
}

}  // namespace warren::storage
