// What the attacker's identities say.
#include "tests/sim/sybils.h"

namespace warren::sim {

using namespace protocol;

namespace {

constexpr Nanoseconds latency = 20'000'000;

bool is_one_of(std::uint8_t id, BaseMessage old_style, BaseMessage new_style) {
    return id == static_cast<std::uint8_t>(old_style) || id == static_cast<std::uint8_t>(new_style);
}

}  // namespace

Sybils::Sybils(World& world, const CommunityId& community, Plan plan, std::uint64_t seed)
    : world_(world), community_(community), plan_(plan), random_(seed) {
    const auto nets = plan.regions * plan.nets_of_region;
    for (std::size_t i = 0; i < plan.identities; ++i) {
        auto net = i % nets, host = i / nets;
        auto at = Endpoint::ipv4(first_byte, static_cast<std::uint8_t>(net % plan.regions),
                                 static_cast<std::uint8_t>(net / plan.regions),
                                 static_cast<std::uint8_t>(1 + host % 250),
                                 static_cast<std::uint16_t>(8090 + host / 250));
        by_address_[at] = identities_.size();
        identities_.push_back({Forger(random_.next(), community), at});
        if (host == 0)
            world.internet().claim(at, [this](const Endpoint& from, const Endpoint& to,
                                              ByteView bytes) { heard(from, to, bytes); });
    }
}

const Endpoint& Sybils::another() {
    return identities_[random_.below(identities_.size())].at;
}

void Sybils::say(const Identity& who, const Endpoint& to, Bytes bytes) {
    world_.after(latency, [this, from = who.at, to, bytes = std::move(bytes)] {
        world_.inject(from, to, bytes);
    });
}

void Sybils::ask(Identity& who, const Endpoint& victim, std::uint64_t echo) {
    Trailer trailer;
    trailer.cookie = who.voice.random.next() | 1;
    trailer.echo = echo;
    trailer.trusts = true;
    say(who, victim, who.voice.request(Style::Old, victim, trailer));
}

void Sybils::heard(const Endpoint& from, const Endpoint& to, ByteView bytes) {
    auto at = by_address_.find(to);
    auto header = decode_header(bytes);
    if (at == by_address_.end() || !header) return;
    auto parts = decode_signed(bytes, WithGlobalTime::Yes);
    if (!parts) return;
    auto& who = identities_[at->second];
    if (is_one_of(header->message_id, BaseMessage::IntroductionRequest,
                  BaseMessage::NewIntroductionRequest)) {
        auto request = decode_introduction_request(parts->payload, Style::Old);
        if (!request) return;
        auto heard_trailer = decode_trailer(request->extra);
        Trailer trailer;
        trailer.cookie = who.voice.random.next() | 1;
        trailer.echo = heard_trailer ? heard_trailer->cookie : 0;
        trailer.trusts = true;
        say(who, from,
            who.voice.response(Style::Old, from, request->identifier, another(), trailer));
    }
    if (is_one_of(header->message_id, BaseMessage::IntroductionResponse,
                  BaseMessage::NewIntroductionResponse)) {
        auto response = decode_introduction_response(parts->payload, Style::Old);
        auto trailer = response ? decode_trailer(response->extra) : std::nullopt;
        if (!trailer || !std::exchange(who.asked, false)) return;
        ++proven_;
        ask(who, from, trailer->cookie);
    }
}

void Sybils::next_request() {
    auto& node = *world_.nodes()[random_.below(world_.nodes().size())];
    if (node.overlay) {
        auto victim = node.address;
        auto& who = identities_[random_.below(identities_.size())];
        who.asked = true;
        ask(who, victim, 0);
    }
    world_.after(static_cast<Nanoseconds>(1'000'000'000 / plan_.requests_per_s),
                 [this] { next_request(); });
}

void Sybils::attack() {
    next_request();
}

}  // namespace warren::sim
