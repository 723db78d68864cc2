// Time as logic sees it: a value passed in. Shells read the clocks here; logic never does.
#pragma once

#include <chrono>
#include <cstdint>

namespace warren {

// Monotonic nanoseconds since boot: deadlines, timers, intervals. Comparable between processes of
// one machine, which is why deadlines may travel in envelopes.
using Nanoseconds = std::int64_t;

constexpr Nanoseconds operator""_ms(unsigned long long v) {
    return static_cast<Nanoseconds>(v) * 1'000'000;
}
constexpr Nanoseconds operator""_s(unsigned long long v) {
    return static_cast<Nanoseconds>(v) * 1'000'000'000;
}

inline Nanoseconds monotonic_now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// Unix time in milliseconds: for people only, never for decisions.
inline std::int64_t wall_now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace warren
