// Digests (OpenSSL). Identity hashes only; passwords and keys live in the crypto worker.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "base/bytes.h"

namespace warren {

using Sha1 = std::array<std::uint8_t, 20>;
using Sha256 = std::array<std::uint8_t, 32>;

Sha1 sha1(ByteView bytes);
Sha256 sha256(ByteView bytes);

// SipHash-2-4 (Aumasson, Bernstein 2012), 64-bit. For keyed tables and short ids.
std::uint64_t siphash(const std::array<std::uint8_t, 16>& key, ByteView bytes);
// Its 128-bit variant, as (first, second) half: for sums that must not be steered.
std::pair<std::uint64_t, std::uint64_t> siphash128(const std::array<std::uint8_t, 16>& key,
                                                   ByteView bytes);

bool equal_constant_time(ByteView a, ByteView b);

}  // namespace warren
