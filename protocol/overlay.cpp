// Front of the overlay: the cheap checks in their order, and which part gets what.
#include "protocol/overlay.h"

#include <algorithm>

#include "protocol/community/types.h"

namespace warren::protocol {

namespace {

bool is_base_message(std::uint8_t id) {
    return (id >= 231 && id <= 234) || id == 245 || id == 246 || id == 249 || id == 250;
}

// As decode_header, but refuses without words: a refusal must cost next to nothing.
std::optional<Header> header_of(ByteView datagram) {
    if (datagram.size() <= prefix_bytes || datagram[0] != 0 || datagram[1] != 2) return {};
    Header out;
    std::copy_n(datagram.begin() + 2, CommunityId::size, out.community.bytes.begin());
    out.message_id = datagram[prefix_bytes];
    out.body = datagram.subspan(prefix_bytes + 1);
    return out;
}

}  // namespace

Overlay::Overlay(const PublicKey& own_key, OverlaySettings settings, Random& random)
    : hub_(own_key, std::move(settings), random), proofs_(hub_), gossip_(hub_, proofs_),
      fetcher_(hub_, gossip_, proofs_), serving_(hub_, fetcher_), sync_(hub_, fetcher_),
      swarms_(hub_), queries_(hub_), swarm_gossip_(hub_), pairs_(hub_, gossip_), letters_(hub_),
      walk_(hub_, sync_), discovery_(hub_), dht_(hub_),
      sources_(random, hub_.settings.source_buckets) {
    if (hub_.settings.bootstrap) tracker_.emplace(hub_);
}

void Overlay::datagram(Nanoseconds now, const Endpoint& from, ByteView bytes) {
    auto& counters = hub_.counters;
    ++counters.datagrams_in;
    counters.bytes_in += bytes.size();
    if (bytes.size() <= prefix_bytes || bytes.size() > datagram_bytes_max)
        return void(++counters.dropped_length);
    const auto header = header_of(bytes);
    if (!header) return void(++counters.dropped_malformed);
    auto* community = hub_.community(header->community);
    if (community == nullptr && !tracker_) return void(++counters.dropped_community);
    auto* peer = hub_.peers.by_address(from);
    bool proven = peer != nullptr && peer->proven;
    if (!proven && !sources_.take(now, from)) return void(++counters.dropped_source_budget);
    if (community == nullptr) return tracker_->on_datagram(now, from, *header, bytes);
    community->bytes_in += bytes.size();
    if (peer != nullptr) {
        peer->last_seen = now;
        peer->bytes_in += bytes.size();
    }
    if (is_base_message(header->message_id)) return walk_.on_datagram(now, from, *header, bytes);
    if (header->community == discovery_community)
        return discovery_.on_datagram(now, from, *header, bytes);
    if (header->community == dht_community) return dht_.on_datagram(now, from, *header, bytes);
    auto* membership = proven ? peer->in(header->community) : nullptr;
    if (membership == nullptr || !membership->slot) return void(++counters.dropped_unproven);
    partner_message(now, *peer, *header, bytes);
}

void Overlay::partner_message(Nanoseconds now, Peer& peer, const Header& header,
                              ByteView datagram) {
    if (is_record_kind(header.message_id)) return gossip_.on_push(now, peer, header, datagram);
    if (is_direct_message(header.message_id)) return direct_message(now, peer, header, datagram);
    auto malformed = [&] { ++hub_.counters.dropped_malformed; };
    const auto& community = header.community;
    switch (static_cast<OverlayMessage>(header.message_id)) {
    case OverlayMessage::SyncRanges: {
        auto message = decode_sync_ranges(header.body);
        return message ? sync_.on_ranges(now, peer, community, *message) : malformed();
    }
    case OverlayMessage::SyncFetch: {
        auto message = decode_sync_fetch(header.body);
        if (!message) return malformed();
        sync_.on_fetch(peer, community, *message);
        return serving_.on_fetch(now, peer, community, *message);
    }
    case OverlayMessage::SyncRecords: {
        auto message = decode_sync_records(header.body);
        if (!message) return malformed();
        if (proofs_.on_records(now, peer, community, *message)) return;
        return fetcher_.on_records(now, peer, community, *message);
    }
    case OverlayMessage::SyncOffer: {
        auto message = decode_sync_offer(header.body);
        return message ? fetcher_.on_offer(now, peer, community, *message) : malformed();
    }
    case OverlayMessage::RecordOffer: {
        auto message = decode_record_offer(header.body);
        if (!message) return malformed();
        gossip_.on_offer(now, peer, community, *message);
        return fetch_offered(now);
    }
    case OverlayMessage::SwarmQuery: {
        auto message = decode_swarm_query(header.body);
        return message ? swarms_.on_query(now, peer, community, *message) : malformed();
    }
    case OverlayMessage::SwarmReply: {
        auto message = decode_swarm_reply(header.body);
        return message ? swarms_.on_reply(now, peer, *message) : malformed();
    }
    case OverlayMessage::ProofRequest: {
        auto message = decode_proof_request(header.body);
        return message ? serving_.on_proof_request(now, peer, community, *message) : malformed();
    }
    case OverlayMessage::Query: {
        auto message = decode_query(header.body);
        return message ? queries_.on_query(now, peer, community, *message) : malformed();
    }
    case OverlayMessage::QueryAnswer: {
        auto message = decode_sync_records(header.body);
        return message ? queries_.on_answer(now, peer, *message) : malformed();
    }
    case OverlayMessage::SwarmCounts: {
        auto message = decode_swarm_counts(header.body);
        if (!message) return malformed();
        return swarm_gossip_.on_counts(now, peer, community, std::move(*message));
    }
    }
    ++hub_.counters.dropped_unknown_message;
}

void Overlay::fetch_offered(Nanoseconds now) {
    for (const auto& want : gossip_.take_wants())
        if (auto* peer = hub_.peers.by_member(want.from))
            fetcher_.on_record_offer(now, *peer, want.community, {want.refs});
}

// In communities whose type lists them.
void Overlay::direct_message(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram) {
    if (type_of(header.community).find(header.message_id) == nullptr)
        return void(++hub_.counters.dropped_unknown_message);
    const auto& community = header.community;
    auto malformed = [&] { ++hub_.counters.dropped_malformed; };
    switch (static_cast<DirectMessage>(header.message_id)) {
    case DirectMessage::PairRequest: {
        auto message = decode_pair_request(header.body);
        return message ? pairs_.on_request(now, peer, community, *message) : malformed();
    }
    case DirectMessage::PairReply: {
        auto message = decode_pair_reply(header.body);
        return message ? pairs_.on_reply(now, peer, *message) : malformed();
    }
    case DirectMessage::Letter: return letters_.on_letter(now, peer, header, datagram);
    case DirectMessage::LetterReply: {
        auto message = decode_letter_reply(header.body);
        return message ? letters_.on_reply(peer, *message) : malformed();
    }
    }
}

Nanoseconds Overlay::tick(Nanoseconds now) {
    auto next = gossip_.tick(now);
    fetch_offered(now);
    serving_.tick(now);
    if (tracker_) tracker_->tick(now);
    swarms_.tick(now);
    next = std::min({next, walk_.tick(now), fetcher_.tick(now), proofs_.tick(now), sync_.tick(now),
                     pairs_.tick(now), letters_.tick(now), queries_.tick(now),
                     swarm_gossip_.tick(now)});
    for (const auto& key : sync_.take_silent())
        if (auto* peer = hub_.peers.by_member(key.member)) walk_.renew(now, key.community, *peer);
    if (hub_.community(discovery_community) != nullptr) {
        discovery_.own_address(walk_.own().wan(false), walk_.own().connection());
        next = std::min(next, discovery_.tick(now));
    }
    if (hub_.community(dht_community) != nullptr) {
        for (const bool v6 : {false, true})
            if (!walk_.own().wan(v6).is_zero()) dht_.own_address(now, walk_.own().wan(v6));
        next = std::min(next, dht_.tick(now));
    }
    return std::max(next, now + 1'000'000);
}

void Overlay::signature_result(Nanoseconds now, Token token, bool valid) {
    walk_.signature_result(now, token, valid);
    if (tracker_) tracker_->signature_result(now, token, valid);
    discovery_.signature_result(now, token, valid);
    for (const auto& found : discovery_.take_discovered())
        walk_.suggest(now, found.community, found.address, found.member);
    dht_.signature_result(now, token, valid);
    pairs_.signature_result(now, token, valid);
    letters_.signature_result(token, valid);
}

void Overlay::signed_bytes(Nanoseconds now, Token token, const Signature& signature) {
    walk_.signed_bytes(now, token, signature);
    if (tracker_) tracker_->signed_bytes(token, signature);
    discovery_.signed_bytes(token, signature);
    dht_.signed_bytes(now, token, signature);
    letters_.signed_bytes(now, token, signature);
}

void Overlay::stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts) {
    if (fetcher_.stored(now, token, verdicts) || pairs_.stored(now, token, verdicts) ||
        proofs_.stored(now, token, verdicts))
        return;
    const auto grown = gossip_.stored(now, token, verdicts);
    // Where something happens, who lacks neighbours looks for them again.
    if (grown && hub_.peers.count_of(*grown) < hub_.settings.peers_target) walk_.wake(now, *grown);
}

