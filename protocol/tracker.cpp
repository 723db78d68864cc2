// The registry of a bootstrap node, and its answers.
#include "protocol/tracker.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds entry_life = 300 * second;  // silent for so long: gone
constexpr Nanoseconds fresh_for = 30 * second;    // after that, whoever is introduced is pinged too
constexpr Nanoseconds ping_timeout = 5 * second, patience = 8 * second;
constexpr std::size_t response_excess = 16;
constexpr unsigned wrong_max = 3;
constexpr std::size_t picks = 4;  // the one heard last of so many is introduced

bool is_request(std::uint8_t id) {
    return id == static_cast<std::uint8_t>(BaseMessage::IntroductionRequest) ||
           id == static_cast<std::uint8_t>(BaseMessage::NewIntroductionRequest);
}
bool is_response(std::uint8_t id) {
    return id == static_cast<std::uint8_t>(BaseMessage::IntroductionResponse) ||
           id == static_cast<std::uint8_t>(BaseMessage::NewIntroductionResponse);
}
Style style_of(std::uint8_t id) {
    return id < static_cast<std::uint8_t>(BaseMessage::IntroductionResponse) ? Style::New
                                                                             : Style::Old;
}

}  // namespace

Tracker::Tracker(Hub& hub, const TrackerLimits& limits)
    : hub_(hub), limits_(limits), cookies_(hub.random), checks_(hub, limits.waiting, patience),
      signings_(limits.waiting, patience), pings_({50, 50}) {}

// ---- in

void Tracker::on_datagram(Nanoseconds now, const Endpoint& from, const Header& header,
                          ByteView datagram) {
    auto& counters = hub_.counters;
    const auto id = header.message_id;
    if (!is_request(id) && !is_response(id)) return void(++counters.dropped_community);
    auto parts = decode_signed(datagram, WithGlobalTime::Yes);
    if (!parts || !is_curve25519_key(parts->public_key)) return void(++counters.dropped_malformed);
    if (is_response(id)) {
        auto response = decode_introduction_response(parts->payload, style_of(id));
        if (!response) return void(++counters.dropped_malformed);
        if (!expected(header.community, from, response->identifier))
            return void(++counters.dropped_unsolicited);
    } else if (!decode_introduction_request(parts->payload, style_of(id))) {
        return void(++counters.dropped_malformed);
    }
    checks_.submit(now, from, datagram, [&] {
        if (hub_.stranger_checks.take(now, 1)) return true;
        ++counters.dropped_check_budget;
        return false;
    });
}

// No longer asked: its request, if any, gives up its place in the waiting room.
Tracker::Asked Tracker::settle(AskedAt at) {
    auto out = std::move(at->second);
    asked_.erase(at);
    hub_.waiting_room.leave(out.to, out.request ? out.request->size : 0);
    return out;
}

bool Tracker::expected(const CommunityId& community, const Endpoint& from,
                       std::uint16_t identifier) {
    auto at = asked_.find(identifier);
    if (at != asked_.end() && at->second.to == from && at->second.community == community)
        return true;
    for (auto other = asked_.begin(); other != asked_.end();) {
        auto guessed = other++;
        if (guessed->second.to == from && ++guessed->second.wrong >= wrong_max) settle(guessed);
    }
    return false;
}

void Tracker::signature_result(Nanoseconds now, Token token, bool valid) {
    auto check = checks_.result(token, valid);
    if (!check) return;
    auto header = decode_header(check->datagram);
    auto parts = decode_signed(check->datagram, WithGlobalTime::Yes);
    if (!header || !parts) return;
    auto style = style_of(header->message_id);
    if (is_response(header->message_id)) {
        auto response = decode_introduction_response(parts->payload, style);
        if (response)
            on_response(now, header->community, check->from, check->key, response->identifier);
        return;
    }
    auto request = decode_introduction_request(parts->payload, style);
    if (!request) return;
    on_request(now, {header->community, check->from, request->destination, request->source_lan,
                     check->key, style, request->connection, request->identifier,
                     check->datagram.size(), decode_trailer(request->extra)});
}

void Tracker::on_request(Nanoseconds now, Request request) {
    ++hub_.counters.tracker_requests;
    auto member = member_id(request.key.view());
    const auto& trailer = request.trailer;
    bool proven = trailer && cookies_.valid(now, request.from, trailer->echo);
    proven = proven || known(request.community, member, request.from) != nullptr;
    if (proven) {
        take_in(now, request);
        auto* introduced = pick(request);
        return respond(now, request, introduced, true);
    }
    // Who knows cookies gets one; who does not is asked back, and answered once that is answered.
    if (trailer) return respond(now, request, nullptr, false);
    Entry stranger;
    stranger.community = request.community;
    stranger.address = request.from;
    stranger.style = request.style;
    if (!hub_.stranger_bytes.take(now, static_cast<double>(request.size))) return;
    ask(now, std::move(request), stranger);
}

