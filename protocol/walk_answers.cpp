// Walking: what a verified introduction request or response does to us, and what we answer.
#include <algorithm>

#include "protocol/overlay_sync.h"
#include "protocol/walk.h"

namespace warren::protocol {

namespace {

constexpr std::size_t response_excess = 16;  // a response may be so much longer than its request
constexpr Nanoseconds prove_interval = 300'000'000;
constexpr std::size_t cookies_max = 4096;
constexpr double introduction_cost = 512;  // response and puncture request
constexpr double prove_cost = 256;

}  // namespace

// Echo their cookie in a signed request: that is what makes them trust our address.
void Walk::prove(Nanoseconds now, const CommunityId& community, Peer& peer) {
    auto* membership = peer.in(community);
    if (membership == nullptr || now - membership->followed < prove_interval) return;
    if (!pay(peer, prove_cost)) return;
    membership->followed = now;
    ask(now, community, peer.address, With::Trailer);
}

void Walk::take_trailer(Nanoseconds now, const Introduction& intro, Peer& peer) {
    // Who has no slot for us is no neighbour, but what it told of others is as good. It gets its
    // cookie back: a bootstrap node introduces nobody before.
    const std::pair place{intro.community, intro.from};
    if (intro.trailer && intro.trailer->full && !intro.is_request) {
        if (cookies_of_full_.size() >= cookies_max && !cookies_of_full_.contains(place))
            cookies_of_full_.erase(cookies_of_full_.begin());
        cookies_of_full_[place] = intro.trailer->cookie;
        return hub_.peers.release(intro.community, peer);
    }
    // Bootstrap nodes look after those whom they introduce, but want no slot.
    if (intro.is_request && !intro.trailer && cookies_of_full_.contains(place)) return;
    if (peer.trusted() && !hub_.peers.admit(now, intro.community, peer, hub_.settings.peers_max))
        return void(++hub_.counters.peers_refused);
    auto& membership = peer.communities[intro.community];
    (intro.is_request ? membership.requested : membership.replied) = now;
    membership.unanswered = 0;
    if (intro.trailer) {
        membership.their_cookie = intro.trailer->cookie;
        membership.trusts_us = intro.trailer->trusts;
        membership.wants_offers = intro.trailer->wants_offers;
        if (intro.trailer->root) membership.root = intro.trailer->root;
    }
    if (peer.trusted() && !membership.announced) {
        membership.announced = peer.announced = true;
        ++hub_.counters.peers_met;
        hub_.emit(PeerMet{intro.community, peer.member, peer.address});
        hurry(now, intro.community, states_[intro.community]);
    }
    if (!intro.trailer) return;
    if (peer.trusted() && !membership.trusts_us) prove(now, intro.community, peer);
    if (peer.proven && membership.trusts_us) sync_.on_root(now, intro.community, peer);
}

void Walk::on_request(Nanoseconds now, const Introduction& intro,
                      const IntroductionRequest& request) {
    Peers::Sighting sighting{intro.key, intro.from, false, false};
    sighting.echo_right = intro.trailer && cookies_.valid(now, intro.from, intro.trailer->echo);
    if (hub_.peers.banned(now, member_id(intro.key.view()))) return;
    auto* peer = hub_.peers.touch(now, sighting);
    if (peer != nullptr) {
        peer->lan = request.source_lan;
        peer->style = request.style;
        peer->new_style = peer->new_style || request.supports_new_style;
        peer->connection = request.connection;
        // A peer that knows no cookies is asked itself, instead of a response (not more bytes than
        // it sent): its answer to our random identifier is the proof.
        bool doubt = !peer->trusted() && !intro.trailer && peer->met != now && peer->last_ping == 0;
        take_trailer(now, intro, *peer);
        if (doubt) {
            if (!hub_.stranger_bytes.take(now, static_cast<double>(intro.size))) return;
            peer->last_ping = now;
            return ask(now, intro.community, intro.from, With::Nothing);
        }
    }
    respond(now, intro, request, peer);
}

Peer* Walk::introduced_for(const Introduction& intro, Style style, Peer* requester) {
    if (requester == nullptr || !requester->trusted()) return nullptr;
    // A walked or a stumbled one, each served in a circle; two symmetric NATs never meet.
    bool walked = hub_.random.below(2) == 0;
    const auto rank = [&](Peer* peer) {
        const auto& membership = *peer->in(intro.community);
        return std::pair((membership.replied != 0) != walked, membership.introduced);
    };
    Peer* chosen = nullptr;
    for (auto* peer : sample(hub_.random, hub_.peers.of(intro.community), SIZE_MAX)) {
        bool symmetric = peer->connection == ConnectionType::SymmetricNat &&
                         requester->connection == ConnectionType::SymmetricNat &&
                         peer->address.address != requester->address.address;
        if (peer == requester || symmetric || (style == Style::Old && peer->address.v6)) continue;
        if (chosen == nullptr || rank(peer) < rank(chosen)) chosen = peer;
    }
    return chosen != nullptr && pay(*requester, introduction_cost) ? chosen : nullptr;
}

Bytes Walk::response_frame(Nanoseconds now, const Introduction& intro, Style style,
                           const IntroductionResponse& response) {
    (void)now;
    auto id = style == Style::Old ? BaseMessage::IntroductionResponse
                                  : BaseMessage::NewIntroductionResponse;
    return frame_signed(intro.community, static_cast<std::uint8_t>(id), hub_.own_key,
                        ++hub_.global_time % 65536, encode(response));
}

void Walk::respond(Nanoseconds now, const Introduction& intro, const IntroductionRequest& request,
                   Peer* peer) {
    IntroductionResponse response;
    response.style = request.style;
    response.destination = intro.from;
    response.source_lan = own_.lan(intro.from.v6);
    // In the new style, our address of the other family lets the walker change over to it.
    bool other = request.style == Style::New && !own_.wan(!intro.from.v6).is_zero();
    response.source_wan = own_.wan(other ? !intro.from.v6 : intro.from.v6);
    response.connection = own_.connection();
    response.identifier = request.identifier;
    auto* introduced = introduced_for(intro, request.style, peer);
    if (introduced != nullptr) {
        bool fits = request.style == Style::New || !introduced->lan.v6;
        response.introduced_lan = fits ? introduced->lan : Endpoint{};
        response.introduced_wan = introduced->address;
        if (own_.same_lan(introduced->address) && !own_.wan(introduced->address.v6).is_zero()) {
            response.introduced_lan = introduced->address;
            response.introduced_wan = own_.wan(introduced->address.v6);
            response.introduced_wan.port = introduced->address.port;
        }
        introduced->in(intro.community)->introduced = now;
        response.introduced_supports_new_style = introduced->style == Style::New;
    }
    Trailer trailer;
    trailer.cookie = cookies_.make(now, intro.from);
    trailer.echo = intro.trailer ? intro.trailer->cookie : 0;
    trailer.trusts = peer != nullptr && peer->proven;
    trailer.wants_offers = peer != nullptr && shall_feed_us(intro.community, *peer);
    trailer.full = peer != nullptr && peer->trusted() && peer->in(intro.community) == nullptr;
    response.peer_limit_reached = trailer.full;
    auto* state = hub_.community(intro.community);
    if (state != nullptr && state->root_known) trailer.root = state->root;

    auto limit = trailer.trusts ? datagram_bytes_max : intro.size + response_excess;
    auto extra = encode(trailer);
    response.extra = extra;
    auto frame = response_frame(now, intro, request.style, response);
    if (frame.size() + signature_bytes > limit) {
        trailer.root.reset();
        extra = encode(trailer);
        response.extra = extra;
        frame = response_frame(now, intro, request.style, response);
    }
    if (frame.size() + signature_bytes > limit) {
        response.extra = {};
        frame = response_frame(now, intro, request.style, response);
    }
    bool paid = trailer.trusts ||
                hub_.stranger_bytes.take(now, static_cast<double>(frame.size() + signature_bytes));
    if (frame.size() + signature_bytes > limit || !paid)
        return void(++hub_.counters.dropped_reply_budget);
    if (introduced != nullptr) {
        bool old = !intro.from.v6 && !request.destination.v6;
        PunctureRequest puncture{old ? Style::Old : Style::New, request.destination, intro.from,
                                 request.identifier};
        auto id = old ? BaseMessage::PunctureRequest : BaseMessage::NewPunctureRequest;
        hub_.send(introduced->address,
                  frame_unsigned(intro.community, static_cast<std::uint8_t>(id), ++hub_.global_time,
                                 encode(puncture)));
    }
    ++hub_.counters.introductions_answered;
    sign(now, {intro.community, std::move(frame), intro.from});
}

void Walk::on_response(Nanoseconds now, const Introduction& intro,
                       const IntroductionResponse& response) {
    auto& state = states_[intro.community];
    auto request = state.requests.find(response.identifier);
    if (request == state.requests.end() || request->second.to != intro.from ||
        request->second.answered)
        return;
    auto round_trip = now - request->second.sent;
    request->second.answered = true;
    ++hub_.counters.introductions_received;

    Peers::Sighting sighting{intro.key, intro.from, false, true};
    sighting.echo_right = intro.trailer && cookies_.valid(now, intro.from, intro.trailer->echo);
    auto* peer = hub_.peers.touch(now, sighting);
    if (peer == nullptr) return;
    bool full = intro.trailer && intro.trailer->full;
    if (full)
        state.candidates.asked(now, intro.from);
    else if (auto introducer = state.candidates.met(intro.from);
             introducer && state.edge && state.edge->head == *introducer)
        state.edge = Edge{peer->member, state.edge->length + 1, now};
    std::erase(state.lost, intro.from);
    peer->lan = response.source_lan;
    peer->style = response.style;
    peer->new_style = peer->new_style || response.supports_new_style;
    peer->connection = response.connection;
    peer->round_trip = peer->round_trip == 0 ? round_trip : (7 * peer->round_trip + round_trip) / 8;
    own_.vote(now, intro.from, response.destination);
    take_addresses(now, intro.community, peer->member, response);
    if (response.style == Style::New) hand_off(now, intro, response);
    take_trailer(now, intro, *peer);
}

void Walk::take_addresses(Nanoseconds now, const CommunityId& community, const MemberId& introducer,
                          const IntroductionResponse& response) {
    auto source =
        introducer.is_zero() ? Candidates::Source::Discovered : Candidates::Source::Introduced;
    for (const auto& address : own_.candidates(response.introduced_lan, response.introduced_wan))
        add_candidate(now, community, address, introducer, source);
}

// They have an address of another family, and so have we: meet there, after they opened their way.
void Walk::hand_off(Nanoseconds now, const Introduction& intro,
                    const IntroductionResponse& response) {
    const auto& there = response.source_wan;
    const auto& own = own_.wan(there.v6);
    auto* peer = hub_.peers.by_address(intro.from);
    if (there.port == 0 || there.v6 == intro.from.v6 || own.is_zero()) return;
    if (peer == nullptr || !walkable(intro.community, there)) return;
    auto& candidates = states_[intro.community].candidates;
    if (!candidates.add(now, there, peer->member, Candidates::Source::Introduced)) return;
    PunctureRequest puncture{Style::New, own_.lan(there.v6), own, response.identifier};
    hub_.send(intro.from, frame_unsigned(intro.community,
                                         static_cast<std::uint8_t>(BaseMessage::NewPunctureRequest),
                                         ++hub_.global_time, encode(puncture)));
}

}  // namespace warren::protocol
