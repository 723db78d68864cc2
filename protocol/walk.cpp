// Walking: whom to ask next, bootstrap, churn, and the cheap checks before a signature is looked
// at.
#include "protocol/walk.h"

#include <algorithm>

#include "protocol/overlay_sync.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds walk_timeout = 3'000'000'000, request_life = 10'000'000'000;
constexpr std::size_t walk_window = 5, walkable_max = 64, walkable_of_introducer_max = 8;
constexpr std::size_t own_addresses_max = 16;
constexpr Nanoseconds bootstrap_young = 60'000'000'000;
constexpr Nanoseconds bootstrap_soon = 5'000'000'000, bootstrap_later = 30'000'000'000;
constexpr Nanoseconds known_soon = 1'000'000'000, known_later = 5'000'000'000;
constexpr Nanoseconds ping_after = 27'500'000'000, drop_after = 57'500'000'000;
constexpr Nanoseconds ping_interval = 10'000'000'000, untrusted_life = 30'000'000'000;
constexpr Nanoseconds patience = 8'000'000'000;
constexpr Nanoseconds puncture_target_interval = 10'000'000'000;
constexpr unsigned wrong_identifiers_max = 3;

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
      checks_(4096, patience), signings_(1024, patience), stranger_checks_({2000, 400}),
      stranger_bytes_({256.0 * 1024, 64.0 * 1024}), punctures_({5, 5}) {}

void Walk::join(Nanoseconds now, const CommunityId& community) {
    auto& state = states_[community];
    state.next_step = now;
    state.next_bootstrap = now;
    // Who is near in one community is often in the next one too.
    std::vector<Peer*> known;
    for (auto& [member, peer] : hub_.peers.all())
        if (peer.proven) known.push_back(&peer);
    for (auto* peer : sample(hub_.random, std::move(known), 8))
        add_walkable(state, peer->address, peer->member);
}

void Walk::add_bootstrap(Nanoseconds now, const Endpoint& address) {
    bootstrap_.insert(address);
    for (auto& [community, state] : states_)
        ask(now, community, address, With::Trailer);
}

bool Walk::acceptable(const Endpoint& address) const {
    if (address.port == 0 || own_addresses_.contains(address)) return false;
    if (address.is_routable()) return true;
    return hub_.settings.lan && (address.is_loopback() || address.is_private());
}

void Walk::add_walkable(State& state, const Endpoint& address, const MemberId& introducer) {
    if (!acceptable(address) || state.walkable.contains(address)) return;
    if (state.walkable.size() >= walkable_max) return;
    auto of_same = std::count_if(state.walkable.begin(), state.walkable.end(),
                                 [&](const auto& w) { return w.second.introducer == introducer; });
    if (static_cast<std::size_t>(of_same) >= walkable_of_introducer_max) return;
    state.walkable[address].introducer = introducer;
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
    case BaseMessage::NewPuncture: return;  // its purpose is the NAT mapping that it left behind
    }
}

bool Walk::matches(State& state, const Endpoint& from, std::uint16_t identifier) {
    auto at = state.requests.find(identifier);
    if (at != state.requests.end() && at->second.to == from) return true;
    for (auto other = state.requests.begin(); other != state.requests.end();) {
        auto guessed = other++;
        if (guessed->second.to == from && ++guessed->second.wrong > wrong_identifiers_max)
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
        auto* peer = hub_.peers.by_address(from);
        bool member = peer != nullptr && peer->in(header.community) != nullptr;
        if (!member && hub_.peers.count_of(header.community) > hub_.settings.peers_max)
            return void(++counters.dropped_peer_limit);
    } else {
        auto response = decode_introduction_response(parts->payload, style);
        if (!response) return void(++counters.dropped_malformed);
        if (!matches(state->second, from, response->identifier))
            return void(++counters.dropped_unsolicited);
        if (!is_curve25519_key(parts->public_key)) {
            // Old bootstrap servers sign with a curve we do not have; what they say is a hint
            // anyway.
            state->second.requests.erase(response->identifier);
            if (from_bootstrap(from)) take_addresses(header.community, MemberId{}, *response);
            return;
        }
    }
    auto digest = seen_.digest(Writer().bytes(datagram).bytes(from.address).u16(from.port).peek());
    if (seen_.seen(now, digest)) return void(++counters.dropped_duplicate);
    auto* peer = hub_.peers.by_address(from);
    bool stranger = peer == nullptr || !peer->proven;
    if ((stranger && !stranger_checks_.take(now, 1)) || checks_.full())
        return void(++counters.dropped_check_budget);
    seen_.insert(digest);
    auto token = hub_.next_token();
    checks_.add(now, token, {header.community, from, to_bytes(datagram)});
    ++counters.signatures_checked;
    hub_.emit(CheckSignature{token, to_bytes(datagram)});
}

