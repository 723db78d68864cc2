// Walking: whom to ask next, bootstrap, churn, and the cheap checks before a signature is looked
// at.
#include "protocol/walk.h"

#include <algorithm>

#include "protocol/overlay_sync.h"

namespace warren::protocol {

namespace {

constexpr std::size_t own_addresses_max = 16, checks_max = 2048, anchors_max = 256;
constexpr std::size_t cached_communities_max = 16;
constexpr Nanoseconds anchors_life = 3'600'000'000'000;
constexpr Nanoseconds patience = 8'000'000'000;
constexpr Nanoseconds puncture_target_interval = 10'000'000'000;
constexpr unsigned wrong_identifiers_max = 3;
constexpr double puncture_bytes = 256;  // a signed puncture, against `unlocked_bytes`

bool is_request(std::uint8_t id) {
    return id == static_cast<std::uint8_t>(BaseMessage::IntroductionRequest) ||
           id == static_cast<std::uint8_t>(BaseMessage::NewIntroductionRequest);
}

Style style_of(std::uint8_t id) {
    bool fresh = id >= static_cast<std::uint8_t>(BaseMessage::NewPuncture) &&
                 id <= static_cast<std::uint8_t>(BaseMessage::NewIntroductionRequest);
    return fresh ? Style::New : Style::Old;
}

}  // namespace

Walk::Walk(Hub& hub, Synchroniser& sync)
    : hub_(hub), sync_(sync), cookies_(hub.random), seen_(hub.random, hub.settings.duplicates_max),
      seen_of_strangers_(hub.random, 4 * hub.settings.duplicates_max), own_(hub.settings.lan),
      checks_(checks_max, patience), checks_of_strangers_(checks_max, patience),
      signings_(1024, patience), punctures_({5, 5}), steps_({100, 100}) {
    if (!hub.settings.own_lan.is_zero()) own_.set_lan(hub.settings.own_lan);
}

void Walk::join(Nanoseconds now, const CommunityId& community) {
    // Many that are joined at once take their first steps one after the other.
    constexpr std::size_t at_once = 8;
    constexpr std::uint64_t spread = 10'000'000, spread_most = 10'000'000'000;
    auto crowd = states_.size();
    auto& state = states_[community];
    state.next_bootstrap = now;
    auto delay = crowd < at_once ? 0 : hub_.random.below(std::min(crowd * spread, spread_most));
    schedule(community, state, now + static_cast<Nanoseconds>(delay));
    // Who is near in one community is often in the next one too.
    std::vector<Peer*> known;
    for (auto& [member, peer] : hub_.peers.all())
        if (peer.proven) known.push_back(&peer);
    for (auto* peer : sample(hub_.random, std::move(known), 8))
        add_candidate(now, community, peer->address, peer->member, Candidates::Source::Introduced);
    for (const auto& anchor : anchors_)
        if (std::find(anchor.communities.begin(), anchor.communities.end(), community) !=
            anchor.communities.end())
            add_candidate(now, community, anchor.address, {}, Candidates::Source::Discovered);
}

void Walk::leave(const CommunityId& community) {
    auto at = states_.find(community);
    if (at == states_.end()) return;
    queue_.erase({at->second.next_step, community});
    states_.erase(at);
}

void Walk::add_bootstrap(Nanoseconds now, const Endpoint& address) {
    bootstrap_.insert(address);
    for (auto& [community, state] : states_) {
        state.next_bootstrap = now;
        state.bootstrap_wait = 0;
        hurry(now, community, state);
    }
}

std::vector<CachedPeer> Walk::cached_peers(std::size_t max) const {
    std::vector<const Peer*> best;
    for (const auto& [member, peer] : hub_.peers.all())
        if (peer.proven && !peer.communities.empty()) best.push_back(&peer);
    std::stable_sort(best.begin(), best.end(),
                     [](const Peer* a, const Peer* b) { return a->met < b->met; });
    std::vector<CachedPeer> out;
    for (const auto* peer : best) {
        if (out.size() >= max) break;
        CachedPeer cached{peer->address, {}};
        for (const auto& [community, membership] : peer->communities)
            if (membership.slot && cached.communities.size() < cached_communities_max)
                cached.communities.push_back(community);
        if (!cached.communities.empty()) out.push_back(std::move(cached));
    }
    // Those of the last run that we did not meet yet may only be late.
    for (const auto& anchor : anchors_) {
        bool there = std::any_of(out.begin(), out.end(), [&](const CachedPeer& cached) {
            return cached.address == anchor.address;
        });
        if (!there && out.size() < max) out.push_back(anchor);
    }
    return out;
}

void Walk::add_cached(Nanoseconds now, const std::vector<CachedPeer>& peers) {
    anchors_until_ = now + anchors_life;
    for (const auto& peer : peers) {
        if (anchors_.size() >= anchors_max) return;
        anchors_.push_back(peer);
        for (const auto& community : peer.communities)
            if (states_.contains(community))
                add_candidate(now, community, peer.address, {}, Candidates::Source::Discovered);
    }
}

bool Walk::walkable(const CommunityId& community, const Endpoint& address) {
    if (own_addresses_.contains(address) || !own_.acceptable(address)) return false;
    auto* peer = hub_.peers.by_address(address);
    auto* membership = peer == nullptr ? nullptr : peer->in(community);
    return membership == nullptr || !membership->slot;
}

void Walk::add_candidate(Nanoseconds now, const CommunityId& community, const Endpoint& address,
                         const MemberId& introducer, Candidates::Source source) {
    auto& state = states_[community];
    if (!walkable(community, address)) return;
    if (hub_.peers.crowded(now, community, address, hub_.settings.peers_max)) return;
    if (state.candidates.add(now, address, introducer, source)) hurry(now, community, state);
}

void Walk::suggest(Nanoseconds now, const CommunityId& community, const Endpoint& address,
                   const MemberId& member) {
    if (states_.contains(community))
        add_candidate(now, community, address, member, Candidates::Source::Discovered);
}

// ---- in

void Walk::on_datagram(Nanoseconds now, const Endpoint& from, const Header& header,
                       ByteView datagram) {
    switch (static_cast<BaseMessage>(header.message_id)) {
    case BaseMessage::IntroductionRequest:
    case BaseMessage::NewIntroductionRequest:
    case BaseMessage::IntroductionResponse:
    case BaseMessage::NewIntroductionResponse: return on_signed(now, from, header, datagram);
    case BaseMessage::PunctureRequest:
    case BaseMessage::NewPunctureRequest: return on_puncture_request(now, from, header);
    case BaseMessage::Puncture:
    case BaseMessage::NewPuncture: return on_puncture(now, from, header);
    }
}

bool Walk::matches(State& state, const Endpoint& from, std::uint16_t identifier) {
    auto at = state.requests.find(identifier);
    if (at != state.requests.end() && at->second.to == from) return !at->second.answered;
    for (auto other = state.requests.begin(); other != state.requests.end();) {
        auto guessed = other++;
        if (guessed->second.to == from && ++guessed->second.wrong >= wrong_identifiers_max)
            state.requests.erase(guessed);
    }
    return false;
}

void Walk::on_signed(Nanoseconds now, const Endpoint& from, const Header& header,
                     ByteView datagram) {
    auto& counters = hub_.counters;
    auto state = states_.find(header.community);
    auto parts = decode_signed(datagram, WithGlobalTime::Yes);
    if (state == states_.end() || !parts) return void(++counters.dropped_malformed);
    auto style = style_of(header.message_id);
    if (is_request(header.message_id)) {
        if (!decode_introduction_request(parts->payload, style) ||
            !is_curve25519_key(parts->public_key))
            return void(++counters.dropped_malformed);
    } else {
        auto response = decode_introduction_response(parts->payload, style);
        if (!response) return void(++counters.dropped_malformed);
        if (!matches(state->second, from, response->identifier))
            return void(++counters.dropped_unsolicited);
        if (!is_curve25519_key(parts->public_key)) {
            // Old bootstrap servers sign with a curve we do not have; what they say is a hint
            // anyway.
            state->second.requests[response->identifier].answered = true;
            if (from_bootstrap(from)) take_addresses(now, header.community, {}, *response);
            return;
        }
    }
    const auto digest = seen_.digest(datagram);
    if (seen_.seen(now, digest) || seen_of_strangers_.seen(now, digest))
        return void(++counters.dropped_duplicate);
    auto* peer = hub_.peers.by_address(from);
    bool stranger = peer == nullptr || !peer->proven;
    auto& pending = stranger ? checks_of_strangers_ : checks_;
    if (!(stranger ? hub_.stranger_checks : peer->checks).take(now, 1) || pending.full())
        return void(++counters.dropped_check_budget);
    (stranger ? seen_of_strangers_ : seen_).insert(digest);
    auto token = hub_.next_token();
    pending.add(now, token, {header.community, from, to_bytes(datagram)});
    ++counters.signatures_checked;
    hub_.emit(CheckSignature{token, to_bytes(datagram)});
}

void Walk::signature_result(Nanoseconds now, Token token, bool valid) {
    auto check = checks_.take(token);
    if (!check) check = checks_of_strangers_.take(token);
    if (!check) return;
    if (!valid) return void(++hub_.counters.bad_signatures);
    if (!states_.contains(check->community)) return;
    auto header = decode_header(check->datagram);
    auto parts = decode_signed(check->datagram, WithGlobalTime::Yes);
    if (!header || !parts) return;
    auto key = PublicKey::from(parts->public_key);
    if (!key) return;
    if (*key == hub_.own_key) {
        if (own_addresses_.size() < own_addresses_max) own_addresses_.insert(check->from);
        states_[check->community].candidates.met(check->from);
        return;
    }
    auto style = style_of(header->message_id);
    Introduction intro{check->community, check->from, check->datagram.size(), *key,
                       std::nullopt,     false};
    intro.is_request = is_request(header->message_id);
    if (intro.is_request) {
        auto request = decode_introduction_request(parts->payload, style);
        if (!request) return;
        intro.trailer = decode_trailer(request->extra);
        return on_request(now, intro, *request);
    }
    auto response = decode_introduction_response(parts->payload, style);
    if (!response) return;
    intro.trailer = decode_trailer(response->extra);
    on_response(now, intro, *response);
}

bool Walk::puncture_allowed(Nanoseconds now, const Endpoint& target) {
    if (target.port < 1024 || !own_.acceptable(target)) return false;
    std::erase_if(punctured_, [&](const auto& entry) {
        return now - entry.second >= puncture_target_interval;
    });
    if (punctured_.contains(target) || !punctures_.take(now, 1)) return false;
    punctured_[target] = now;
    return true;
}

// Proven peers pay nothing; who only answered an identifier of ours, out of what that unlocked.
bool Walk::pay(Peer& peer, double bytes) {
    if (peer.proven) return true;
    if (!peer.confirmed || peer.unlocked_bytes < bytes) return false;
    peer.unlocked_bytes -= bytes;
    return true;
}

void Walk::on_puncture_request(Nanoseconds now, const Endpoint& from, const Header& header) {
    auto& counters = hub_.counters;
    auto* peer = hub_.peers.by_address(from);
    if (peer == nullptr || !peer->trusted()) return void(++counters.punctures_refused);
    auto style = style_of(header.message_id);
    if (header.body.size() < 8) return void(++counters.dropped_malformed);
    auto request = decode_puncture_request(header.body.subspan(8), style);
    if (!request) return void(++counters.dropped_malformed);
    const auto& target = own_.puncture_target(request->walker_lan, request->walker_wan);
    if (!puncture_allowed(now, target) || !pay(*peer, puncture_bytes))
        return void(++counters.punctures_refused);
    Puncture puncture{style, own_.lan(target.v6), request->walker_wan, request->identifier};
    auto id = style == Style::Old ? BaseMessage::Puncture : BaseMessage::NewPuncture;
    ++counters.punctures_sent;
    sign(now, {header.community,
               frame_signed(header.community, static_cast<std::uint8_t>(id), hub_.own_key,
                            ++hub_.global_time, encode(puncture)),
               target});
}

// Its purpose is the NAT mapping that it left behind, so now is the time to ask. It bears the
// identifier that we sent to the introducer, and comes from the address that is really open: behind
// a symmetric NAT another one than we were told. Not checked further, as it leads to no more than
// one request to its sender, which answers a packet of the same size.
void Walk::on_puncture(Nanoseconds now, const Endpoint& from, const Header& header) {
    auto state = states_.find(header.community);
    auto style = style_of(header.message_id);
    constexpr std::size_t around = 2 + PublicKey::size + 8 + signature_bytes;
    if (state == states_.end() || header.body.size() <= around)
        return void(++hub_.counters.dropped_malformed);
    auto payload = header.body.first(header.body.size() - signature_bytes);
    auto puncture = decode_puncture(payload.subspan(around - signature_bytes), style);
    if (!puncture) return void(++hub_.counters.dropped_malformed);
    auto request = state->second.requests.find(puncture->identifier);
    bool expected = request != state->second.requests.end() && request->second.to != from;
    if (!expected || !walkable(header.community, from))
        return void(++hub_.counters.dropped_unsolicited);
    auto& candidates = state->second.candidates;
    auto* introducer = hub_.peers.by_address(request->second.to);
    bool fresh = candidates.add(now, from, introducer ? introducer->member : MemberId{},
                                Candidates::Source::Introduced);
    if (!fresh && !candidates.may_retry(now, from)) return;
    candidates.asked(now, from);
    ask(now, header.community, from, With::Nothing);
}

// ---- out

void Walk::sign(Nanoseconds now, Signing signing) {
    if (signings_.full()) return void(++hub_.counters.dropped_busy);
    auto token = hub_.next_token();
    hub_.emit(SignAndSend{token, signing.unsigned_bytes, signing.to});
    signings_.add(now, token, std::move(signing));
}

void Walk::signed_bytes(Nanoseconds now, Token token, const Signature& signature) {
    auto signing = signings_.take(token);
    if (!signing) return;
    append(signing->unsigned_bytes, signature.view());
    if (auto state = states_.find(signing->community); state != states_.end()) {
        auto request = state->second.requests.find(signing->request);
        if (request != state->second.requests.end()) request->second.sent = now;
    }
    hub_.send(signing->to, std::move(signing->unsigned_bytes));
}

void Walk::failed(Token token) {
    checks_.take(token);
    checks_of_strangers_.take(token);
    signings_.take(token);
}

void Walk::ask(Nanoseconds now, const CommunityId& community, const Endpoint& to, With with) {
    auto& requests = states_[community].requests;
    if (requests.size() >= 256) return;
    auto identifier = static_cast<std::uint16_t>(1 + hub_.random.below(0xffff));
    if (!requests.emplace(identifier, Request{to, now}).second) return;
    IntroductionRequest request;
    auto* peer = hub_.peers.by_address(to);
    bool has_v6 = !own_.wan(true).is_zero();  // then the new style may lead to it
    bool fresh = to.v6 || (has_v6 && peer != nullptr && peer->proven && peer->new_style);
    request.style = fresh ? Style::New : Style::Old;
    request.destination = to;
    request.source_lan = own_.lan(to.v6);
    request.source_wan = own_.wan(to.v6);
    request.connection = own_.connection();
    request.supports_new_style = has_v6;
    request.identifier = identifier;
    auto trailer = encode(trailer_for(now, community, to));
    if (with == With::Trailer) request.extra = trailer;
    auto id = fresh ? BaseMessage::NewIntroductionRequest : BaseMessage::IntroductionRequest;
    ++hub_.counters.introductions_asked;
    sign(now, {community,
               frame_signed(community, static_cast<std::uint8_t>(id), hub_.own_key,
                            ++hub_.global_time % 65536, encode(request)),
               to, identifier});
}

Trailer Walk::trailer_for(Nanoseconds now, const CommunityId& community, const Endpoint& to) {
    Trailer out;
    out.cookie = cookies_.make(now, to);
    if (const auto full = cookies_of_full_.find({community, to}); full != cookies_of_full_.end())
        out.echo = full->second;
    if (auto* peer = hub_.peers.by_address(to)) {
        out.trusts = peer->proven;
        out.wants_offers = shall_feed_us(community, *peer);
        if (auto* membership = peer->in(community)) out.echo = membership->their_cookie;
    }
    auto* state = hub_.community(community);
    if (state != nullptr && state->root_known) out.root = state->root;
    return out;
}

// The first few neighbours, each for as long as it is one.
bool Walk::shall_feed_us(const CommunityId& community, Peer& peer) {
    auto* membership = peer.in(community);
    if (membership == nullptr || !membership->slot || !peer.proven) return false;
    if (membership->feeds_us) return true;
    const auto feeders = std::ranges::count_if(
        hub_.peers.of(community), [&](Peer* one) { return one->in(community)->feeds_us; });
    membership->feeds_us = static_cast<std::size_t>(feeders) < hub_.settings.feeders;
    return membership->feeds_us;
}

void Walk::renew(Nanoseconds now, const CommunityId& community, Peer& peer) {
    if (states_.contains(community)) prove(now, community, peer);
}

}  // namespace warren::protocol
