// The switches have no default: who adds a message adds it here.
#include "tests/sim/forger.h"

#include "protocol/community/proof_request.h"

namespace warren::sim {

using namespace protocol;

namespace {
// Neither may ever get a datagram because of what a forger wrote.
const Endpoint third_party = Endpoint::ipv4(203, 0, 113, 9, 5000);
const Endpoint loopback = Endpoint::ipv4(127, 0, 0, 1, 5000);
}  // namespace

Bytes Forger::signed_message(BaseMessage id, ByteView payload) {
    return signed_packet(
        frame_signed(community_, static_cast<std::uint8_t>(id), key, random.below(65536), payload));
}

Trailer Forger::guess() {
    Trailer out;
    out.cookie = random.next();
    out.echo = random.next();
    out.trusts = true;
    return out;
}

Bytes Forger::request(Style style, const Endpoint& to, const std::optional<Trailer>& trailer) {
    IntroductionRequest request;
    request.style = style;
    request.destination = to;
    request.identifier = static_cast<std::uint16_t>(random.next());
    Bytes extra;
    if (trailer) extra = encode(*trailer);
    request.extra = extra;
    return signed_message(style == Style::Old ? BaseMessage::IntroductionRequest
                                              : BaseMessage::NewIntroductionRequest,
                          encode(request));
}

Bytes Forger::response(Style style, const Endpoint& to, std::uint16_t identifier,
                       const Endpoint& introduced, const std::optional<Trailer>& trailer) {
    IntroductionResponse response;
    response.style = style;
    response.destination = to;
    response.introduced_wan = introduced;
    response.identifier = identifier;
    Bytes extra;
    if (trailer) extra = encode(*trailer);
    response.extra = extra;
    return signed_message(style == Style::Old ? BaseMessage::IntroductionResponse
                                              : BaseMessage::NewIntroductionResponse,
                          encode(response));
}

Bytes Forger::puncture_request(Style style, const Endpoint& target) {
    PunctureRequest request{style, target, target, 7};
    auto id = style == Style::Old ? BaseMessage::PunctureRequest : BaseMessage::NewPunctureRequest;
    return frame_unsigned(community_, static_cast<std::uint8_t>(id), 1, encode(request));
}

Bytes Forger::record() {
    Bytes payload(80);
    random.fill(payload);
    RecordDraft draft{community_, RecordKind::Torrent, key, 5, {}, payload};
    return signed_packet(encode_unsigned(draft));
}

std::vector<Forger::Crafted> Forger::base_messages(BaseMessage id, const Endpoint& to) {
    auto identifier = static_cast<std::uint16_t>(random.next());
    switch (id) {
    case BaseMessage::IntroductionRequest:
        return {{"request", request(Style::Old, to, guess()), true},
                {"request without trailer", request(Style::Old, to, {}), true}};
    case BaseMessage::NewIntroductionRequest:
        return {{"new request", request(Style::New, to, guess()), true},
                {"new request without trailer", request(Style::New, to, {}), true}};
    case BaseMessage::IntroductionResponse:
        return {{"response", response(Style::Old, to, identifier, third_party, guess())}};
    case BaseMessage::NewIntroductionResponse:
        return {{"new response", response(Style::New, to, identifier, third_party, guess())}};
    case BaseMessage::PunctureRequest:
        return {{"puncture request", puncture_request(Style::Old, third_party)},
                {"puncture request to loopback", puncture_request(Style::Old, loopback)}};
    case BaseMessage::NewPunctureRequest:
        return {{"new puncture request", puncture_request(Style::New, third_party)}};
    case BaseMessage::Puncture:
    case BaseMessage::NewPuncture: {
        auto style = id == BaseMessage::Puncture ? Style::Old : Style::New;
        return {{"puncture", signed_message(id, encode(Puncture{style, third_party, third_party,
                                                                identifier}))}};
    }
    }
    return {};
}

Bytes Forger::overlay_body(OverlayMessage id) {
    MemoryStore empty(community_);
    const auto elements = encode(SyncBody{0, open_sync(empty)});
    switch (id) {
    case OverlayMessage::SyncRanges:
        return encode(SyncRanges{1, SyncDirection::Request, 1, 0, 1, elements});
    case OverlayMessage::SyncFetch: return encode(SyncFetch{1, 1, 65536, {}});
    case OverlayMessage::SyncRecords: return encode(SyncRecords{});
    case OverlayMessage::SyncOffer: return encode(SyncOffer{});
    case OverlayMessage::RecordOffer:
        return encode(RecordOffer{{RecordRef{1, random.id<RecordId>()}}});
    case OverlayMessage::SwarmQuery: return encode(SwarmQuery{1, {random.id<Infohash>()}});
    case OverlayMessage::SwarmReply: return encode(SwarmReply{1, 1, 80});
    case OverlayMessage::ProofRequest: {
        const Question question{key, {right::permit, 2, 5}};
        return encode(ProofRequest{1, 1, 65536, encode({&question, 1})});
    }
    case OverlayMessage::Query: return encode(Query{1, 50, {}, "film"});
    case OverlayMessage::QueryAnswer: return encode(SyncRecords{});
    case OverlayMessage::SwarmCounts:
        return encode(SwarmCounts{{{random.id<Infohash>(), 5, 5, 60}}});
    }
    return {};
}

// To one member, who is asked to sign too, or written to.
std::vector<Forger::Crafted> Forger::direct_messages(DirectMessage id) {
    const auto name = "direct " + std::to_string(static_cast<int>(id));
    const auto bare = [&](ByteView body) -> std::vector<Crafted> {
        return {{name, frame_bare(community_, static_cast<std::uint8_t>(id), body)}};
    };
    switch (id) {
    case DirectMessage::PairRequest: {
        const auto half = record();
        const Fragment piece{{5, random.id<RecordId>()}, 0, 1, half};
        return bare(encode(PairRequest{7, 60, piece}));
    }
    case DirectMessage::PairReply: {
        PairReply reply;
        reply.id = random.id<RecordId>();
        return bare(encode(reply));
    }
    case DirectMessage::Letter:
        return {signed_crafted(name, static_cast<std::uint8_t>(id), encode(Letter{key, "hello"}))};
    case DirectMessage::LetterReply: return bare(encode(LetterReply{7}));
    }
    return {};
}

Forger::Crafted Forger::signed_crafted(const std::string& name, std::uint8_t id, ByteView payload) {
    return {name, signed_packet(frame_signed(community_, id, key, random.below(65536), payload))};
}

std::vector<Forger::Crafted> Forger::discovery_messages(DiscoveryMessage id, const Endpoint& to) {
    const auto number = static_cast<std::uint8_t>(id);
    const auto identifier = static_cast<std::uint16_t>(random.next());
    switch (id) {
    case DiscoveryMessage::SimilarityRequest:
        return {signed_crafted(
                    "similarity request", number,
                    encode(SimilarityRequest{
                        identifier, to, third_party, ConnectionType::Public, 0, {community_}})),
                signed_crafted("similarity request of nothing", number,
                               encode(SimilarityRequest{
                                   identifier, to, third_party, ConnectionType::Public, 0, {}}))};
    case DiscoveryMessage::SimilarityResponse:
        return {signed_crafted("similarity response", number,
                               encode(SimilarityResponse{identifier, {community_}, {}}))};
    case DiscoveryMessage::Ping:
    case DiscoveryMessage::Pong:
        return {{"ping or pong", frame_unsigned(community_, number, 1, encode_ping(identifier))}};
    }
    return {};
}

std::vector<Forger::Crafted> Forger::dht_messages(DhtMessage id) {
    const auto identifier = static_cast<std::uint32_t>(random.next());
    const auto target = random.id<DhtId>();
    const auto token = random.id<DhtToken>();
    const auto craft = [&](const std::string& name, ByteView payload) {
        return std::vector<Crafted>{
            {name, signed_packet(frame_signed_untimed(community_, static_cast<std::uint8_t>(id),
                                                      key, payload))}};
    };
    switch (id) {
    case DhtMessage::PingRequest:
    case DhtMessage::PingResponse:
    case DhtMessage::StoreResponse:
    case DhtMessage::StorePeerResponse:
        return craft("dht identifier", encode_dht_identifier(identifier));
    case DhtMessage::StoreRequest: {
        const auto value = encode_plain_value(Bytes(100));
        return craft("dht store", encode(DhtStoreRequest{identifier, token, target, {value}}));
    }
    case DhtMessage::FindRequest:
        return craft("dht find", encode(DhtFindRequest{identifier, third_party, target, 0, false}));
    case DhtMessage::FindResponse:
        return craft("dht found", encode(DhtFindResponse{identifier, token, {}, {}}));
    case DhtMessage::StorePeerRequest:
        return craft("dht store peer", encode(DhtStorePeerRequest{identifier, token, target}));
    case DhtMessage::ConnectPeerRequest:
        return craft("dht connect", encode(DhtConnectPeerRequest{identifier, third_party, target}));
    case DhtMessage::ConnectPeerResponse:
        return craft("dht connected", encode(DhtConnectPeerResponse{identifier, {}}));
    }
    return {};
}

// What only this community has.
std::vector<Forger::Crafted> Forger::own_messages(std::uint8_t id, const Endpoint& to) {
    if (community_ == discovery_community)
        return discovery_messages(static_cast<DiscoveryMessage>(id), to);
    if (community_ == dht_community) return dht_messages(static_cast<DhtMessage>(id));
    if (is_record_kind(id)) return {{"record", record()}};
    if (is_direct_message(id)) return direct_messages(static_cast<DirectMessage>(id));
    const auto body = overlay_body(static_cast<OverlayMessage>(id));
    if (body.empty()) return {};
    return {{"message " + std::to_string(id), frame_bare(community_, id, body)}};
}

std::vector<Forger::Crafted> Forger::messages(std::uint8_t id, const Endpoint& to) {
    auto out = base_messages(static_cast<BaseMessage>(id), to);
    for (auto& own : own_messages(id, to))
        out.push_back(std::move(own));
    return out;
}

std::vector<Forger::Crafted> Forger::noise(std::uint8_t id) {
    Bytes payload(random.below(200));
    random.fill(payload);
    auto name = "noise " + std::to_string(id);
    return {{name + " bare", frame_bare(community_, id, payload)},
            {name + " unsigned", frame_unsigned(community_, id, 1, payload)},
            {name + " untimed", signed_packet(frame_signed_untimed(community_, id, key, payload)),
             id == 246 || id == 234},
            {name + " signed", signed_packet(frame_signed(community_, id, key, 1, payload)),
             id == 246 || id == 234}};
}

}  // namespace warren::sim
