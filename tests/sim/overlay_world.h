// A simulated network of overlay cores: virtual time, seeded latency, loss and duplicates, stores
// in memory, and signatures that are hashes. Everything follows from the seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "protocol/overlay.h"
#include "protocol/record.h"

namespace warren::sim {

using protocol::CommunityRoot;
using protocol::Overlay;
using protocol::OverlaySettings;
using protocol::PublicKey;
using protocol::Signature;

Signature fake_signature(ByteView signed_bytes);
bool fake_verify(ByteView packet);
PublicKey make_key(Random& random);
Bytes signed_packet(Bytes unsigned_bytes);

// The records of one community, and what reconciliation asks about them.
class MemoryStore final : public protocol::RangeView {
public:
    explicit MemoryStore(const CommunityId& community)
        : community_(community), key_(protocol::fingerprint_key(community)) {}

    protocol::RecordVerdict add(ByteView packet);
    CommunityRoot root();
    std::vector<Bytes> fetch(std::uint64_t session, ByteView selections, std::size_t bytes_max);
    std::set<RecordRef> refs() const;
    std::size_t size() const { return records_.size(); }

    protocol::RangeSum sum(const protocol::SyncRange& range) override;
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    std::vector<RecordRef> split(const protocol::SyncRange& range, std::size_t parts) override;

private:
    struct Stored {
        Bytes packet;
        protocol::RangeSum value;
    };
    CommunityId community_;
    protocol::SyncKey key_;
    std::map<RecordRef, Stored> records_;
};

struct Weather {
    double loss = 0;
    double duplicates = 0;
    Nanoseconds latency_min = 5'000'000, latency_max = 25'000'000;
};

class World {
public:
    struct Node {
        Node(World& world, Endpoint at, std::uint64_t seed);

        Endpoint address;
        SeededRandom random;
        PublicKey key;
        std::unique_ptr<Overlay> overlay;
        std::map<CommunityId, MemoryStore> stores;
        std::map<Infohash, std::uint16_t> swarms;
        std::map<Infohash, std::set<Endpoint>> torrent_peers;
        GlobalTime clock = 0;
        Nanoseconds next_tick = 0;
        std::uint64_t life = 0;  // grows with each restart: answers to a former life are lost
    };

    World(std::uint64_t seed, Weather weather);

    Node& add_node();
    void restart(Node& node);  // the store stays, the overlay forgets all
    void join(Node& node, const CommunityId& community);
    // Makes `count` records of `payload_bytes` each, stores and pushes them.
    void publish(Node& node, const CommunityId& community, std::size_t count,
                 std::size_t payload_bytes);
    void inject(const Endpoint& from, const Endpoint& to, Bytes bytes);
    void after(Nanoseconds delay, std::function<void()> what);
    void drain(Node& node);

    void run_for(Nanoseconds time);
    bool run_until(Nanoseconds time, const std::function<bool()>& condition);
    Nanoseconds now() const { return now_; }
    std::uint64_t event_hash() const { return hash_; }
    std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }

    // Every datagram that leaves a node, before loss.
    std::function<void(const Endpoint& from, const Endpoint& to, ByteView bytes)> on_send;
    bool all_equal(const CommunityId& community, std::size_t count);

private:
    void step();
    void mix(std::uint64_t value);
    void deliver(const Endpoint& from, const Endpoint& to, const Bytes& bytes);
    void apply(Node& node, protocol::Effect& effect);
    void answer(Node& node, Nanoseconds delay, std::function<void(Overlay&)> what);
    void tick_soon(Node& node, Nanoseconds when);
    void send(Node& node, const protocol::SendDatagram& effect);

    Nanoseconds now_ = 1'000'000'000'000;
    SeededRandom random_;
    Weather weather_;
    std::uint64_t hash_ = 0;
    std::multimap<Nanoseconds, std::function<void()>> events_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::map<Endpoint, Node*> by_address_;
};

}  // namespace warren::sim
