// The order of what a search found: text score x health x freshness. docs/search.md states it for
// users. Pure; the caller says what time it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace warren::shard {

// Of a swarm, as somebody counted it.
struct Health {
    std::uint32_t seeders = 0, leechers = 0;
    std::int64_t checked_ms = 0;
    bool counted_here = true;  // else a neighbour said so
};

// 1 when nobody knows; 0.5 for a swarm without seeders, up to 2 for 1,023 and more; what is a day
// old weighs half.
inline double health_factor(const std::optional<Health>& health, std::int64_t now_ms) {
    if (!health) return 1;
    const double age_days =
        static_cast<double>(std::max<std::int64_t>(now_ms - health->checked_ms, 0)) / 86'400'000;
    const double now =
        health->seeders == 0 ? 0.5 : 1 + std::min(1.0, std::log2(1.0 + health->seeders) / 10);
    return 1 + (now - 1) * std::exp2(-age_days);
}

// From 1 for what is new to 0.5 for what is old: 0.75 at 90 days. A date in the future is now.
inline double freshness_factor(std::int64_t created_ms, std::int64_t now_ms) {
    const double age_days =
        static_cast<double>(std::max<std::int64_t>(now_ms - created_ms, 0)) / 86'400'000;
    return 0.5 + 0.5 * std::exp2(-age_days / 90);
}

struct Score {
    double text = 0, health = 1, freshness = 1;
    double total() const { return text * health * freshness; }
};

inline Score score_of(double text, std::int64_t created_ms, const std::optional<Health>& health,
                      std::int64_t now_ms) {
    return {text, health_factor(health, now_ms), freshness_factor(created_ms, now_ms)};
}

}  // namespace warren::shard