void Walk::signature_result(Nanoseconds now, Token token, bool valid) {
    auto check = checks_.take(token);
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
        states_[check->community].walkable.erase(check->from);
        return;
    }
    auto style = style_of(header->message_id);
    Introduction intro{check->community, check->from, check->datagram.size(), *key, std::nullopt};
    if (is_request(header->message_id)) {
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
    if (target.port < 1024 || !acceptable(target)) return false;
    std::erase_if(punctured_, [&](const auto& entry) {
        return now - entry.second >= puncture_target_interval;
    });
    if (punctured_.contains(target) || !punctures_.take(now, 1)) return false;
    punctured_[target] = now;
    return true;
}

void Walk::on_puncture_request(Nanoseconds now, const Endpoint& from, const Header& header) {
    auto& counters = hub_.counters;
    auto* peer = hub_.peers.by_address(from);
    if (peer == nullptr || !peer->proven || peer->in(header.community) == nullptr)
        return void(++counters.punctures_refused);
    auto style = style_of(header.message_id);
    if (header.body.size() < 8) return void(++counters.dropped_malformed);
    auto request = decode_puncture_request(header.body.subspan(8), style);
    if (!request) return void(++counters.dropped_malformed);
    bool same_host = !wan_.is_zero() && request->walker_wan.address == wan_.address;
    bool lan_known = !request->walker_lan.is_zero();
    auto target =
        same_host && lan_known && !wan_.is_loopback() ? request->walker_lan : request->walker_wan;
    if (!puncture_allowed(now, target)) return void(++counters.punctures_refused);
    Puncture puncture{style, hub_.settings.own_lan, request->walker_wan, request->identifier};
    auto id = style == Style::Old ? BaseMessage::Puncture : BaseMessage::NewPuncture;
    ++counters.punctures_sent;
    sign(now, {header.community,
               frame_signed(header.community, static_cast<std::uint8_t>(id), hub_.own_key,
                            ++hub_.global_time, encode(puncture)),
               target});
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
    signings_.take(token);
}

void Walk::ask(Nanoseconds now, const CommunityId& community, const Endpoint& to, With with) {
    auto& requests = states_[community].requests;
    if (requests.size() >= 256) return;
    auto identifier = static_cast<std::uint16_t>(1 + hub_.random.below(0xffff));
    if (!requests.emplace(identifier, Request{to, now}).second) return;
    IntroductionRequest request;
    request.style = to.v6 ? Style::New : Style::Old;
    request.destination = to;
    request.source_lan = hub_.settings.own_lan;
    request.source_wan = wan_.v6 == to.v6 ? wan_ : Endpoint{};
    request.identifier = identifier;
    auto trailer = encode(trailer_for(now, community, to));
    if (with == With::Trailer) request.extra = trailer;
    auto id = to.v6 ? BaseMessage::NewIntroductionRequest : BaseMessage::IntroductionRequest;
    ++hub_.counters.introductions_asked;
    sign(now, {community,
               frame_signed(community, static_cast<std::uint8_t>(id), hub_.own_key,
                            ++hub_.global_time % 65536, encode(request)),
               to, identifier});
}

Trailer Walk::trailer_for(Nanoseconds now, const CommunityId& community, const Endpoint& to) {
    Trailer out;
    out.cookie = cookies_.make(now, to);
    if (auto* peer = hub_.peers.by_address(to)) {
        out.trusts = peer->proven;
        if (auto* membership = peer->in(community)) out.echo = membership->their_cookie;
    }
    auto* state = hub_.community(community);
    if (state != nullptr && state->root_known) out.root = state->root;
    return out;
}

