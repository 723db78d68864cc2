// Virtual time: what is to happen, in the order of its time. What happens at one instant keeps the
// order in which it was asked for, so that a run follows from its seed alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace warren::sim {

class EventQueue {
public:
    using Action = std::function<void()>;

    Nanoseconds now() const { return now_; }
    std::uint64_t done() const { return done_; }

    void after(Nanoseconds delay, Action what) {
        std::uint32_t slot = 0;
        if (free_.empty()) {
            slot = static_cast<std::uint32_t>(actions_.size());
            actions_.push_back(std::move(what));
        } else {
            slot = free_.back();
            free_.pop_back();
            actions_[slot] = std::move(what);
        }
        heap_.push_back({now_ + std::max<Nanoseconds>(delay, 0), ++made_, slot});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    void run_for(Nanoseconds time) {
        auto end = now_ + time;
        while (!heap_.empty() && heap_.front().when <= end)
            step();
        now_ = end;
    }

private:
    struct Entry {
        Nanoseconds when = 0;
        std::uint64_t order = 0;
        std::uint32_t slot = 0;
    };
    static bool later(const Entry& a, const Entry& b) {
        return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
    void step() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        auto first = heap_.back();
        heap_.pop_back();
        now_ = first.when;
        auto what = std::exchange(actions_[first.slot], nullptr);
        free_.push_back(first.slot);
        ++done_;
        what();
    }

    Nanoseconds now_ = 1'000'000'000'000;
    std::uint64_t made_ = 0, done_ = 0;
    std::vector<Entry> heap_;
    std::vector<Action> actions_;  // apart: the heap moves small entries only
    std::vector<std::uint32_t> free_;
};

}  // namespace warren::sim
