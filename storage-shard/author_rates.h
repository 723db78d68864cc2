// How much of one author a shard takes that nobody asked for (R-C1): 60 records a minute and 8 MiB
// a day. What is over comes later, by reconciliation. In memory, bounded; an author who has not
// been heard of for a while is forgotten.
#pragma once

#include <unordered_map>

#include "base/clock.h"
#include "protocol/record.h"
#include "storage-shard/public_key_hash.h"

namespace warren::shard {

class AuthorRates {
public:
    static constexpr std::uint64_t records_a_minute = 60;
    static constexpr std::uint64_t bytes_a_day = std::uint64_t{8} << 20;
    static constexpr std::size_t authors_max = 4096;

    // False: not now, and nothing is counted.
    bool take(const protocol::PublicKey& author, std::size_t bytes, Nanoseconds now);
    std::size_t authors() const { return used_.size(); }

private:
    // Until when each allowance is used up, as if it came back evenly.
    struct Used {
        Nanoseconds records_until = 0, bytes_until = 0;
    };
    std::unordered_map<protocol::PublicKey, Used, PublicKeyHash> used_;
};

}  // namespace warren::shard
