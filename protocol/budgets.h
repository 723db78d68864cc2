// What the overlay allows the outside before it trusts it: rates per source, duplicates, and the
// cookies that prove an address. All of fixed size; an attacker cannot choose where it lands.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/hash.h"
#include "base/random.h"

namespace warren::protocol {

struct Rate {
    double per_s = 0;
    double burst = 0;
};

class TokenBucket {
public:
    explicit TokenBucket(Rate rate) : rate_(rate), level_(rate.burst) {}
    bool take(Nanoseconds now, double amount);
    // Below zero means: in debt, to be asked before work of unknown size.
    bool positive(Nanoseconds now);
    void charge(Nanoseconds now, double amount);

private:
    void refill(Nanoseconds now);

    Rate rate_;
    double level_;
    Nanoseconds last_ = 0;
};

using SipKey = std::array<std::uint8_t, 16>;

// Packets per second of unproven sources (R-U2): by address, by net, by region, a table for each.
// Buckets are shared by what hashes to them; nothing is ever evicted, so a flood cannot push
// anybody out.
class SourceBudget {
public:
    SourceBudget(Random& random, std::size_t buckets);
    bool take(Nanoseconds now, const Endpoint& source);

private:
    struct Bucket {
        float level = 0;
        std::uint32_t last_ms = 0;
    };
    static constexpr std::size_t levels = 3;

    SipKey key_;
    std::array<std::vector<Bucket>, levels> tables_;
};

// A set of hashes in one flat piece of memory that grows by doubling: no node per entry, so that a
// flood costs no allocations.
class FlatSet {
public:
    bool contains(std::uint64_t value) const;
    void insert(std::uint64_t value);
    std::size_t size() const { return size_; }
    void clear();

private:
    std::size_t place_of(std::uint64_t value) const;

    std::vector<std::uint64_t> places_;  // zero: free
    std::size_t size_ = 0;
};

// Has this been seen in the last ten minutes (or the last `max` packets, if those are fewer)?
class DuplicateFilter {
public:
    DuplicateFilter(Random& random, std::size_t max);
    std::uint64_t digest(ByteView bytes) const { return siphash(key_, bytes); }
    bool seen(Nanoseconds now, std::uint64_t digest);
    void insert(std::uint64_t digest);
    std::size_t size() const { return young_.size() + old_.size(); }

private:
    void rotate(Nanoseconds now);

    SipKey key_;
    std::size_t max_;
    FlatSet young_, old_;
    Nanoseconds rotated_ = 0;
};

// A number for where a packet came from, never zero: of a net (/24, of IPv6 /48); of private
// networks, of one address.
std::uint64_t source_number(const Endpoint& from);

// How many bytes may wait for something that others have to say first: a proof, the rest of a
// record (R-U8). In all, and of one net; of private networks, of one address.
class WaitingRoom {
public:
    static constexpr std::size_t bytes_max = 4 * 1024 * 1024, net_bytes_max = 64 * 1024;

    bool enter(const Endpoint& from, std::size_t bytes);
    void leave(const Endpoint& from, std::size_t bytes);
    std::size_t bytes() const { return bytes_; }

private:
    std::size_t bytes_ = 0;
    std::map<Endpoint, std::size_t> nets_;
};

// A 64-bit value that only the holder of an address can know, once we sent it there (R-U3).
class Cookies {
public:
    explicit Cookies(Random& random);
    std::uint64_t make(Nanoseconds now, const Endpoint& address);
    bool valid(Nanoseconds now, const Endpoint& address, std::uint64_t echo);

private:
    void rotate(Nanoseconds now);

    Random& random_;
    std::array<SipKey, 2> secrets_;
    Nanoseconds rotated_ = 0;
};

}  // namespace warren::protocol
