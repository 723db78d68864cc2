// What each role may have signed. The prefix and the message id are part of the signed bytes, so
// one role's signature can never serve as another's. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "protocol/ipv8.h"
#include "runtime/process/roster.h"

namespace warren::crypto {

// `bytes`: a packet without its signature. The key inside must be ours.
Result<void> may_sign(process::Role role, ByteView bytes, const protocol::PublicKey& own);

// So many a second for each role, with a burst of as many.
class SignRates {
public:
    explicit SignRates(std::int64_t per_second) : per_second_(per_second) {}
    // Takes one; 0: taken, else how long to wait.
    Nanoseconds take(process::Role role, Nanoseconds now);

private:
    struct Bucket {
        Nanoseconds full_at = 0;  // when it would be full again
    };
    std::int64_t per_second_;
    std::array<Bucket, process::role_count> buckets_;
};

}  // namespace warren::crypto
