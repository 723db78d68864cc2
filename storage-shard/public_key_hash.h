// Tables by author.
#pragma once

#include <cstring>

#include "protocol/record.h"

namespace warren::shard {

// Keys share their head (a tag); the tail differs.
struct PublicKeyHash {
    std::size_t operator()(const protocol::PublicKey& key) const {
        std::size_t out = 0;
        std::memcpy(&out, key.bytes.data() + key.bytes.size() - sizeof out, sizeof out);
        return out;
    }
};

}  // namespace warren::shard
