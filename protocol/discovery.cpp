// Similarity and pings.
#include "protocol/discovery.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds patience = 8_s, ask_interval = 1_s, answer_patience = 5_s;
// Sooner than the walk, which would ask with a signed request.
constexpr Nanoseconds silent_after = 20_s, ping_interval = 10_s;
constexpr std::size_t pings_a_second = 8;
constexpr unsigned samples_wanted = 5;  // of a round trip
constexpr std::size_t outstanding_max = 512, discovered_max = 256, told_max = 1024;
constexpr std::size_t communities_told_max = 50;  // they fit a datagram that anybody takes

bool is(const Header& header, DiscoveryMessage message) {
    return header.message_id == static_cast<std::uint8_t>(message);
}

// Answered in time, from where we asked?
template <typename Outstanding>
bool take(Outstanding& in, std::uint16_t identifier, const Endpoint& from, Nanoseconds& sent) {
    const auto at = in.find(identifier);
    if (at == in.end() || at->second.to != from) return false;
    sent = at->second.sent;
    in.erase(at);
    return true;
}

}  // namespace

Discovery::Discovery(Hub& hub)
    : hub_(hub), stranger_checks_({250, 50}), stranger_pongs_({500, 100}),
      checks_(hub, 256, patience), signings_(256, patience) {}

void Discovery::set_communities(std::vector<CommunityId> communities) {
    if (communities == communities_) return;
    communities_ = std::move(communities);
    told_.clear();
}

// As many as fit a datagram: these first, then others by chance, so that in time all are told.
std::vector<CommunityId> Discovery::some_communities(const std::vector<CommunityId>& first) {
    auto out = communities_;
    const auto others = std::ranges::partition(out, [&](const CommunityId& community) {
        return std::ranges::find(first, community) != first.end();
    });
    for (auto rest = others.begin(); rest != others.end(); ++rest) {
        const auto left = static_cast<std::uint64_t>(others.end() - rest);
        std::iter_swap(rest, rest + static_cast<std::ptrdiff_t>(hub_.random.below(left)));
    }
    if (out.size() > communities_told_max) out.resize(communities_told_max);
    return out;
}

void Discovery::on_datagram(Nanoseconds now, const Endpoint& from, const Header& header,
                            ByteView bytes) {
    if (is(header, DiscoveryMessage::Ping)) return on_ping(now, from, header);
    if (is(header, DiscoveryMessage::Pong)) return on_pong(now, from, header);
    if (is(header, DiscoveryMessage::SimilarityRequest))
        return on_similarity(now, from, bytes, true);
    if (is(header, DiscoveryMessage::SimilarityResponse))
        return on_similarity(now, from, bytes, false);
    ++hub_.counters.dropped_unknown_message;
}

// ---- pings: a global time and an identifier, both ways of the same length

void Discovery::on_ping(Nanoseconds now, const Endpoint& from, const Header& header) {
    Reader in(header.body);
    (void)in.u64();
    const auto identifier = decode_ping(in.rest());
    if (!identifier) return void(++hub_.counters.dropped_malformed);
    const auto* peer = hub_.peers.by_address(from);
    if ((peer == nullptr || !peer->trusted()) &&
        !(stranger_pongs_.take(now, 1) &&
          hub_.stranger_bytes.take(now, static_cast<double>(header.body.size()))))
        return void(++hub_.counters.dropped_reply_budget);
    ++hub_.counters.pings_answered;
    hub_.send(from,
              frame_unsigned(discovery_community, static_cast<std::uint8_t>(DiscoveryMessage::Pong),
                             ++hub_.global_time, encode_ping(*identifier)));
}

void Discovery::on_pong(Nanoseconds now, const Endpoint& from, const Header& header) {
    Reader in(header.body);
    (void)in.u64();
    const auto identifier = decode_ping(in.rest());
    if (!identifier) return void(++hub_.counters.dropped_malformed);
    Nanoseconds sent = 0;
    auto* peer = hub_.peers.by_address(from);
    if (peer == nullptr || !take(pings_, *identifier, from, sent))
        return void(++hub_.counters.dropped_unsolicited);
    ++hub_.counters.pongs_received;
    ++peer->pongs;
    peer->round_trip = peer->round_trip == 0 ? now - sent : (7 * peer->round_trip + now - sent) / 8;
}

std::uint16_t Discovery::remember(Outstanding& in, Nanoseconds now, const Endpoint& to) {
    std::erase_if(in, [&](const auto& asked) { return now - asked.second.sent > answer_patience; });
    if (in.size() >= outstanding_max) in.erase(in.begin());
    auto identifier = static_cast<std::uint16_t>(hub_.random.next());
    while (in.contains(identifier))
        ++identifier;
    in[identifier] = {to, now};
    return identifier;
}

void Discovery::ping(Nanoseconds now, Peer& peer) {
    peer.last_gauged = now;
    ++hub_.counters.pings_sent;
    const auto identifier = remember(pings_, now, peer.address);
    hub_.send(peer.address,
              frame_unsigned(discovery_community, static_cast<std::uint8_t>(DiscoveryMessage::Ping),
                             ++hub_.global_time, encode_ping(identifier)));
}

// Who is silent, and who was not measured often enough.
void Discovery::keep_alive(Nanoseconds now, std::vector<Peer*> known) {
    std::erase_if(known, [&](const Peer* peer) {
        const bool due = peer->pongs < samples_wanted || now - peer->last_seen > silent_after;
        return !due || now - peer->last_gauged < ping_interval;
    });
    for (auto* peer : sample(hub_.random, std::move(known), pings_a_second))
        ping(now, *peer);
}

