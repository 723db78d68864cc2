// Who gets a slot of a community, and whose it was (R-U6): crowds of addresses in few nets must not
// push out those who were there, who are near, or who gave us records.
#include <algorithm>
#include <bit>
#include <utility>

#include "protocol/peers.h"

namespace warren::protocol {

namespace {

constexpr std::size_t net_slots_max = 2, region_share = 10;  // one in ten slots
constexpr Nanoseconds yield_gap = 30'000'000'000;  // between slots that go from one to an equal
constexpr std::size_t crowds_share = 5;            // all crowds together: one in five
constexpr std::size_t crowd = 2;                   // so many of a region are one
constexpr std::uint64_t no_region = UINT64_MAX;
constexpr std::uint32_t claims_kept_s = 600;
constexpr std::size_t by_group = 4, by_round_trip = 8, by_use = 8, ordinary_slots = 30;

std::uint32_t seconds(Nanoseconds time) {
    return static_cast<std::uint32_t>(time / 1'000'000'000);
}

bool is_public(const Endpoint& address) {
    return !address.is_private() && !address.is_loopback();
}

std::uint64_t prefix_of(const Endpoint& address, std::size_t bytes) {
    std::uint64_t out = address.v6 ? 1 : 0;
    for (std::size_t i = 0; i < bytes; ++i)
        out = out << 8 | address.address[i];
    return out;
}

std::size_t count_in(const std::vector<std::uint64_t>& regions, std::uint64_t region) {
    if (region == no_region) return 0;
    return static_cast<std::size_t>(std::count(regions.begin(), regions.end(), region));
}

std::size_t region_max(std::size_t slots) {
    return std::max<std::size_t>(slots / region_share, 1);
}
std::size_t crowds_max(std::size_t slots, std::size_t used) {
    return std::max(region_max(slots), used / crowds_share);
}

// Takes the `count` best out of `rest`.
template <typename One, typename Better>
void protect(std::vector<One>& rest, std::size_t count, Better better) {
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

std::uint64_t Peers::group_of(std::uint64_t region) const {
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(region >> 8 * i);
    return siphash(group_key_, bytes);
}

// More members came from there lately than the region may have slots.
bool Peers::presses(Nanoseconds now, std::uint64_t region, std::size_t slots) const {
    const auto& claims = claims_[group_of(region) % claims_.size()];
    if (claims.region != region || seconds(now) - claims.since_s >= 2 * claims_kept_s) return false;
    return static_cast<std::size_t>(std::popcount(claims.lately | claims.before)) >
           region_max(slots);
}

// A bucket is of the region that claims most: any other that falls into it takes a mark away.
void Peers::note_claim(Nanoseconds now, std::uint64_t region, const MemberId& member) {
    auto& claims = claims_[group_of(region) % claims_.size()];
    if (const auto age = seconds(now) - claims.since_s; age >= claims_kept_s) {
        claims.before = age < 2 * claims_kept_s ? claims.lately : 0;
        claims.lately = 0;
        claims.since_s = seconds(now);
    }
    if (claims.region != region && (claims.lately | claims.before) != 0) {
        auto& marks = claims.before != 0 ? claims.before : claims.lately;
        marks &= marks - 1;
        return;
    }
    claims.region = region;
    claims.lately |= std::uint64_t{1} << siphash(group_key_, member.view()) % 64;
}

Peers::Table Peers::table_of(Nanoseconds now, const CommunityId& community,
                             std::size_t slots) const {
    Table out;
    for (const auto* peer : of(community))
        out.regions.push_back(region_of(peer->address).value_or(no_region));
    for (const auto region : out.regions) {
        auto count = count_in(out.regions, region);
        if (count > 0 && presses(now, region, slots)) ++count;
        out.counts.push_back(count);
        if (count >= crowd) ++out.crowded;
    }
    return out;
}

// Whose slot may be taken: the youngest of the most crowded region, of `least` at least, among
// those whom nothing protects.
Peer* Peers::evictable(const CommunityId& community, const Table& table, std::size_t slots,
                       std::size_t least) {
    struct One {
        Peer* peer;
        Membership* in;
        std::uint64_t group;
        std::size_t count;  // of its region
    };
    const auto& all = of(community);
    std::vector<One> rest;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto region =
            table.regions[i] == no_region ? prefix_of(all[i]->address, 7) : table.regions[i];
        rest.push_back({all[i], all[i]->in(community), group_of(region),
                        std::max<std::size_t>(table.counts[i], 1)});
    }
    const auto share = [&](std::size_t count) {
        return std::min(count, count * slots / ordinary_slots);
    };
    // An attacker cannot know which regions come first.
    protect(rest, share(by_group), [](auto& a, auto& b) { return a.group < b.group; });
    protect(rest, share(by_round_trip), [](auto& a, auto& b) {
        const auto left = a.peer->round_trip, right = b.peer->round_trip;
        return left != 0 && (right == 0 || left < right);
    });
    const auto older = [](auto& a, auto& b) { return a.in->since < b.in->since; };
    protect(rest, share(by_use), [&](auto& a, auto& b) {
        return a.in->useful != b.in->useful ? a.in->useful > b.in->useful : older(a, b);
    });
    protect(rest, rest.size() / 2, older);
    Peer* out = nullptr;
    for (const auto& one : rest) {  // the oldest first, so that the last of equals is the youngest
        if (one.count < least) continue;
        least = one.count;
        out = one.peer;
    }
    return out;
}

// Two of a net and a tenth of the slots of a region are the most. Besides, regions with more
// than one slot, or from which more members came than a region may have slots, are crowds, and
// these share a fifth of the slots in use: so an attacker's part does not grow with the number of
// his identities.
bool Peers::is_crowded(const CommunityId& community, const Table& table, const Claim& claim,
                       std::size_t slots) const {
    if (!claim.region) return false;
    const auto& all = of(community);
    const auto in_net = std::count_if(
        all.begin(), all.end(), [&](Peer* other) { return net_of(other->address) == claim.net; });
    const auto in_region = count_in(table.regions, *claim.region);
    if (static_cast<std::size_t>(in_net) >= net_slots_max || in_region >= region_max(slots))
        return true;
    return claim.weight >= crowd && table.crowded >= crowds_max(slots, all.size() + 1);
}

Peers::Claim Peers::claim_of(Nanoseconds now, const Table& table, const Endpoint& from,
                             std::size_t slots) const {
    Claim out{net_of(from), region_of(from)};
    if (!out.region) return out;
    out.weight += count_in(table.regions, *out.region);
    if (presses(now, *out.region, slots)) ++out.weight;
    return out;
}

bool Peers::crowded(Nanoseconds now, const CommunityId& community, const Endpoint& from,
                    std::size_t slots) const {
    const auto table = table_of(now, community, slots);
    return is_crowded(community, table, claim_of(now, table, from, slots), slots);
}

// Crowds hold more than their share, for they were not known as such yet: the youngest that gave us
// no records goes.
void Peers::trim(const CommunityId& community, const Table& table, std::size_t slots) {
    const auto& all = of(community);
    if (table.crowded <= crowds_max(slots, all.size())) return;
    Peer* youngest = nullptr;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto* in = all[i]->in(community);
        if (table.counts[i] < crowd || in->useful != 0) continue;
        if (youngest == nullptr || youngest->in(community)->since <= in->since) youngest = all[i];
    }
    if (youngest != nullptr) release(community, *youngest);
}

bool Peers::admit(Nanoseconds now, const CommunityId& community, Peer& peer, std::size_t slots) {
    if (auto* membership = peer.in(community); membership != nullptr && membership->slot)
        return true;
    if (const auto region = region_of(peer.address)) note_claim(now, *region, peer.member);
    const auto table = table_of(now, community, slots);
    const auto claim = claim_of(now, table, peer.address, slots);
    bool place = !is_crowded(community, table, claim, slots);
    if (place && count_of(community) >= slots) {
        auto* loser = evictable(community, table, slots, claim.weight + 1);
        // Among equals only now and then where sessions are long: each loser takes another's place
        // elsewhere, and until it hears of its loss it takes us for a neighbour, in vain.
        auto& yielded = yielded_.try_emplace(community, -yield_gap).first->second;
        if (loser == nullptr && (brief_sessions_ || now - yielded >= yield_gap)) {
            loser = evictable(community, table, slots, claim.weight);
            yielded = now;
        }
        place = loser != nullptr;
        if (place) release(community, *loser);
    }
    if (!place) {
        if (claim.weight >= crowd) trim(community, table, slots);
        peer.communities.erase(community);
        return false;
    }
    auto& membership = peer.communities[community];
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
    yielded_.erase(community);
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
