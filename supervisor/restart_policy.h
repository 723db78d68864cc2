// When a worker that ended is started again (R-V2). Pure: the time is an argument.
#pragma once

#include <algorithm>
#include <deque>

#include "base/clock.h"
#include "runtime/process/exit.h"

namespace warren::supervisor {

struct Restart {
    bool ever = true;
    Nanoseconds at = 0;
};

class RestartPolicy {
public:
    static constexpr std::size_t free_crashes = 5;  // restarted at once ...
    static constexpr Nanoseconds window = 10_s;     // ... within this time
    static constexpr Nanoseconds first_wait = 250_ms;
    static constexpr Nanoseconds longest_wait = 30_s;
    static constexpr Nanoseconds healthy_after = 600_s;

    void on_ready(Nanoseconds now) { ready_since_ = now; }

    Restart on_crash(Nanoseconds now) {
        if (ready_since_ != 0 && now - ready_since_ >= healthy_after) forget();
        ready_since_ = 0;
        crashes_.push_back(now);
        while (now - crashes_.front() > window)
            crashes_.pop_front();
        // Once it backs off, a role does so until it was healthy: waiting thins the window out.
        if (waits_ == 0 && crashes_.size() <= free_crashes) return {.at = now};
        auto wait = std::min(longest_wait, first_wait << std::min(waits_, 10u));
        ++waits_;
        return {.at = now + wait};
    }
    static constexpr bool is_retried(int exit_code) {
        return exit_code != static_cast<int>(process::ExitReason::Usage) &&
               exit_code != static_cast<int>(process::ExitReason::Settings);
    }
    bool crash_looping() const { return waits_ > 0; }
    void forget() {
        crashes_.clear();
        waits_ = 0;
    }

private:
    std::deque<Nanoseconds> crashes_;
    unsigned waits_ = 0;
    Nanoseconds ready_since_ = 0;
};

}  // namespace warren::supervisor
