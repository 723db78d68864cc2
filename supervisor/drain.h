// The order and the deadlines of a stop: upstream first, so that nobody downstream gets new work
// while it finishes. Pure: the time is an argument.
#pragma once

#include "base/clock.h"
#include "supervisor/role_table.h"

namespace warren::supervisor {

class DrainPlan {
public:
    void begin(Nanoseconds now, Nanoseconds total) {
        started_ = now;
        total_ = total;
        running_ = true;
    }
    bool running() const { return running_; }
    bool finished() const { return running_ && step_ == drain_steps; }
    unsigned step() const { return step_; }
    // What one step leaves of its time, the later ones may use.
    Nanoseconds step_deadline() const {
        return started_ + total_ * static_cast<Nanoseconds>(step_ + 1) / drain_steps;
    }
    void next_step() { ++step_; }

private:
    Nanoseconds started_ = 0;
    Nanoseconds total_ = 0;
    unsigned step_ = 0;
    bool running_ = false;
};

}  // namespace warren::supervisor