void Walk::renew(Nanoseconds now, const CommunityId& community, Peer& peer) {
    if (states_.contains(community)) prove(now, community, peer);
}

// ---- time

void Walk::bootstrap(Nanoseconds now, const CommunityId& community, State& state) {
    if (now < state.next_bootstrap) return;
    auto* hub_state = hub_.community(community);
    bool young = hub_state != nullptr && now - hub_state->joined < bootstrap_young;
    state.next_bootstrap = now + (young ? bootstrap_soon : bootstrap_later);
    for (const auto& address : bootstrap_)
        if (!own_addresses_.contains(address)) ask(now, community, address, With::Trailer);
    std::vector<Peer*> elsewhere;
    for (auto& [member, peer] : hub_.peers.all())
        if (peer.proven && !bootstrap_.contains(peer.address)) elsewhere.push_back(&peer);
    for (auto* peer : sample(hub_.random, std::move(elsewhere), 2))
        ask(now, community, peer->address, With::Trailer);
}

void Walk::step(Nanoseconds now, const CommunityId& community, State& state) {
    std::erase_if(state.walkable, [&](const auto& w) {
        return w.second.asked != 0 && now - w.second.asked > walk_timeout;
    });
    std::erase_if(state.requests,
                  [&](const auto& r) { return now - r.second.sent > request_life; });
    auto peers = hub_.peers.of(community);
    if (peers.size() >= hub_.settings.peers_target) return;
    auto outstanding = std::count_if(state.walkable.begin(), state.walkable.end(),
                                     [](const auto& w) { return w.second.asked != 0; });
    if (static_cast<std::size_t>(outstanding) >= walk_window) return;
    if (peers.empty()) bootstrap(now, community, state);
    auto fresh = std::find_if(state.walkable.begin(), state.walkable.end(),
                              [](const auto& w) { return w.second.asked == 0; });
    if (fresh != state.walkable.end() && hub_.random.below(256) < 206) {
        fresh->second.asked = now;
        return ask(now, community, fresh->first, With::Trailer);
    }
    if (peers.empty()) return;
    // Known peers are asked less often once the first seconds are over.
    auto* hub_state = hub_.community(community);
    bool young = hub_state != nullptr && now - hub_state->joined < bootstrap_young;
    if (now - state.last_known < (young ? known_soon : known_later)) return;
    state.last_known = now;
    if (!bootstrap_.empty() && hub_.random.below(20) == 0) {
        auto at = std::next(bootstrap_.begin(),
                            static_cast<std::ptrdiff_t>(hub_.random.below(bootstrap_.size())));
        if (!own_addresses_.contains(*at)) return ask(now, community, *at, With::Trailer);
    }
    ask(now, community, peers[hub_.random.below(peers.size())]->address, With::Trailer);
}

void Walk::churn(Nanoseconds now) {
    std::vector<Peer*> gone;
    for (auto& [member, peer] : hub_.peers.all()) {
        auto silent = now - peer.last_seen;
        bool dead = silent > drop_after && peer.last_ping > peer.last_seen;
        bool stranger = !peer.trusted() && now - peer.met > untrusted_life;
        if (dead || stranger || peer.communities.empty()) {
            gone.push_back(&peer);
            continue;
        }
        if (!peer.trusted() || silent <= ping_after || now - peer.last_ping < ping_interval)
            continue;
        peer.last_ping = now;
        ask(now, peer.communities.begin()->first, peer.address, With::Trailer);
    }
    for (auto* peer : gone) {
        ++hub_.counters.peers_lost;
        hub_.emit(PeerLost{peer->member, peer->address});
        hub_.peers.remove(MemberId(peer->member));
    }
}

Nanoseconds Walk::tick(Nanoseconds now) {
    checks_.clear_expired(now);
    signings_.clear_expired(now);
    if (now >= next_churn_) {
        next_churn_ = now + 1'000'000'000;
        churn(now);
    }
    auto next = next_churn_;
    for (auto& [community, state] : states_) {
        if (now >= state.next_step) {
            state.next_step = now + hub_.settings.walk_interval;
            step(now, community, state);
        }
        next = std::min(next, state.next_step);
    }
    return next;
}

}  // namespace warren::protocol