// ---- similarity

void Discovery::on_similarity(Nanoseconds now, const Endpoint& from, ByteView bytes, bool request) {
    auto& counters = hub_.counters;
    const auto parts = decode_signed(bytes, WithGlobalTime::Yes);
    if (!parts || !is_curve25519_key(parts->public_key)) return void(++counters.dropped_malformed);
    if (request) {
        if (!decode_similarity_request(parts->payload)) return void(++counters.dropped_malformed);
    } else {
        const auto response = decode_similarity_response(parts->payload);
        if (!response) return void(++counters.dropped_malformed);
        const auto asked = similarities_.find(response->identifier);
        if (asked == similarities_.end() || asked->second.to != from)
            return void(++counters.dropped_unsolicited);
    }
    checks_.submit(now, from, bytes, [&] {
        const auto* peer = hub_.peers.by_address(from);
        if (!request || (peer != nullptr && peer->trusted()) ||
            (stranger_checks_.take(now, 1) && hub_.stranger_checks.take(now, 1)))
            return true;
        return ++counters.dropped_check_budget, false;
    });
}

void Discovery::signature_result(Nanoseconds now, Token token, bool valid) {
    const auto message = checks_.result(token, valid);
    if (!message) return;
    const auto parts = decode_signed(message->datagram, WithGlobalTime::Yes);
    if (message->datagram[prefix_bytes] ==
        static_cast<std::uint8_t>(DiscoveryMessage::SimilarityRequest)) {
        const auto request = decode_similarity_request(parts->payload);
        if (request) on_request(now, message->from, message->datagram.size(), *request);
        return;
    }
    const auto response = decode_similarity_response(parts->payload);
    if (response) on_response(now, message->from, message->key, *response);
}

// To an address that has proven nothing no more than came: first what both sides have.
void Discovery::on_request(Nanoseconds now, const Endpoint& from, std::size_t size,
                           const SimilarityRequest& request) {
    SimilarityResponse response;
    response.identifier = request.identifier;
    response.communities = some_communities(request.communities);
    const auto* peer = hub_.peers.by_address(from);
    if (peer == nullptr || !peer->trusted()) {
        const auto frame =
            frame_signed(discovery_community, 0, hub_.own_key, 0, encode(SimilarityResponse{}));
        const auto room = size - std::min(size, frame.size() + signature_bytes);
        const auto fit = room / CommunityId::size;
        if (response.communities.size() > fit) response.communities.resize(fit);
        if (!hub_.stranger_bytes.take(now, static_cast<double>(size)))
            return void(++hub_.counters.dropped_reply_budget);
    }
    ++hub_.counters.similarities_answered;
    sign(now, DiscoveryMessage::SimilarityResponse, encode(response), from);
}

void Discovery::on_response(Nanoseconds now, const Endpoint& from, const PublicKey& key,
                            const SimilarityResponse& response) {
    Nanoseconds sent = 0;
    if (!take(similarities_, response.identifier, from, sent)) return;
    auto* peer = hub_.peers.by_address(from);
    if (peer == nullptr || peer->key != key) return;  // we ask none but those that we know
    ++hub_.counters.similarities_received;
    peer->last_seen = now;
    for (const auto& community : response.communities)
        if (community != discovery_community && hub_.community(community) != nullptr &&
            peer->in(community) == nullptr && discovered_.size() < discovered_max)
            discovered_.push_back({community, from, peer->member});
}

void Discovery::ask(Nanoseconds now, Peer& peer) {
    SimilarityRequest request;
    request.identifier = remember(similarities_, now, peer.address);
    request.lan = hub_.settings.own_lan;
    request.wan = wan_;
    request.connection = connection_;
    request.communities = some_communities({});
    ++hub_.counters.similarities_asked;
    if (told_.size() >= told_max) told_.clear();
    told_.insert(peer.member);
    sign(now, DiscoveryMessage::SimilarityRequest, encode(request), peer.address);
}

void Discovery::sign(Nanoseconds now, DiscoveryMessage id, ByteView payload, const Endpoint& to) {
    if (signings_.full()) return void(++hub_.counters.dropped_busy);
    auto frame = frame_signed(discovery_community, static_cast<std::uint8_t>(id), hub_.own_key,
                              ++hub_.global_time, payload);
    const auto token = hub_.next_token();
    hub_.emit(SignAndSend{token, frame, to});
    signings_.add(now, token, {std::move(frame), to});
}

void Discovery::signed_bytes(Token token, const Signature& signature) {
    auto signing = signings_.take(token);
    if (!signing) return;
    append(signing->unsigned_bytes, signature.view());
    hub_.send(signing->to, std::move(signing->unsigned_bytes));
}

void Discovery::failed(Token token) {
    checks_.failed(token);
    (void)signings_.take(token);
}

Nanoseconds Discovery::tick(Nanoseconds now) {
    if (now < next_ask_) return next_ask_;
    next_ask_ = now + ask_interval;
    checks_.clear_expired(now);
    signings_.clear_expired(now);
    // Whoever was just introduced is told at once; then a random one each second.
    std::vector<Peer*> known;
    bool told_new = false;
    for (auto& [member, peer] : hub_.peers.all()) {
        if (!peer.trusted() || peer.in(discovery_community) == nullptr) continue;
        known.push_back(&peer);
        if (told_.contains(member)) continue;
        ask(now, peer);
        told_new = true;
    }
    if (!told_new && !known.empty()) ask(now, *known[hub_.random.below(known.size())]);
    keep_alive(now, std::move(known));
    return next_ask_;
}

}  // namespace warren::protocol
