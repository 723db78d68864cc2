// Is a worker's loop alive (R-V1)? Silence makes it degraded, then it is killed: first with a
// signal that prints a backtrace. Pure: the time is an argument.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace warren::supervisor {

enum class Vitality { Alive, Silent, Stalled, Hopeless };

class Health {
public:
    static constexpr Nanoseconds silent_after = 2_s;
    static constexpr Nanoseconds stalled_after = 5_s;
    static constexpr Nanoseconds hopeless_after = stalled_after + 500_ms;
    // Until the first heartbeat a worker may be opening files: more patience.
    static constexpr Nanoseconds start_patience = 30_s;

    void started(Nanoseconds now) {
        last_ = now;
        beating_ = false;
    }
    void heard(Nanoseconds now) {
        last_ = now;
        beating_ = true;
    }
    // Our own loop stood still: what workers sent meanwhile may be unread, so silence proves
    // nothing.
    void excuse(Nanoseconds now) { last_ = std::max(last_, now); }

    Vitality at(Nanoseconds now) const {
        auto silence = now - last_ - (beating_ ? 0 : start_patience);
        if (silence >= hopeless_after) return Vitality::Hopeless;
        if (silence >= stalled_after) return Vitality::Stalled;
        return silence >= silent_after ? Vitality::Silent : Vitality::Alive;
    }
    // When the answer changes next, if nothing is heard.
    Nanoseconds next_change(Nanoseconds now) const {
        auto base = last_ + (beating_ ? 0 : start_patience);
        for (auto limit : {silent_after, stalled_after, hopeless_after}) {
            if (now < base + limit) return base + limit;
        }
        return now + 1_s;
    }

private:
    Nanoseconds last_ = 0;
    bool beating_ = false;
};

}  // namespace warren::supervisor
