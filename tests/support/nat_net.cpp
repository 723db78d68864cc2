#include "tests/support/nat_net.h"

#include <fmt/format.h>

namespace warren::test {

using sim::NatKind;

namespace {

// Every box drops what comes uninvited to itself. Without that the kernel remembers it as a flow,
// and the answer of a host behind the box, sent at the same time, gets another port.
constexpr const char* guard = R"(
    chain guard { type filter hook input priority filter; iifname "wan" meta l4proto udp drop; }
)";

// Linux gives a flow its own source port where that is free, so to the outside it has one mapping
// for all remotes, and lets in only what answers a flow: a port restricted cone.
constexpr const char* masquerade = R"(
    chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
)";

// A port drawn for each flow.
constexpr const char* symmetric = R"(
    chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade fully-random; }
)";

// What was sent opens a way in, from more than the one it was sent to: {0} is what is remembered,
// {1} and {2} the same out of what leaves and of what comes.
constexpr const char* way_in = R"(
    map open {{ type {0} : ipv4_addr; size 1024; flags dynamic,timeout; timeout 2m; }}
    chain learn {{
        type filter hook forward priority filter;
        oifname "wan" meta l4proto udp update @open {{ {1} : ip saddr }}
    }}
    chain in {{
        type nat hook prerouting priority dstnat;
        iifname "wan" meta l4proto udp dnat to {2} map @open
    }}
)";

std::string rules_of(NatKind kind) {
    std::string out;
    switch (kind) {
    case NatKind::None: return {};
    case NatKind::FullCone:
        out = masquerade + fmt::format(way_in, "inet_service", "udp sport", "udp dport");
        break;
    case NatKind::RestrictedCone:
        out = masquerade + fmt::format(way_in, "ipv4_addr . inet_service", "ip daddr . udp sport",
                                       "ip saddr . udp dport");
        break;
    case NatKind::PortRestricted: out = masquerade; break;
    case NatKind::Symmetric: out = symmetric; break;
    }
    return "table ip box {" + std::string(guard) + out + "}\n";
}

}  // namespace

NatNet::NatNet() {
    internet_.ip("link add exchange type bridge\nlink set exchange up\n");
}

// A veth pair with one end in the bridge; all else lies on the other end.
void NatNet::plug_in(const Netns& place, const std::string& address) {
    const bool v6 = address.find(':') != std::string::npos;
    const auto port = fmt::format("port{}", cables_++);
    internet_.ip(fmt::format("link add {0} type veth peer name wan netns {1}\n"
                             "link set {0} master exchange up\n",
                             port, place.path()));
    place.ip(fmt::format("link set wan up\n"
                         "addr add {}/{} dev wan {}\n"
                         "route add {} dev wan\n",
                         address, v6 ? 128 : 32, v6 ? "nodad" : "", v6 ? "::/0" : "default"));
}

Netns& NatNet::add_host(const std::string& address) {
    auto& out = hosts_.emplace_back();
    plug_in(out, address);
    return out;
}

NatNet::Home& NatNet::add_home(NatKind kind, const std::string& outside) {
    auto& out = homes_.emplace_back();
    out.kind = kind;
    out.outside = outside;
    plug_in(out.box, outside);
    out.box.ip("link add lan type bridge\naddr add 192.168.1.1/24 dev lan\nlink set lan up\n");
    out.box.set("ipv4/ip_forward", "1");
    out.box.nft(rules_of(kind));
    return out;
}

Netns& NatNet::add_host(Home& home) {
    auto& out = hosts_.emplace_back();
    const auto number = ++home.hosts;
    home.box.ip(fmt::format("link add host{0} type veth peer name lan netns {1}\n"
                            "link set host{0} master lan up\n",
                            number, out.path()));
    out.ip(fmt::format("link set lan up\n"
                       "addr add 192.168.1.{}/24 dev lan\n"
                       "route add default via 192.168.1.1\n",
                       number + 1));
    return out;
}

}  // namespace warren::test