void Tracker::on_response(Nanoseconds now, const CommunityId& community, const Endpoint& from,
                          const PublicKey& key, std::uint16_t identifier) {
    auto at = asked_.find(identifier);
    if (at == asked_.end() || at->second.to != from) return;
    const auto asked = settle(at);
    if (!asked.request) {
        auto* entry = known(community, member_id(key.view()), from);
        if (entry == nullptr) return;
        entry->seen = now;
        entry->pinged = 0;
        auto& place = communities_[community][entry->member];
        by_age_.splice(by_age_.end(), by_age_, place);
        return;
    }
    if (asked.request->key != key) return;
    take_in(now, *asked.request);
    respond(now, *asked.request, pick(*asked.request), true);
}

// ---- the registry

Tracker::Entry* Tracker::known(const CommunityId& community, const MemberId& member,
                               const Endpoint& from) {
    auto members = communities_.find(community);
    if (members == communities_.end()) return nullptr;
    auto at = members->second.find(member);
    if (at == members->second.end() || at->second->address != from) return nullptr;
    return &*at->second;
}

void Tracker::drop(Ages::iterator entry) {
    if (auto region = region_of(entry->address))
        if (auto at = regions_.find(*region); --at->second == 0) regions_.erase(at);
    auto members = communities_.find(entry->community);
    members->second.erase(entry->member);
    if (members->second.empty()) communities_.erase(members);
    by_age_.erase(entry);
}

bool Tracker::room_for(const CommunityId& community, const Endpoint& address) {
    const auto net = net_of(address), region = region_of(address);
    auto all = region ? regions_.find(*region) : regions_.end();
    if (all != regions_.end() && all->second >= limits_.of_region_all) return false;
    auto members = communities_.find(community);
    if (members == communities_.end()) return true;
    std::size_t in_net = 0, in_region = 0;
    auto oldest = by_age_.end();
    for (const auto& [member, entry] : members->second) {
        if (net && net_of(entry->address) == net) ++in_net;
        if (region && region_of(entry->address) == region) ++in_region;
        if (oldest == by_age_.end() || entry->seen < oldest->seen) oldest = entry;
    }
    if (in_net >= limits_.of_net || in_region >= limits_.of_region) return false;
    if (members->second.size() >= limits_.of_community) drop(oldest);
    return true;
}

bool Tracker::take_in(Nanoseconds now, const Request& request) {
    auto member = member_id(request.key.view());
    if (auto members = communities_.find(request.community); members != communities_.end())
        if (auto at = members->second.find(member); at != members->second.end()) drop(at->second);
    if (!room_for(request.community, request.from)) return false;
    if (by_age_.size() >= limits_.entries) drop(by_age_.begin());
    by_age_.push_back({request.community, member, request.from, request.lan, request.style,
                       request.connection, now, 0});
    communities_[request.community][member] = std::prev(by_age_.end());
    if (auto region = region_of(request.from)) ++regions_[*region];
    return true;
}

Tracker::Entry* Tracker::pick(const Request& request) {
    auto members = communities_.find(request.community);
    if (members == communities_.end()) return nullptr;
    Entry* best = nullptr;
    const auto own = member_id(request.key.view());
    for (std::size_t i = 0; i < picks; ++i) {
        auto number = static_cast<std::ptrdiff_t>(hub_.random.below(members->second.size()));
        auto& entry = *std::next(members->second.begin(), number)->second;
        bool fits = request.style == Style::New || !entry.address.v6;
        // Two symmetric NATs never meet.
        bool symmetric = entry.connection == ConnectionType::SymmetricNat &&
                         request.connection == ConnectionType::SymmetricNat &&
                         entry.address.address != request.from.address;
        if (entry.member == own || entry.address == request.from || !fits || symmetric) continue;
        if (best == nullptr || best->seen < entry.seen) best = &entry;
    }
    return best;
}

// ---- out

void Tracker::sign(Nanoseconds now, Signing signing) {
    if (signings_.full()) return void(++hub_.counters.dropped_busy);
    auto token = hub_.next_token();
    hub_.emit(SignAndSend{token, signing.unsigned_bytes, signing.to});
    signings_.add(now, token, std::move(signing));
}