void Overlay::reconciled(Nanoseconds now, Token token, const Synchroniser::Outcome& outcome) {
    sync_.reconciled(now, token, outcome);
}

void Overlay::root(Nanoseconds now, Token token, const CommunityRoot& root) {
    sync_.own_root(now, token, root);
}

void Overlay::fetched(Nanoseconds now, Token token, const FetchedRecords& fetched) {
    serving_.fetched(now, token, fetched);
}

void Overlay::pair_judged(Nanoseconds now, Token token, const PairJudgement& judgement) {
    pairs_.judged(now, token, judgement);
}

void Overlay::found(Nanoseconds now, Token token, const FetchedRecords& found) {
    queries_.found(now, token, found);
}

void Overlay::counted(Token token, std::vector<SwarmCount> swarms) {
    swarm_gossip_.counted(token, std::move(swarms));
}

void Overlay::have_swarms(Token token, std::uint32_t bitmap, std::uint16_t port) {
    swarms_.have(token, bitmap, port);
}

void Overlay::failed(Nanoseconds now, Token token) {
    walk_.failed(token);
    if (tracker_) tracker_->failed(token);
    discovery_.failed(token);
    dht_.failed(now, token);
    gossip_.failed(token);
    fetcher_.failed(now, token);
    proofs_.failed(now, token);
    serving_.failed(now, token);
    sync_.failed(now, token);
    swarms_.failed(token);
    queries_.failed(token);
    swarm_gossip_.failed(token);
    pairs_.failed(now, token);
    letters_.failed(token);
}

