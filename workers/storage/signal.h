// Wakes all coroutines that wait for something to change. Loop only.
#pragma once

#include <memory>
#include <vector>

#include "runtime/pipe/loop.h"

namespace warren::storage {

class Signal {
public:
    explicit Signal(pipe::asio::io_context& loop) : loop_(loop) {}

    void notify() {
        for (auto& waiting : std::exchange(waiting_, {}))
            waiting->set(true);
    }
    // False: the deadline passed first.
    pipe::Task<bool> wait(Nanoseconds deadline) {
        auto mine = std::make_shared<pipe::Promise<bool>>(loop_);
        waiting_.push_back(mine);
        auto woken = co_await mine->wait(deadline);
        if (!woken) std::erase(waiting_, mine);
        co_return woken.has_value();
    }

private:
    pipe::asio::io_context& loop_;
    std::vector<std::shared_ptr<pipe::Promise<bool>>> waiting_;
};

}  // namespace warren::storage
