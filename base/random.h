// Randomness as logic sees it: an interface, so that a simulation repeats from its seed.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace warren {

class Random {
public:
    virtual ~Random() = default;
    virtual std::uint64_t next() = 0;

    // Uniform in [0, bound), bound > 0 (the bias of the modulo is below 2^-32 for our bounds).
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    template <typename Id>
    Id id() {
        Id out;
        fill(out.bytes);
        return out;
    }
    void fill(std::span<std::uint8_t> out) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (i % 8 == 0) word = next();
            out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
        }
    }
};

// splitmix64 (Steele, Lea, Flood 2014): for simulations and tests.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() override {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

private:
    std::uint64_t state_;
};

// The kernel's generator: for everything that an attacker must not guess.
class SystemRandom final : public Random {
public:
    std::uint64_t next() override;
};

}  // namespace warren
