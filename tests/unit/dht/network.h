// Many DHT nodes in one thread: virtual time, a fixed delay, real signatures left out (a signature
// is right when it is the hash of what it signs).
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>

#include "base/hash.h"
#include "protocol/dht.h"

namespace warren::protocol {

inline Signature hash_signature(ByteView bytes) {
    Signature out;
    const auto digest = sha256(bytes);
    std::copy(digest.begin(), digest.end(), out.bytes.begin());
    return out;
}

inline bool hash_verifies(ByteView bytes) {
    if (bytes.size() < signature_bytes) return false;
    return std::ranges::equal(hash_signature(bytes.first(bytes.size() - signature_bytes)).view(),
                              bytes.last(signature_bytes));
}

inline PublicKey some_public_key(Random& random) {
    PublicKey out;
    random.fill(out.bytes);
    std::ranges::copy(view_of("LibNaCLPK:"), out.bytes.begin());
    return out;
}

class DhtNetwork {
public:
    struct Node {
        Node(const Endpoint& at, std::uint64_t seed)
            : address(at), random(seed), hub(some_public_key(random), {}, random), dht(hub) {}

        Endpoint address;
        SeededRandom random;
        Hub hub;
        Dht dht;
        bool up = true;
        std::map<std::uint64_t, std::vector<Bytes>> found;
        std::map<std::uint64_t, std::size_t> stored;
        std::map<std::uint64_t, std::vector<std::pair<Endpoint, Bytes>>> peers;
    };

    explicit DhtNetwork(std::uint64_t seed) : seed_(seed) {}

    Node& add(const Endpoint& at) {
        auto node = std::make_unique<Node>(at, ++seed_ * 7919);
        node->dht.own_address(now, at);
        by_address_[at] = node.get();
        return *nodes.emplace_back(std::move(node));
    }
    Node& add() {
        const auto n = static_cast<std::uint8_t>(nodes.size() + 1);
        return add(Endpoint::ipv4(static_cast<std::uint8_t>(20 + n % 90), n, 7, n, 4000));
    }
    // As after an introduction: both know and trust each other.
    void introduce(Node& a, Node& b) {
        for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
            auto* peer = from->hub.peers.touch(now, {to->hub.own_key, to->address, true, true});
            ASSERT_NE(peer, nullptr);
            (void)peer->communities[dht_community];
        }
    }
    void deliver(const Endpoint& from, Node& to, const Bytes& bytes) {
        const auto header = decode_header(bytes);
        ASSERT_TRUE(header.ok());
        if (header->message_id > 10) return;  // puncture requests are the walk's
        to.dht.on_datagram(now, from, *header, bytes);
        drain(to);
    }
    void drain(Node& node) {
        while (!node.hub.effects.empty())
            for (auto& effect : std::exchange(node.hub.effects, {}))
                std::visit([&](auto& e) { apply(node, e); }, effect);
    }
    void run(Nanoseconds time) {
        for (const auto end = now + time; now < end; now += step) {
            for (auto& node : nodes) {
                if (!node->up) continue;
                node->dht.tick(now);
                drain(*node);
            }
            while (!in_flight_.empty() && in_flight_.begin()->first <= now) {
                const auto datagram = in_flight_.extract(in_flight_.begin()).mapped();
                const auto to = by_address_.find(datagram.to);
                if (to != by_address_.end() && to->second->up)
                    deliver(datagram.from, *to->second, datagram.bytes);
            }
        }
    }

    Nanoseconds now = 1'000'000_s;
    std::vector<std::unique_ptr<Node>> nodes;
    std::function<void(const Endpoint&, const Endpoint&, ByteView)> on_send;

private:
    struct Datagram {
        Endpoint from, to;
        Bytes bytes;
    };
    static constexpr Nanoseconds step = 20_ms, latency = 15_ms;

    void apply(Node& node, SendDatagram& e) {
        if (on_send) on_send(node.address, e.to, e.bytes);
        in_flight_.emplace(now + latency, Datagram{node.address, e.to, std::move(e.bytes)});
    }
    void apply(Node& node, CheckSignature& e) {
        node.dht.signature_result(now, e.token, hash_verifies(e.packet));
    }
    void apply(Node& node, SignAndSend& e) {
        node.dht.signed_bytes(now, e.token, hash_signature(e.unsigned_bytes));
    }
    void apply(Node& node, DhtFound& e) { node.found[e.ref] = e.values; }
    void apply(Node& node, DhtStored& e) { node.stored[e.ref] = e.nodes; }
    void apply(Node& node, DhtPeersFound& e) { node.peers[e.ref] = e.peers; }
    template <typename Other>
    void apply(Node&, Other&) {
        ADD_FAILURE() << "an effect that is not the DHT's";
    }

    std::uint64_t seed_;
    std::map<Endpoint, Node*> by_address_;
    std::multimap<Nanoseconds, Datagram> in_flight_;
};

}  // namespace warren::protocol
