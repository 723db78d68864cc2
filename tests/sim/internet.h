// The network between simulated nodes: links with latency, loss, duplicates, disorder and damage,
// NAT boxes with the local networks behind them, IPv4 and IPv6, partitions, and claimed nets in
// which a script answers instead of a node. Everything follows from the seed.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/nat.h"

namespace warren::sim {

struct Weather {
    double loss = 0;
    double duplicates = 0;
    double disorder = 0;  // these come up to `latency_max` later than they should
    double damage = 0;    // these have one byte changed
    Nanoseconds latency_min = 5'000'000, latency_max = 25'000'000;  // a link has its own in between
};

using HostId = std::uint32_t;
using LanId = std::uint32_t;

// Where a host is: on the open internet, or in a local network behind a NAT box.
struct Place {
    NatKind nat = NatKind::None;
    std::optional<LanId> lan;  // behind the box of that network; else a box of its own
    bool v6 = false;           // an IPv6 host has no IPv4
};

class Internet {
public:
    // (receiver, source as the receiver sees it, bytes)
    using Deliver = std::function<void(HostId, const Endpoint&, Bytes)>;
    using Script = std::function<void(const Endpoint& from, const Endpoint& to, ByteView)>;

    Internet(EventQueue& time, Weather weather, std::uint64_t seed, Deliver deliver);

    HostId add_host(const Place& place);
    LanId lan_of(HostId host) const { return hosts_[host].lan; }
    const Endpoint& address(HostId host) const { return hosts_[host].inside; }  // its own view
    Endpoint outside(HostId host) const;  // the host as others see it; port of no meaning
    void set_online(HostId host, bool online) { hosts_[host].online = online; }

    void send(HostId from, const Endpoint& to, Bytes bytes);
    // As it comes over the wire just before `to`'s NAT box, if any: the source may be a lie.
    void inject(const Endpoint& from, const Endpoint& to, Bytes bytes);
    // What is sent to hosts of a /24 (of IPv4) goes to a script.
    void claim(const Endpoint& net, Script script);

    // From now on only hosts of one side reach each other.
    void set_side(HostId host, std::uint8_t side) { hosts_[host].side = side; }
    void heal();
    void set_weather(const Weather& weather) { weather_ = weather; }
    Nanoseconds mapping_lifetime = 120'000'000'000;

    std::uint64_t sent() const { return sent_; }
    std::uint64_t filtered() const { return filtered_; }  // by NAT boxes

private:
    struct Host {
        Endpoint inside;
        LanId lan = 0;  // 0: the open internet
        std::uint8_t side = 0;
        bool online = true;
    };
    struct Lan {
        std::unique_ptr<Nat> nat;
        std::vector<HostId> hosts;
    };
    struct Sender {
        HostId host = 0;
        Endpoint address;  // after NAT
        bool known = true;
    };
    LanId make_lan(NatKind kind);
    Endpoint fresh_address(bool v6);
    HostId host_in(const Lan& lan, const Endpoint& inside) const;
    void carry(const Sender& from, const Endpoint& to, Bytes bytes);
    void arrive(const Sender& from, const Endpoint& to, Bytes bytes);
    void hand_over(const Sender& from, HostId to, Bytes bytes);
    Nanoseconds delay(HostId from, const Endpoint& to);
    bool happens(double chance);

    static constexpr HostId nobody = 0xffffffff;
    EventQueue& time_;
    Weather weather_;
    std::uint64_t seed_;
    SeededRandom random_;
    Deliver deliver_;
    std::vector<Host> hosts_;
    std::vector<Lan> lans_;
    std::unordered_map<Endpoint, HostId, EndpointHash> open_;  // by address without port
    std::unordered_map<Endpoint, LanId, EndpointHash> boxes_;  // the same
    std::unordered_map<std::uint32_t, Script> claimed_;        // by the first three bytes
    std::uint32_t addresses_ = 0;
    std::uint64_t sent_ = 0, filtered_ = 0;
};

}  // namespace warren::sim
