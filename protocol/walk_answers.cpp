// Walking: what a verified introduction request or response does to us, and what we answer.
#include <algorithm>

#include "protocol/overlay_sync.h"
#include "protocol/walk.h"

namespace warren::protocol {

namespace {

constexpr std::size_t response_excess = 16;  // a response may be so much longer than its request
constexpr Nanoseconds prove_interval = 300'000'000;
constexpr double introduction_cost =
    512;  // response and puncture request, against `unlocked_bytes`

}  // namespace

// Echo their cookie in a signed request: that is what makes them trust our address.
void Walk::prove(Nanoseconds now, const CommunityId& community, Peer& peer) {
    auto* membership = peer.in(community);
    if (membership == nullptr || now - membership->followed < prove_interval) return;
    membership->followed = now;
    ask(now, community, peer.address, With::Trailer);
}

void Walk::take_trailer(Nanoseconds now, const Introduction& intro, Peer& peer) {
    auto& membership = peer.communities[intro.community];
    if (intro.trailer) {
        membership.their_cookie = intro.trailer->cookie;
        membership.trusts_us = intro.trailer->trusts;
        if (intro.trailer->root) membership.root = intro.trailer->root;
    }
    if (peer.trusted() && !membership.announced) {
        membership.announced = true;
        ++hub_.counters.peers_met;
        hub_.emit(PeerMet{intro.community, peer.member, peer.address});
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
        // A peer that knows no cookies is asked itself, instead of a response (not more bytes than
        // it sent): its answer to our random identifier is the proof.
        bool doubt = !peer->trusted() && !intro.trailer && peer->met != now && peer->last_ping == 0;
        take_trailer(now, intro, *peer);
        if (doubt) {
            peer->last_ping = now;
            return ask(now, intro.community, intro.from, With::Nothing);
        }
    }
    respond(now, intro, request, peer);
}

Peer* Walk::introduced_for(const Introduction& intro, Style style, Peer* requester) {
    if (requester == nullptr || !requester->trusted()) return nullptr;
    if (!requester->proven) {
        if (requester->unlocked_bytes < introduction_cost) return nullptr;
        requester->unlocked_bytes -= introduction_cost;
    }
    auto candidates = hub_.peers.of(intro.community);
    std::erase_if(candidates, [&](Peer* peer) {
        return peer == requester || (style == Style::Old && peer->address.v6);
    });
    auto chosen = sample(hub_.random, std::move(candidates), 1);
    return chosen.empty() ? nullptr : chosen.front();
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
    response.source_lan = hub_.settings.own_lan;
    response.source_wan = wan_.v6 && request.style == Style::Old ? Endpoint{} : wan_;
    response.identifier = request.identifier;
    auto* introduced = introduced_for(intro, request.style, peer);
    if (introduced != nullptr) {
        bool fits = request.style == Style::New || !introduced->lan.v6;
        response.introduced_lan = fits ? introduced->lan : Endpoint{};
        response.introduced_wan = introduced->address;
        response.introduced_supports_new_style = introduced->style == Style::New;
    }
    Trailer trailer;
    trailer.cookie = cookies_.make(now, intro.from);
    trailer.echo = intro.trailer ? intro.trailer->cookie : 0;
    trailer.trusts = peer != nullptr && peer->proven;
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
                stranger_bytes_.take(now, static_cast<double>(frame.size() + signature_bytes));
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
    if (request == state.requests.end() || request->second.to != intro.from) return;
    auto round_trip = now - request->second.sent;
    state.requests.erase(request);
    state.walkable.erase(intro.from);
    ++hub_.counters.introductions_received;

    Peers::Sighting sighting{intro.key, intro.from, false, true};
    sighting.echo_right = intro.trailer && cookies_.valid(now, intro.from, intro.trailer->echo);
    auto* peer = hub_.peers.touch(now, sighting);
    if (peer == nullptr) return;
    peer->lan = response.source_lan;
    peer->style = response.style;
    peer->round_trip = peer->round_trip == 0 ? round_trip : (7 * peer->round_trip + round_trip) / 8;
    const auto& seen = response.destination;
    if (seen.is_routable() || (hub_.settings.lan && seen.is_loopback())) wan_ = seen;
    take_addresses(intro.community, peer->member, response);
    take_trailer(now, intro, *peer);
}

void Walk::take_addresses(const CommunityId& community, const MemberId& introducer,
                          const IntroductionResponse& response) {
    auto& state = states_[community];
    const auto& lan = response.introduced_lan;
    const auto& wan = response.introduced_wan;
    bool has_lan = lan.port != 0, has_wan = wan.port != 0;
    bool behind_same_nat = has_wan && wan.v6 == wan_.v6 && wan.address == wan_.address;
    if (has_wan && !behind_same_nat) {
        if (has_lan) add_walkable(state, lan, introducer);
        return add_walkable(state, wan, introducer);
    }
    if (has_lan && behind_same_nat) return add_walkable(state, lan, introducer);
    if (!has_wan) return;
    add_walkable(state, wan, introducer);
    auto neighbour = hub_.settings.own_lan;
    neighbour.port = wan.port;
    if (!hub_.settings.own_lan.is_zero()) add_walkable(state, neighbour, introducer);
}

}  // namespace warren::protocol
