// Routing, NAT and the fate of each datagram.
#include "tests/sim/internet.h"

namespace warren::sim {

namespace {

constexpr std::uint16_t port_of_all = 8090;

Endpoint without_port(Endpoint address) {
    address.port = 0;
    return address;
}

std::uint32_t net24(const Endpoint& address) {
    return std::uint32_t{address.address[0]} << 16 | std::uint32_t{address.address[1]} << 8 |
           address.address[2];
}

}  // namespace

Internet::Internet(EventQueue& time, Weather weather, std::uint64_t seed, Deliver deliver)
    : time_(time), weather_(weather), seed_(seed), random_(seed), deliver_(std::move(deliver)),
      lans_(1) {}

// Each in a /16 (IPv6: /32) of its own, as far as they go: 20.0 to 119.255.
Endpoint Internet::fresh_address(bool v6) {
    auto number = addresses_++;
    auto high = static_cast<std::uint8_t>(20 + number / 256 % 100);
    auto low = static_cast<std::uint8_t>(number % 256);
    auto third = static_cast<std::uint8_t>(number / 25'600 % 256);
    if (!v6) return Endpoint::ipv4(high, low, third, 1, 0);
    Endpoint out;
    out.v6 = true;
    out.address = {0x2a, 0, high, low, third};
    out.address[15] = 1;
    return out;
}

LanId Internet::make_lan(NatKind kind) {
    auto outside = fresh_address(false);
    auto id = static_cast<LanId>(lans_.size());
    lans_.push_back({std::make_unique<Nat>(kind, outside, mapping_lifetime, random_.next()), {}});
    boxes_[outside] = id;
    return id;
}

HostId Internet::add_host(const Place& place) {
    auto id = static_cast<HostId>(hosts_.size());
    Host host;
    if (place.lan || place.nat != NatKind::None) {
        host.lan = place.lan ? *place.lan : make_lan(place.nat);
        auto& lan = lans_[host.lan];
        lan.hosts.push_back(id);
        auto last = static_cast<std::uint8_t>(1 + lan.hosts.size());  // at most 253 of them
        host.inside = Endpoint::ipv4(192, 168, 1, last, port_of_all);
    } else {
        host.inside = fresh_address(place.v6);
        open_[host.inside] = id;
        host.inside.port = port_of_all;
    }
    hosts_.push_back(host);
    return id;
}

Endpoint Internet::outside(HostId host) const {
    const auto& h = hosts_[host];
    return h.lan == 0 ? h.inside : lans_[h.lan].nat->outside();
}

void Internet::claim(const Endpoint& net, Script script) {
    claimed_[net24(net)] = std::move(script);
}

void Internet::heal() {
    for (auto& host : hosts_)
        host.side = 0;
}

HostId Internet::host_in(const Lan& lan, const Endpoint& inside) const {
    for (auto host : lan.hosts)
        if (hosts_[host].inside == inside) return host;
    return nobody;
}

bool Internet::happens(double chance) {
    return chance > 0 && static_cast<double>(random_.below(1'000'000)) < chance * 1e6;
}

// A link's own latency, and a tenth of it for what varies.
Nanoseconds Internet::delay(HostId from, const Endpoint& to) {
    auto spread = static_cast<std::uint64_t>(weather_.latency_max - weather_.latency_min + 1);
    auto link = SeededRandom(seed_ ^ EndpointHash()(without_port(to)) ^ from).next();
    auto base = weather_.latency_min + static_cast<Nanoseconds>(link % spread);
    auto out =
        base + static_cast<Nanoseconds>(random_.below(static_cast<std::uint64_t>(base / 10 + 1)));
    if (happens(weather_.disorder))
        out += static_cast<Nanoseconds>(
            random_.below(static_cast<std::uint64_t>(weather_.latency_max + 1)));
    return out;
}

void Internet::send(HostId from, const Endpoint& to, Bytes bytes) {
    const auto& host = hosts_[from];
    if (!host.online || to.v6 != host.inside.v6) return;
    ++sent_;
    Sender sender{from, host.inside};
    if (host.lan != 0 && to.is_private()) {
        auto receiver = host_in(lans_[host.lan], to);
        if (receiver == nobody) return;
        return time_.after(1'000'000, [this, sender, receiver, bytes = std::move(bytes)]() mutable {
            hand_over(sender, receiver, std::move(bytes));
        });
    }
    if (host.lan != 0) sender.address = lans_[host.lan].nat->outbound(time_.now(), host.inside, to);
    carry(sender, to, std::move(bytes));
}

void Internet::carry(const Sender& from, const Endpoint& to, Bytes bytes) {
    auto copies = happens(weather_.duplicates) ? 2 : 1;
    if (happens(weather_.loss)) return;
    if (happens(weather_.damage) && !bytes.empty())
        bytes[random_.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random_.below(255));
    for (int i = 0; i < copies; ++i)
        time_.after(delay(from.host, to), [this, from, to, copy = bytes]() mutable {
            arrive(from, to, std::move(copy));
        });
}

void Internet::inject(const Endpoint& from, const Endpoint& to, Bytes bytes) {
    arrive({0, from, false}, to, std::move(bytes));
}

void Internet::arrive(const Sender& from, const Endpoint& to, Bytes bytes) {
    auto place = without_port(to);
    if (auto at = open_.find(place); at != open_.end()) {
        if (to.port == hosts_[at->second].inside.port)
            hand_over(from, at->second, std::move(bytes));
        return;
    }
    if (auto box = boxes_.find(place); box != boxes_.end()) {
        auto& lan = lans_[box->second];
        auto inside = lan.nat->inbound(time_.now(), to.port, from.address);
        auto receiver = inside ? host_in(lan, *inside) : nobody;
        if (receiver == nobody) return void(++filtered_);
        return hand_over(from, receiver, std::move(bytes));
    }
    if (to.v6) return;
    if (auto script = claimed_.find(net24(to)); script != claimed_.end())
        script->second(from.address, to, bytes);
}

void Internet::hand_over(const Sender& from, HostId to, Bytes bytes) {
    const auto& host = hosts_[to];
    if (!host.online || (from.known && hosts_[from.host].side != host.side)) return;
    deliver_(to, from.address, std::move(bytes));
}

}  // namespace warren::sim
