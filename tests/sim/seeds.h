// Runs a property from many seeds. A failure says first how to run that one seed again; of every
// ten seeds one is run twice, and the same events must come out.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace warren::sim {

inline std::optional<std::uint64_t> wished_seed() {
    const char* text = std::getenv("WARREN_SEED");
    if (text == nullptr) return std::nullopt;
    return std::strtoull(text, nullptr, 10);
}

inline std::uint64_t seed_of_run() {
    return wished_seed().value_or(20'240'611);
}

inline std::string how_to_repeat(std::uint64_t seed) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    return "WARREN_SEED=" + std::to_string(seed) + " " +
           std::filesystem::read_symlink("/proc/self/exe").string() +
           " --gtest_filter=" + test->test_suite_name() + "." + test->name();
}

// The property returns the hash of the run's events.
using Property = std::function<std::uint64_t(std::uint64_t seed)>;

inline void for_seeds(std::size_t count, const Property& property, std::size_t skip = 0) {
    const auto first = seed_of_run() + (wished_seed() ? 0 : skip);
    const auto last = wished_seed() ? first + 1 : first + count;
    for (auto seed = first; seed < last && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(how_to_repeat(seed));
        const auto hash = property(seed);
        if ((seed - first) % 10 == 0 && !testing::Test::HasFailure()) {
            EXPECT_EQ(property(seed), hash) << "not repeatable";
        }
    }
}

}  // namespace warren::sim
