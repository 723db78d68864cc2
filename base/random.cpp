#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace warren {

std::uint64_t SystemRandom::next() {
    std::uint64_t out = 0;
    WARREN_CHECK(getrandom(&out, sizeof out, 0) == sizeof out);
    return out;
}

}  // namespace warren
