// A simulated NAT box, by the terms of RFC 3489 (what RFC 4787 calls mapping and filtering):
//   full cone          one outside port for an inside port, open to all
//   restricted cone    the same, open to addresses that were sent to
//   port restricted    the same, open to addresses and ports that were sent to
//   symmetric          an outside port for each remote, open to that remote
// A way in that nobody came through closes after a quarter of the lifetime, as Linux has it (30 s
// of 120 s). tests/process/nat_boxes_test.cpp holds these boxes against those of the kernel.
#pragma once

#include <cstring>
#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/random.h"

namespace warren::sim {

enum class NatKind { None, FullCone, RestrictedCone, PortRestricted, Symmetric };

struct EndpointHash {
    std::size_t operator()(const Endpoint& e) const {
        std::uint64_t halves[2];
        std::memcpy(halves, e.address.data(), sizeof halves);
        auto out = (halves[0] * 0x9e3779b97f4a7c15u) ^ (halves[1] * 0xc2b2ae3d27d4eb4fu) ^
                   (std::uint64_t{e.port} << 1) ^ (e.v6 ? 1u : 0u);
        return static_cast<std::size_t>(out ^ (out >> 29));
    }
};

class Nat {
public:
    Nat(NatKind kind, Endpoint outside, Nanoseconds lifetime, std::uint64_t seed)
        : kind_(kind), outside_(outside), lifetime_(lifetime), random_(seed) {}

    NatKind kind() const { return kind_; }
    const Endpoint& outside() const { return outside_; }  // its port is zero

    // A datagram leaves: the source that the outside sees.
    Endpoint outbound(Nanoseconds now, const Endpoint& inside, const Endpoint& remote);
    // A datagram comes to one of our ports: whose it is, if it passes.
    std::optional<Endpoint> inbound(Nanoseconds now, std::uint16_t port, const Endpoint& remote);

private:
    struct Use {
        Nanoseconds at = 0;     // when something last left through it
        bool answered = false;  // something came
    };
    struct Flow {
        Endpoint inside, remote;  // remote: of a symmetric box only
        bool operator==(const Flow&) const = default;
    };
    struct Mapping {
        Flow flow;
        Use use;
        std::unordered_map<Endpoint, Use, EndpointHash> sent_to;
    };
    struct FlowHash {
        std::size_t operator()(const Flow& f) const {
            return EndpointHash()(f.inside) * 31 + EndpointHash()(f.remote);
        }
    };
    Endpoint filter_key(const Endpoint& remote) const;
    std::uint16_t free_port(Nanoseconds now, std::uint16_t wished);
    bool alive(Nanoseconds now, const Use& use) const {
        return now - use.at <= (use.answered ? lifetime_ : lifetime_ / unanswered_share);
    }
    void renew(Nanoseconds now, Use& use) const { use = {now, use.answered && alive(now, use)}; }

    static constexpr Nanoseconds unanswered_share = 4;

    NatKind kind_;
    Endpoint outside_;
    Nanoseconds lifetime_;
    SeededRandom random_;
    std::unordered_map<Flow, std::uint16_t, FlowHash> ports_;
    std::unordered_map<std::uint16_t, Mapping> mappings_;
};

}  // namespace warren::sim
