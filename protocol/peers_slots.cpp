// Who gets a slot of a community, and whose it was (R-U6): crowds of addresses in few nets must not
// push out those who were there, who are near, or who gave us records.
#include <algorithm>
#include <utility>

#include "protocol/peers.h"

namespace warren::protocol {

namespace {

constexpr std::size_t net_slots_max = 2, region_share = 10;  // one in ten slots
constexpr std::size_t open_share = 3;  // the last third of the slots is not open to all
constexpr Nanoseconds pressed_for = 60'000'000'000;
constexpr std::size_t by_group = 4, by_round_trip = 8, by_use = 8, ordinary_slots = 30;

bool is_public(const Endpoint& address) {
    return !address.is_private() && !address.is_loopback();
}

std::uint64_t prefix_of(const Endpoint& address, std::size_t bytes) {
    std::uint64_t out = address.v6 ? 1 : 0;
    for (std::size_t i = 0; i < bytes; ++i)
        out = out << 8 | address.address[i];
    return out;
}

std::size_t in_region(const std::vector<Peer*>& peers, const Endpoint& address) {
    const auto region = region_of(address);
    if (!region) return 0;
    return static_cast<std::size_t>(std::count_if(peers.begin(), peers.end(), [&](Peer* peer) {
        return region_of(peer->address) == region;
    }));
}

// Takes the `count` best out of `rest`.
template <typename Better>
void protect(std::vector<Peer*>& rest, std::size_t count, Better better) {
    count = std::min(count, rest.size());
    std::stable_sort(rest.begin(), rest.end(), better);
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

std::optional<std::uint64_t> net_of(const Endpoint& address) {
    if (!is_public(address)) return std::nullopt;
    return prefix_of(address, address.v6 ? 6 : 3);
}

std::optional<std::uint64_t> region_of(const Endpoint& address) {
    if (!is_public(address)) return std::nullopt;
    return prefix_of(address, address.v6 ? 4 : 2);
}

const std::vector<Peer*>& Peers::of(const CommunityId& community) const {
    static const std::vector<Peer*> none;
    auto at = neighbours_.find(community);
    return at == neighbours_.end() ? none : at->second;
}

std::vector<Peer*> Peers::partners_of(const CommunityId& community) {
    auto out = of(community);
    std::erase_if(out,
                  [&](Peer* peer) { return !peer->proven || !peer->in(community)->trusts_us; });
    return out;
}

// Whose slot a newcomer may have: the youngest of the most crowded region among those whom nothing
// protects, and only if the newcomer's own region is less crowded.
Peer* Peers::evictable(const CommunityId& community, const Peer& newcomer, std::size_t slots) {
    const auto& all = of(community);
    const auto share = [&](std::size_t count) {
        return std::min(count, count * slots / ordinary_slots);
    };
    auto rest = all;
    const auto group = [&](const Peer* peer) {
        auto number = region_of(peer->address).value_or(prefix_of(peer->address, 7));
        return siphash(group_key_, Writer().u64(number).peek());
    };
    // An attacker cannot know which regions come first.
    protect(rest, share(by_group), [&](Peer* a, Peer* b) { return group(a) < group(b); });
    protect(rest, share(by_round_trip), [](Peer* a, Peer* b) {
        return a->round_trip != 0 && (b->round_trip == 0 || a->round_trip < b->round_trip);
    });
    const auto older = [&](Peer* a, Peer* b) {
        return a->in(community)->since < b->in(community)->since;
    };
    protect(rest, share(by_use), [&](Peer* a, Peer* b) {
        const auto left = a->in(community)->useful, right = b->in(community)->useful;
        return left != right ? left > right : older(a, b);
    });
    protect(rest, rest.size() / 2, older);
    Peer* out = nullptr;
    std::size_t most = in_region(all, newcomer.address) + 1;
    for (auto* peer : rest) {  // the oldest first, so that the last of equals is the youngest
        const auto crowd = std::max<std::size_t>(in_region(all, peer->address), 1);
        if (crowd < most) continue;
        most = crowd;
        out = peer;
    }
    return out;
}

bool Peers::admit(Nanoseconds now, const CommunityId& community, Peer& peer, std::size_t slots) {
    auto& membership = peer.communities[community];
    if (membership.slot) return true;
    auto& all = neighbours_[community];
    const auto net = net_of(peer.address);
    const auto in_net = std::count_if(
        all.begin(), all.end(), [&](Peer* other) { return net && net_of(other->address) == net; });
    const auto region_max = std::max<std::size_t>(slots / region_share, 1);
    bool crowded = static_cast<std::size_t>(in_net) >= net_slots_max ||
                   in_region(all, peer.address) >= region_max;
    // While a crowd presses, the last slots go one a region, and only to half of the regions: which
    // half, nobody but us knows. So few nets cannot fill what nobody needed yet.
    if (crowded) crowded_at_ = now;
    bool pressed = crowded_at_ != 0 && now - crowded_at_ < pressed_for;
    auto region = region_of(peer.address);
    if (pressed && region && all.size() >= slots - slots / open_share) {
        bool drawn = (siphash(group_key_, Writer().u64(*region).peek()) & 1) != 0;
        crowded = crowded || !drawn || in_region(all, peer.address) > 0;
    }
    Peer* loser = nullptr;
    if (!crowded && all.size() >= slots) loser = evictable(community, peer, slots);
    if (crowded || (all.size() >= slots && loser == nullptr)) {
        peer.communities.erase(community);
        if (all.empty()) neighbours_.erase(community);
        return false;
    }
    if (loser != nullptr) release(community, *loser);
    membership.slot = true;
    membership.since = now;
    neighbours_[community].push_back(&peer);
    return true;
}

void Peers::release(const CommunityId& community, Peer& peer) {
    if (auto at = neighbours_.find(community); at != neighbours_.end()) {
        std::erase(at->second, &peer);
        if (at->second.empty()) neighbours_.erase(at);
    }
    peer.communities.erase(community);
}

void Peers::leave(const CommunityId& community) {
    for (auto& [member, peer] : peers_)
        peer.communities.erase(community);
    neighbours_.erase(community);
}

void Peers::give_up_slots(Peer& peer) {
    for (auto& [community, membership] : peer.communities) {
        if (!std::exchange(membership.slot, false)) continue;
        auto at = neighbours_.find(community);
        std::erase(at->second, &peer);
        if (at->second.empty()) neighbours_.erase(at);
    }
}

}  // namespace warren::protocol
