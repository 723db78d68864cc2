// How long peers stay here, learned from those who fell silent: it decides how soon a silent one is
// pinged and dropped. Whole numbers only, so that every machine decides alike.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace warren::protocol {

class SessionEstimate {
public:
    void heard(Nanoseconds span) { seen_ms_ += span / 1'000'000; }
    void lost() { losses_ += unit; }
    void second_passed() {
        seen_ms_ -= seen_ms_ / memory;
        losses_ -= losses_ / memory;
        ++age_s_;
    }
    // IPv8's 27.5 s where peers stay; a quarter of the mean session where they do not. A node that
    // just started does not know yet and looks more often.
    Nanoseconds ping_after() const {
        const auto young = ping_least << std::min<std::int64_t>(age_s_ / 30, 3);
        return std::clamp(mean() / 4, ping_least, std::min(young, ping_most));
    }
    Nanoseconds ping_interval() const { return std::max(ping_after() * 4 / 11, least_interval); }
    Nanoseconds drop_after() const { return ping_after() + 3 * ping_interval(); }
    Nanoseconds mean() const {
        return seen_ms_ * unit / std::max<std::int64_t>(losses_, 1) * 1'000'000;
    }

private:
    static constexpr std::int64_t unit = 1024, memory = 128;
    static constexpr Nanoseconds ping_least = 5'000'000'000, ping_most = 27'500'000'000;
    static constexpr Nanoseconds least_interval = 2'000'000'000;

    std::int64_t seen_ms_ = 20'000, losses_ = unit, age_s_ = 0;
};

}  // namespace warren::protocol
