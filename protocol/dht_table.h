// The DHT's routing table: buckets of eight nodes by how many leading bits they share with our own
// id. Only the last bucket, which holds our own place, is ever split. Pure.
#pragma once

#include <vector>

#include "base/clock.h"
#include "protocol/dht_messages.h"

namespace warren::protocol {

enum class DhtStatus { Good, Unknown, Bad };

struct DhtNode {
    DhtId id;
    PublicKey key;
    Endpoint address;
    Nanoseconds answered = 0;  // when they last answered us; 0: never
    Nanoseconds queried = 0;   // when they last asked us; 0: never
    Nanoseconds pinged = 0;    // when we last sent them a ping
    Nanoseconds round_trip = 0;
    unsigned failures = 0;  // requests in a row without an answer

    DhtStatus status(Nanoseconds now) const;
};

class DhtTable {
public:
    static constexpr std::size_t bucket_nodes = 8;

    explicit DhtTable(const DhtId& own) : own_(own), buckets_(1) {}

    const DhtId& own() const { return own_; }
    void move_to(Nanoseconds now, const DhtId& own);  // our address turned out to be another

    // The node as it is now in the table; null: its bucket is full of better ones.
    DhtNode* add(Nanoseconds now, const DhtNode& node);
    DhtNode* find(const Endpoint& address);
    void answered(Nanoseconds now, const Endpoint& address, Nanoseconds round_trip);
    void failed(const Endpoint& address);
    void drop_bad(Nanoseconds now);

    // Sorted by distance, without bad nodes and without the one at `except`.
    std::vector<DhtNode*> closest(Nanoseconds now, const DhtId& target, std::size_t count,
                                  const Endpoint& except = {});
    std::vector<DhtNode*> all();
    std::size_t size() const;
    std::size_t buckets() const { return buckets_.size(); }
    // Some id in each bucket that did not change for so long; they count as changed from now on.
    std::vector<DhtId> stale(Nanoseconds now, Nanoseconds age, const DhtId& noise);

private:
    struct Bucket {
        std::vector<DhtNode> nodes;
        Nanoseconds changed = 0;
    };
    Bucket& bucket_of(const DhtId& id);
    bool split();

    DhtId own_;
    std::vector<Bucket> buckets_;
};

}  // namespace warren::protocol
