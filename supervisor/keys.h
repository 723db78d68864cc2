// CURVE keys of the roles: plain X25519 pairs, fresh at each start, never on disk.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"

namespace warren::supervisor {

struct KeyPair {
    std::array<std::uint8_t, 32> public_key{};
    std::array<std::uint8_t, 32> secret_key{};
};
Result<KeyPair> make_key_pair();

}  // namespace warren::supervisor
