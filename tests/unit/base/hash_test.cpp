// SipHash against the vectors of its authors (github.com/veorq/SipHash): key 00..0f, message 00,
// 01, ...
#include "base/hash.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace warren;

namespace {

std::array<std::uint8_t, 16> counting_key() {
    std::array<std::uint8_t, 16> key{};
    std::iota(key.begin(), key.end(), std::uint8_t{0});
    return key;
}

Bytes counting(std::size_t count) {
    Bytes out(count);
    std::iota(out.begin(), out.end(), std::uint8_t{0});
    return out;
}

}  // namespace

TEST(SipHash, KnownValues) {
    EXPECT_EQ(siphash(counting_key(), {}), 0x726fdb47dd0e0e31u);
    EXPECT_EQ(siphash(counting_key(), counting(1)), 0x74f839c593dc67fdu);
    EXPECT_EQ(siphash(counting_key(), counting(15)), 0xa129ca6149be45e5u);
}

TEST(SipHash, KnownValuesOf128Bits) {
    EXPECT_EQ(siphash128(counting_key(), {}), std::pair(0xe6a825ba047f81a3u, 0x930255c71472f66du));
    EXPECT_EQ(siphash128(counting_key(), counting(1)),
              std::pair(0x44af996bd8c187dau, 0x45fc229b11597634u));
}
