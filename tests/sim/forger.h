// Makes one datagram of every message that the overlay understands, signed with a key of its own
// where a signature is due: what a peer may send that lies about its address.
#pragma once

#include <optional>
#include <string>

#include "protocol/dht_messages.h"
#include "protocol/direct_messages.h"
#include "protocol/discovery_messages.h"
#include "protocol/overlay_query_messages.h"
#include "tests/sim/memory_store.h"

namespace warren::sim {

class Forger {
public:
    Forger(std::uint64_t seed, const CommunityId& community)
        : random(seed), key(make_key(random)), community_(community) {}

    struct Crafted {
        std::string name;
        Bytes bytes;
        bool asks_introduction = false;
    };
    // Well-formed, for each message id that has one; `to` is the receiver.
    std::vector<Crafted> messages(std::uint8_t id, const Endpoint& to);
    // Whatever the id: all four shapes of IPv8 around bytes that mean nothing.
    std::vector<Crafted> noise(std::uint8_t id);

    Bytes request(protocol::Style style, const Endpoint& to,
                  const std::optional<protocol::Trailer>& trailer);
    Bytes response(protocol::Style style, const Endpoint& to, std::uint16_t identifier,
                   const Endpoint& introduced, const std::optional<protocol::Trailer>& trailer);
    Bytes puncture_request(protocol::Style style, const Endpoint& target);
    Bytes record();

    SeededRandom random;
    PublicKey key;

private:
    Bytes signed_message(protocol::BaseMessage id, ByteView payload);
    std::vector<Crafted> base_messages(protocol::BaseMessage id, const Endpoint& to);
    Crafted signed_crafted(const std::string& name, std::uint8_t id, ByteView payload);
    std::vector<Crafted> discovery_messages(protocol::DiscoveryMessage id, const Endpoint& to);
    std::vector<Crafted> dht_messages(protocol::DhtMessage id);
    std::vector<Crafted> own_messages(std::uint8_t id, const Endpoint& to);
    std::vector<Crafted> direct_messages(protocol::DirectMessage id);
    Bytes overlay_body(protocol::OverlayMessage id);
    protocol::Trailer guess();

    CommunityId community_;
};

}  // namespace warren::sim
