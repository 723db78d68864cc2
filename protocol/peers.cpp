// The peer table.
#include "protocol/peers.h"

#include <algorithm>

namespace warren::protocol {

namespace {
constexpr std::size_t unproven_max = 256;  // verified, but nothing more is known of them
constexpr std::size_t banned_max = 1024;
constexpr Nanoseconds ban_time = 600'000'000'000;
constexpr Nanoseconds silent_after = 27'500'000'000;
constexpr double confirmed_bytes = 2048;
}  // namespace

Peer* Peers::by_member(const MemberId& member) {
    auto at = peers_.find(member);
    return at == peers_.end() ? nullptr : &at->second;
}

Peer* Peers::by_address(const Endpoint& address) {
    auto at = addresses_.find(address);
    return at == addresses_.end() ? nullptr : by_member(at->second);
}

Peer* Peers::touch(Nanoseconds now, const Sighting& sighting) {
    auto member = member_id(sighting.key.view());
    if (banned(now, member)) return nullptr;
    if (auto* holder = by_address(sighting.from); holder != nullptr && holder->member != member) {
        bool stays =
            !sighting.echo_right && holder->trusted() && now - holder->last_seen < silent_after;
        if (stays) return nullptr;
        remove(holder->member);
    }
    auto* peer = by_member(member);
    if (peer == nullptr) peer = create(now, sighting, member);
    if (peer == nullptr) return nullptr;
    if (peer->address != sighting.from) {
        bool stays =
            !sighting.echo_right && peer->trusted() && now - peer->last_seen < silent_after;
        if (stays) return nullptr;
        if (region_of(peer->address) != region_of(sighting.from)) give_up_slots(*peer);
        addresses_.erase(peer->address);
        peer->address = sighting.from;
        if (peer->trusted()) ++untrusted_;
        peer->proven = peer->confirmed = false;
        peer->round_trip = 0;
        addresses_[peer->address] = member;
    }
    settle(*peer, now, sighting);
    return peer;
}

Peer* Peers::create(Nanoseconds now, const Sighting& sighting, const MemberId& member) {
    bool trusted = sighting.echo_right || sighting.answered;
    if (!trusted && untrusted_ >= unproven_max) return nullptr;
    Peer peer(reply_rate_);
    peer.member = member;
    peer.key = sighting.key;
    peer.address = sighting.from;
    peer.met = peer.last_counted = now;
    addresses_[peer.address] = member;
    ++untrusted_;
    return &peers_.emplace(member, std::move(peer)).first->second;
}

void Peers::settle(Peer& peer, Nanoseconds now, const Sighting& sighting) {
    const bool trusted = peer.trusted();
    peer.last_seen = now;
    peer.proven = peer.proven || sighting.echo_right;
    if (sighting.answered) {
        peer.confirmed = true;
        peer.unlocked_bytes = confirmed_bytes;
    }
    if (!trusted && peer.trusted()) --untrusted_;
}

void Peers::remove(const MemberId& member) {
    auto at = peers_.find(member);
    if (at == peers_.end()) return;
    auto& peer = at->second;
    while (!peer.communities.empty())
        release(CommunityId(peer.communities.begin()->first), peer);
    if (!peer.trusted()) --untrusted_;
    addresses_.erase(peer.address);
    peers_.erase(at);
}

bool Peers::blame(Nanoseconds now, const MemberId& member) {
    auto* peer = by_member(member);
    if (peer == nullptr || peer->forgiven.take(now, 1)) return false;
    ban(now + ban_time, MemberId(member));
    remove(MemberId(member));
    return true;
}

bool Peers::banned(Nanoseconds now, const MemberId& member) {
    if (banned_.size() > banned_max) banned_.erase(banned_.begin());
    auto at = banned_.find(member);
    if (at == banned_.end()) return false;
    if (now < at->second) return true;
    banned_.erase(at);
    return false;
}

std::vector<Peer*> sample(Random& random, std::vector<Peer*> from, std::size_t count) {
    std::vector<Peer*> out;
    while (out.size() < count && !from.empty()) {
        auto at = random.below(from.size());
        out.push_back(from[at]);
        from[at] = from.back();
        from.pop_back();
    }
    return out;
}

}  // namespace warren::protocol