void Tracker::respond(Nanoseconds now, const Request& request, Entry* introduced, bool proven) {
    IntroductionResponse response;
    response.style = request.style;
    response.destination = request.from;
    response.identifier = request.identifier;
    response.peer_limit_reached = true;  // we are nobody's neighbour
    if (introduced != nullptr) {
        bool fits = request.style == Style::New || !introduced->lan.v6;
        response.introduced_lan = fits ? introduced->lan : Endpoint{};
        response.introduced_wan = introduced->address;
        response.introduced_supports_new_style = introduced->style == Style::New;
    }
    Bytes extra;
    if (request.trailer) {
        Trailer trailer;
        trailer.cookie = cookies_.make(now, request.from);
        trailer.echo = request.trailer->cookie;
        trailer.trusts = proven;
        trailer.full = true;
        extra = encode(trailer);
        response.extra = extra;
    }
    auto id = request.style == Style::Old ? BaseMessage::IntroductionResponse
                                          : BaseMessage::NewIntroductionResponse;
    auto frame = frame_signed(request.community, static_cast<std::uint8_t>(id), hub_.own_key,
                              ++hub_.global_time % 65536, encode(response));
    const auto size = frame.size() + signature_bytes;
    bool fits = proven || (size <= request.size + response_excess &&
                           hub_.stranger_bytes.take(now, static_cast<double>(size)));
    if (!fits) return void(++hub_.counters.dropped_reply_budget);
    if (introduced != nullptr) {
        bool old = !request.from.v6 && !request.destination.v6 && !introduced->address.v6;
        PunctureRequest puncture{old ? Style::Old : Style::New, request.destination, request.from,
                                 request.identifier};
        auto message = old ? BaseMessage::PunctureRequest : BaseMessage::NewPunctureRequest;
        hub_.send(introduced->address,
                  frame_unsigned(request.community, static_cast<std::uint8_t>(message),
                                 ++hub_.global_time, encode(puncture)));
        if (now - introduced->seen > fresh_for && introduced->pinged == 0 && pings_.take(now, 1)) {
            introduced->pinged = now;
            ask(now, std::nullopt, *introduced);
        }
    }
    ++hub_.counters.tracker_answers;
    sign(now, {std::move(frame), request.from});
}

void Tracker::ask(Nanoseconds now, std::optional<Request> request, const Entry& to) {
    const auto waits = request ? request->size : 0;
    if (asked_.size() >= limits_.waiting || !hub_.waiting_room.enter(to.address, waits))
        return void(++hub_.counters.dropped_busy);
    auto identifier = static_cast<std::uint16_t>(1 + hub_.random.below(0xffff));
    Asked asked{std::move(request), to.community, to.address, 0, now};
    if (!asked_.emplace(identifier, std::move(asked)).second)
        return hub_.waiting_room.leave(to.address, waits);
    IntroductionRequest question;
    question.style = to.style;
    question.destination = to.address;
    question.identifier = identifier;
    auto id = to.style == Style::Old ? BaseMessage::IntroductionRequest
                                     : BaseMessage::NewIntroductionRequest;
    sign(now, {frame_signed(to.community, static_cast<std::uint8_t>(id), hub_.own_key,
                            ++hub_.global_time % 65536, encode(question)),
               to.address});
}

void Tracker::signed_bytes(Token token, const Signature& signature) {
    auto signing = signings_.take(token);
    if (!signing) return;
    append(signing->unsigned_bytes, signature.view());
    hub_.send(signing->to, std::move(signing->unsigned_bytes));
}

void Tracker::failed(Token token) {
    checks_.failed(token);
    signings_.take(token);
}

// ---- time

void Tracker::tick(Nanoseconds now) {
    checks_.clear_expired(now);
    signings_.clear_expired(now);
    for (auto at = asked_.begin(); at != asked_.end();) {
        auto asked = at++;
        if (now - asked->second.at < ping_timeout) continue;
        if (!asked->second.request) {  // an unanswered ping
            auto members = communities_.find(asked->second.community);
            if (members != communities_.end())
                for (const auto& [member, entry] : members->second)
                    if (entry->pinged != 0 && entry->address == asked->second.to) {
                        drop(entry);
                        break;
                    }
        }
        settle(asked);
    }
    while (!by_age_.empty() && now - by_age_.front().seen > entry_life)
        drop(by_age_.begin());
}

void Tracker::forget(const CommunityId& community) {
    auto members = communities_.find(community);
    if (members == communities_.end()) return;
    std::vector<Ages::iterator> all;
    for (const auto& [member, entry] : members->second)
        all.push_back(entry);
    for (auto entry : all)
        drop(entry);
}

}  // namespace warren::protocol
