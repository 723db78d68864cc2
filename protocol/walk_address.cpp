// Votes on our outside address, and the rules about local and outside addresses.
#include "protocol/walk_address.h"

#include <algorithm>
#include <set>

#include "protocol/peers.h"

namespace warren::protocol {

namespace {

constexpr std::size_t votes_max = 64;
constexpr std::size_t symmetric_votes = 3;  // so many voters, and each saw another port
constexpr Nanoseconds vote_life = 600'000'000'000;

bool same_host(const Endpoint& a, const Endpoint& b) {
    return a.v6 == b.v6 && a.address == b.address;
}

}  // namespace

void OwnAddresses::vote(Nanoseconds now, const Endpoint& voter, const Endpoint& seen) {
    bool local = seen.is_loopback() || seen.is_private();
    if (seen.port == 0 || seen.v6 != voter.v6) return;
    if (!seen.is_routable() && !(lan_allowed_ && local)) return;
    auto net = net_of(voter);
    if (!net && !lan_allowed_) return;  // our own network knows nothing of the outside
    auto& family = families_[seen.v6 ? 1 : 0];
    std::erase_if(family.votes, [&](const auto& v) { return now - v.second.at > vote_life; });
    if (!net) net = std::uint64_t{voter.port} << 32 | voter.address[3] | voter.address[2] << 8;
    if (family.votes.size() >= votes_max && !family.votes.contains(*net)) {
        auto oldest = std::min_element(family.votes.begin(), family.votes.end(),
                                       [](auto& a, auto& b) { return a.second.at < b.second.at; });
        family.votes.erase(oldest);
    }
    family.votes[*net] = {seen, now};
    count(family);
}

void OwnAddresses::count(Family& family) {
    std::map<Endpoint, std::size_t> hosts, whole;  // without and with the port
    for (const auto& [net, vote] : family.votes) {
        auto host = vote.seen;
        host.port = 0;
        ++hosts[host];
        ++whole[vote.seen];
    }
    auto current = family.wan;
    current.port = 0;
    auto best = hosts.contains(current) ? current : hosts.begin()->first;
    for (const auto& [host, votes] : hosts)
        if (votes > hosts[best]) best = host;
    if (!same_host(best, family.wan) || !whole.contains(family.wan)) family.wan = Endpoint{};
    std::size_t ports = 0;
    for (const auto& [address, votes] : whole) {
        if (!same_host(address, best)) continue;
        ++ports;
        if (family.wan.is_zero() || votes > whole[family.wan]) family.wan = address;
    }
    const auto voters = hosts[best];
    family.connection = ConnectionType::Unknown;
    if (voters >= symmetric_votes && ports == voters)
        family.connection = ConnectionType::SymmetricNat;
    if (whole.size() == 1 && family.wan == family.lan) family.connection = ConnectionType::Public;
}

bool OwnAddresses::is_wan_host(const Endpoint& address) const {
    const auto& own = wan(address.v6);
    return !own.is_zero() && same_host(own, address);
}

bool OwnAddresses::same_lan(const Endpoint& address) const {
    const auto& own = lan(address.v6);
    if (own.is_zero() || !own.is_private() || !address.is_private()) return false;
    return std::equal(own.address.begin(), own.address.begin() + (own.v6 ? 8 : 2),
                      address.address.begin());
}

bool OwnAddresses::acceptable(const Endpoint& address) const {
    if (address.port == 0) return false;
    if (address.is_routable()) return true;
    if (lan_allowed_ && (address.is_loopback() || address.is_private())) return true;
    return address.port >= 1024 && same_lan(address);
}

std::vector<Endpoint> OwnAddresses::candidates(const Endpoint& lan_address,
                                               const Endpoint& wan_address) const {
    bool has_lan = lan_address.port != 0, has_wan = wan_address.port != 0;
    bool shared = has_wan && is_wan_host(wan_address);
    std::vector<Endpoint> out;
    if (has_wan && !shared) {
        if (has_lan) out.push_back(lan_address);
        out.push_back(wan_address);
    } else if (has_lan && shared) {
        out.push_back(lan_address);
    } else if (has_wan) {
        out.push_back(wan_address);
        auto neighbour = lan(wan_address.v6);
        neighbour.port = wan_address.port;
        if (!lan(wan_address.v6).is_zero()) out.push_back(neighbour);
    }
    std::erase_if(out, [&](const Endpoint& address) { return !acceptable(address); });
    return out;
}

const Endpoint& OwnAddresses::puncture_target(const Endpoint& lan_address,
                                              const Endpoint& wan_address) const {
    bool inside = is_wan_host(wan_address) && !wan_address.is_loopback() && lan_address.port != 0;
    return inside ? lan_address : wan_address;
}

}  // namespace warren::protocol
