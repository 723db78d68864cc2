// Pushing and forwarding of records.
#include "protocol/overlay_gossip.h"

#include <algorithm>

#include "protocol/record.h"

namespace warren::protocol {

namespace {
constexpr std::size_t storing_bytes_max = 8 * 1024 * 1024;
constexpr Nanoseconds patience = 30'000'000'000;
constexpr Nanoseconds ban_time = 600'000'000'000;
}  // namespace

Gossip::Gossip(Hub& hub)
    : hub_(hub), seen_(hub.random, hub.settings.duplicates_max), storing_(16'384, patience) {}

void Gossip::spread(const CommunityId& community, ByteView packet, const std::vector<Peer*>& to) {
    if (packet.size() <= record_datagram_bytes) {
        for (auto* peer : to) {
            if (auto* state = hub_.community(community)) state->bytes_out += packet.size();
            hub_.send(peer->address, to_bytes(packet));
        }
        return;
    }
    auto record = decode_record(packet);
    if (!record) return;
    auto body = encode(RecordOffer{{record->ref()}});
    for (auto* peer : to) {
        ++hub_.counters.records_offered;
        hub_.send_bare(community, *peer, OverlayMessage::RecordOffer, body);
    }
}

std::size_t Gossip::push(Nanoseconds now, const CommunityId& community,
                         const std::vector<Bytes>& packets) {
    auto* state = hub_.community(community);
    if (state == nullptr) return 0;
    state->root_stale = true;
    auto to = sample(hub_.random, hub_.peers.partners_of(community), 2 * hub_.settings.fan_out);
    for (const auto& packet : packets) {
        auto digest = seen_.digest(packet);
        seen_.seen(now, digest);
        seen_.insert(digest);
        hub_.counters.records_pushed += to.size();
        spread(community, packet, to);
    }
    return to.size();
}

void Gossip::forward(Nanoseconds now, const CommunityId& community, ByteView packet,
                     const MemberId& except) {
    auto digest = seen_.digest(packet);
    seen_.seen(now, digest);
    seen_.insert(digest);
    auto partners = hub_.peers.partners_of(community);
    std::erase_if(partners, [&](Peer* peer) { return peer->member == except; });
    auto to = sample(hub_.random, std::move(partners), hub_.settings.fan_out);
    hub_.counters.records_forwarded += to.size();
    spread(community, packet, to);
}

void Gossip::on_push(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram) {
    auto& counters = hub_.counters;
    auto digest = seen_.digest(datagram);
    if (seen_.seen(now, digest)) return void(++counters.dropped_duplicate);
    auto record = decode_record(datagram);
    if (!record || datagram.size() > record_datagram_bytes)
        return void(++counters.dropped_malformed);
    if (storing_.full() || storing_bytes_ + datagram.size() > storing_bytes_max)
        return void(++counters.dropped_busy);
    seen_.insert(digest);
    ++counters.records_received;
    auto token = hub_.next_token();
    storing_bytes_ += datagram.size();
    storing_.add(now, token, {header.community, peer.member, to_bytes(datagram)});
    hub_.emit(StoreRecords{token, header.community, {to_bytes(datagram)}, false});
}

void Gossip::drop(const std::optional<Storing>& storing) {
    if (storing) storing_bytes_ -= storing->packet.size();
}

std::optional<CommunityId> Gossip::stored(Nanoseconds now, Token token,
                                          const std::vector<RecordVerdict>& verdicts) {
    auto storing = storing_.take(token);
    if (!storing) return std::nullopt;
    drop(storing);
    if (verdicts.empty()) return std::nullopt;
    if (verdicts.front() == RecordVerdict::Accepted) {
        ++hub_.counters.records_accepted;
        if (auto* peer = hub_.peers.by_member(storing->from))
            if (auto* membership = peer->in(storing->community)) ++membership->useful;
        if (auto* state = hub_.community(storing->community)) state->root_stale = true;
        forward(now, storing->community, storing->packet, storing->from);
        return storing->community;
    }
    if (verdicts.front() == RecordVerdict::Known) return std::nullopt;
    ++hub_.counters.records_refused;
    if (verdicts.front() == RecordVerdict::BadSignature) {
        // Honest nodes pass on only what they checked.
        ++hub_.counters.peers_banned;
        hub_.peers.ban(now + ban_time, storing->from);
        hub_.peers.remove(storing->from);
    }
    return std::nullopt;
}

void Gossip::failed(Token token) {
    drop(storing_.take(token));
}

void Gossip::tick(Nanoseconds now) {
    while (auto expired = storing_.take_expired(now))
        drop(expired);
}

}  // namespace warren::protocol
