// Our own addresses: the local one, and the one that others see, by their votes. From them follow
// the kind of NAT we are behind and which of two addresses of a peer is the one to write to.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "protocol/ipv8.h"

namespace warren::protocol {

class OwnAddresses {
public:
    explicit OwnAddresses(bool lan_allowed) : lan_allowed_(lan_allowed) {}

    void set_lan(const Endpoint& address) { families_[address.v6 ? 1 : 0].lan = address; }
    // A peer with a proven address wrote to us as `seen`. One vote for each net (R-U6's nets).
    void vote(Nanoseconds now, const Endpoint& voter, const Endpoint& seen);

    const Endpoint& lan(bool v6) const { return families_[v6 ? 1 : 0].lan; }
    const Endpoint& wan(bool v6) const { return families_[v6 ? 1 : 0].wan; }
    ConnectionType connection() const { return families_[0].connection; }

    bool is_wan_host(const Endpoint& address) const;
    bool same_lan(const Endpoint& address) const;  // as our own local address
    // May we write there, when somebody else named it?
    bool acceptable(const Endpoint& address) const;
    // What to try when somebody introduced a peer by its two addresses.
    std::vector<Endpoint> candidates(const Endpoint& lan, const Endpoint& wan) const;
    // Where a puncture goes: inside the NAT that we share, else to the outside address.
    const Endpoint& puncture_target(const Endpoint& lan, const Endpoint& wan) const;

private:
    struct Vote {
        Endpoint seen;
        Nanoseconds at = 0;
    };
    struct Family {
        Endpoint lan, wan;
        ConnectionType connection = ConnectionType::Unknown;
        std::map<std::uint64_t, Vote> votes;  // by the voter's net
    };
    static void count(Family& family);

    bool lan_allowed_;
    Family families_[2];  // IPv4, IPv6
};

}  // namespace warren::protocol