void Overlay::set_intervals(Nanoseconds walk, Nanoseconds sync) {
    hub_.settings.walk_interval = walk;
    hub_.settings.sync_interval = sync;
}

void Overlay::join(Nanoseconds now, const CommunityId& community) {
    if (auto* there = hub_.community(community)) {
        there->root_stale = true;  // its file changed otherwise than by records from here
        return;
    }
    if (tracker_) tracker_->forget(community);
    hub_.communities[community].joined = now;
    walk_.join(now, community);
}

void Overlay::leave(const CommunityId& community) {
    if (hub_.communities.erase(community) == 0) return;
    walk_.leave(community);
    sync_.leave(community);
    fetcher_.leave(community);
    proofs_.leave(community);
    pairs_.leave(community);
    hub_.peers.leave(community);
}

void Overlay::set_own_lan(const Endpoint& address) {
    if (!address.v6) hub_.settings.own_lan = address;  // what discovery and DHT tell
    walk_.set_own_lan(address);
}

void Overlay::add_bootstrap(Nanoseconds now, const Endpoint& address) {
    walk_.add_bootstrap(now, address);
}

void Overlay::add_cached_peers(Nanoseconds now, const std::vector<CachedPeer>& peers) {
    walk_.add_cached(now, peers);
}

std::size_t Overlay::push(Nanoseconds now, const CommunityId& community,
                          const std::vector<Bytes>& packets) {
    walk_.wake(now, community);  // neighbours learn our new root soon
    return gossip_.push(now, community, packets);
}

void Overlay::judged_again(Nanoseconds now, const CommunityId& community,
                           const std::vector<JudgedAgain>& records,
                           const std::vector<Bytes>& let_in) {
    auto* state = hub_.community(community);
    if (state == nullptr) return;
    state->root_stale = true;
    for (const auto& record : records)
        proofs_.judged_again(community, record);
    for (const auto& packet : let_in)
        gossip_.forward(now, community, packet, hub_.own);
}

void Overlay::storage_restarted() {
    for (auto& [community, state] : hub_.communities)
        state.root_stale = true;
}

void Overlay::wanted_swarms(Nanoseconds now, const std::vector<Infohash>& infohashes) {
    swarms_.wanted(now, infohashes);
}

Overlay::SyncOverview Overlay::sync_overview(const CommunityId& community) {
    SyncOverview out;
    for (auto* peer : hub_.peers.partners_of(community)) {
        ++out.peers;
        if (peer->in(community)->in_sync) ++out.peers_in_sync;
    }
    return out;
}

}  // namespace warren::protocol
