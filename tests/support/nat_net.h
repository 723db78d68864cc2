// An internet of network namespaces: hosts with public addresses, and homes behind NAT boxes that
// are made of nftables rules. Every home uses the same private network, as homes do.
#pragma once

#include <deque>
#include <string>

#include "tests/sim/nat.h"
#include "tests/support/netns.h"

namespace warren::test {

class NatNet {
public:
    struct Home {
        sim::NatKind kind = sim::NatKind::None;
        std::string outside;  // the box's public address
        Netns box;
        int hosts = 0;
    };

    NatNet();

    // A host on the open internet; IPv4, or IPv6 by its form.
    Netns& add_host(const std::string& address);
    Home& add_home(sim::NatKind kind, const std::string& outside);
    Netns& add_host(Home& home);  // 192.168.1.2 and so on

private:
    void plug_in(const Netns& place, const std::string& address);

    Netns internet_;  // one bridge: everybody is everybody's neighbour, whatever the address
    std::deque<Netns> hosts_;
    std::deque<Home> homes_;
    int cables_ = 0;
};

}  // namespace warren::test
