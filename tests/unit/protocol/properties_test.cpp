// Properties of every codec of base, discovery and DHT messages, over seeded cases: what is encoded
// decodes to itself, and any bytes at all either decode to something that encodes again, or are
// refused.
#include <functional>

#include "base/random.h"
#include "protocol/dht_messages.h"
#include "protocol/discovery_messages.h"
#include "tests/unit/protocol/vectors.h"

namespace warren::protocol {
namespace {

constexpr int cases = 12'000;

// Owns what the views of a message point to.
struct Gen {
    explicit Gen(std::uint64_t seed) : random(seed) {}

    SeededRandom random;
    std::vector<Bytes> kept;

    template <typename Number>
    Number number() {
        return static_cast<Number>(random.next());
    }
    bool flag() { return random.below(2) == 0; }
    std::size_t count(std::size_t max) { return random.below(max + 1); }
    ByteView bytes(std::size_t max) {
        Bytes out(count(max));
        random.fill(out);
        return kept.emplace_back(std::move(out));
    }
    Endpoint ipv4() {
        Endpoint out;
        random.fill(std::span(out.address).first(4));
        out.port = number<std::uint16_t>();
        return out;
    }
    Endpoint any() {
        if (flag()) return ipv4();
        Endpoint out;
        out.v6 = true;
        random.fill(out.address);
        out.address[0] |= 1;  // never a mapped one, which reads as IPv4
        out.port = number<std::uint16_t>();
        return out;
    }
    Endpoint address(Style style) { return style == Style::Old ? ipv4() : any(); }
    ConnectionType connection() {
        constexpr std::array all{ConnectionType::Unknown, ConnectionType::Public,
                                 ConnectionType::SymmetricNat};
        return all[random.below(all.size())];
    }
    std::vector<CommunityId> communities() {
        std::vector<CommunityId> out(count(20));
        for (auto& community : out)
            community = random.id<CommunityId>();
        return out;
    }
    std::vector<ByteView> values() {
        std::vector<ByteView> out(count(10));
        for (auto& value : out)
            value = bytes(200);
        return out;
    }
    std::vector<DhtNodeEntry> nodes() {
        std::vector<DhtNodeEntry> out(count(10));
        for (auto& node : out)
            node = {any(), bytes(100)};
        return out;
    }
};

IntroductionRequest introduction_request(Gen& gen, Style style) {
    IntroductionRequest out;
    out.style = style;
    out.destination = gen.address(style);
    out.source_lan = gen.address(style);
    out.source_wan = gen.address(style);
    out.identifier = gen.number<std::uint16_t>();
    out.extra = gen.bytes(60);
    if (style == Style::New) {
        out.supports_new_style = true;
        return out;
    }
    out.connection = gen.connection();
    out.supports_new_style = gen.flag();
    out.advice = gen.flag();
    return out;
}

IntroductionResponse introduction_response(Gen& gen, Style style) {
    IntroductionResponse out;
    out.style = style;
    for (auto* address : {&out.destination, &out.source_lan, &out.source_wan, &out.introduced_lan,
                          &out.introduced_wan})
        *address = gen.address(style);
    out.introduced_supports_new_style = gen.flag();
    out.identifier = gen.number<std::uint16_t>();
    out.extra = gen.bytes(60);
    if (style == Style::New) return out;
    out.connection = gen.connection();
    out.supports_new_style = gen.flag();
    out.peer_limit_reached = gen.flag();
    return out;
}

// A codec: makes the encoding of some random message, and decodes and encodes again (empty:
// refused).
struct Codec {
    const char* name;
    std::function<Bytes(Gen&)> make;
    std::function<std::optional<Bytes>(ByteView)> again;
};

template <typename Decode>
std::function<std::optional<Bytes>(ByteView)> again_with(Decode decode) {
    return [decode](ByteView bytes) -> std::optional<Bytes> {
        const auto got = decode(bytes);
        if (!got.ok()) return std::nullopt;
        return encode(*got);
    };
}

template <typename Message>
auto styled(Result<Message> (*decode)(ByteView, Style), Style style) {
    return again_with([=](ByteView bytes) { return decode(bytes, style); });
}

std::vector<Codec> base_codecs() {
    std::vector<Codec> out;
    for (const auto style : {Style::Old, Style::New}) {
        out.push_back({"introduction request",
                       [=](Gen& gen) { return encode(introduction_request(gen, style)); },
                       styled(decode_introduction_request, style)});
        out.push_back({"introduction response",
                       [=](Gen& gen) { return encode(introduction_response(gen, style)); },
                       styled(decode_introduction_response, style)});
        out.push_back({"puncture request",
                       [=](Gen& gen) {
                           return encode(PunctureRequest{style, gen.address(style),
                                                         gen.address(style),
                                                         gen.number<std::uint16_t>()});
                       },
                       styled(decode_puncture_request, style)});
        out.push_back({"puncture",
                       [=](Gen& gen) {
                           return encode(Puncture{style, gen.address(style), gen.address(style),
                                                  gen.number<std::uint16_t>()});
                       },
                       styled(decode_puncture, style)});
    }
    return out;
}

std::vector<Codec> discovery_codecs() {
    return {
        {"similarity request",
         [](Gen& gen) {
             return encode(SimilarityRequest{gen.number<std::uint16_t>(), gen.ipv4(), gen.ipv4(),
                                             gen.connection(), 0, gen.communities()});
         },
         again_with(decode_similarity_request)},
        {"similarity response",
         [](Gen& gen) {
             SimilarityResponse out{gen.number<std::uint16_t>(), gen.communities(), {}};
             for (auto left = gen.count(3); left > 0; --left)
                 out.overlaps.push_back({gen.random.id<MemberId>(), gen.number<std::uint32_t>()});
             return encode(out);
         },
         again_with(decode_similarity_response)},
        {"ping", [](Gen& gen) { return encode_ping(gen.number<std::uint16_t>()); },
         [](ByteView bytes) -> std::optional<Bytes> {
             const auto got = decode_ping(bytes);
             if (!got.ok()) return std::nullopt;
             return encode_ping(*got);
         }},
        {"legacy introduction request",
         [](Gen& gen) {
             DiscoveryIntroductionRequest out{std::nullopt, introduction_request(gen, Style::Old)};
             if (gen.flag()) out.wanted = gen.random.id<MemberId>();
             return encode(out);
         },
         again_with(decode_discovery_introduction_request)},
    };
}

std::vector<Codec> dht_codecs() {
    return {
        {"identifier", [](Gen& gen) { return encode_dht_identifier(gen.number<std::uint32_t>()); },
         [](ByteView bytes) -> std::optional<Bytes> {
             const auto got = decode_dht_identifier(bytes);
             if (!got.ok()) return std::nullopt;
             return encode_dht_identifier(*got);
         }},
        {"store request",
         [](Gen& gen) {
             return encode(DhtStoreRequest{gen.number<std::uint32_t>(), gen.random.id<DhtToken>(),
                                           gen.random.id<DhtId>(), gen.values()});
         },
         again_with(decode_dht_store_request)},
        {"find request",
         [](Gen& gen) {
             return encode(DhtFindRequest{gen.number<std::uint32_t>(), gen.any(),
                                          gen.random.id<DhtId>(), gen.number<std::uint32_t>(),
                                          gen.flag()});
         },
         again_with(decode_dht_find_request)},
        {"find response",
         [](Gen& gen) {
             return encode(DhtFindResponse{gen.number<std::uint32_t>(), gen.random.id<DhtToken>(),
                                           gen.values(), gen.nodes()});
         },
         again_with(decode_dht_find_response)},
        {"store-peer request",
         [](Gen& gen) {
             return encode(DhtStorePeerRequest{gen.number<std::uint32_t>(),
                                               gen.random.id<DhtToken>(), gen.random.id<DhtId>()});
         },
         again_with(decode_dht_store_peer_request)},
        {"connect-peer request",
         [](Gen& gen) {
             return encode(DhtConnectPeerRequest{gen.number<std::uint32_t>(), gen.any(),
                                                 gen.random.id<DhtId>()});
         },
         again_with(decode_dht_connect_peer_request)},
        {"connect-peer response",
         [](Gen& gen) {
             return encode(DhtConnectPeerResponse{gen.number<std::uint32_t>(), gen.nodes()});
         },
         again_with(decode_dht_connect_peer_response)},
        {"introduction point",
         [](Gen& gen) {
             return encode(DhtIntroductionPoint{gen.any(), gen.number<std::uint32_t>(),
                                                gen.bytes(70), gen.bytes(70)});
         },
         again_with(decode_dht_introduction_point)},
        {"value",
         [](Gen& gen) {
             if (gen.flag()) return encode_plain_value(gen.bytes(180));
             Bytes key = to_bytes(view_of("LibNaCLPK:"));
             key.resize(PublicKey::size, 7);
             auto out = frame_signed_value(gen.bytes(60), gen.number<std::uint32_t>(), key);
             out.resize(out.size() + signature_bytes, 8);
             return out;
         },
         [](ByteView bytes) -> std::optional<Bytes> {
             const auto got = decode_dht_value(bytes);
             if (!got.ok()) return std::nullopt;
             if (!got->is_signed()) return encode_plain_value(got->data);
             auto out = frame_signed_value(got->data, got->version, got->public_key);
             append(out, got->signature);
             return out;
         }},
    };
}

std::vector<Codec> all_codecs() {
    auto out = base_codecs();
    for (auto&& more : {discovery_codecs(), dht_codecs()})
        out.insert(out.end(), more.begin(), more.end());
    return out;
}

TEST(Properties, WhatIsEncodedDecodesToItself) {
    std::uint64_t seed = 1;
    for (const auto& codec : all_codecs())
        for (int i = 0; i < cases; ++i, ++seed) {
            Gen gen(seed);
            const auto bytes = codec.make(gen);
            ASSERT_EQ(codec.again(bytes), bytes) << codec.name << " seed " << seed;
        }
}

// Some decoders read what a flag byte or a mapped address means and not how it was written; what
// they write is at most as long and reads the same.
void check_any(const Codec& codec, ByteView bytes, std::uint64_t seed) {
    const auto once = codec.again(bytes);
    if (!once) return;
    ASSERT_LE(once->size(), bytes.size()) << codec.name << " seed " << seed;
    ASSERT_EQ(codec.again(*once), once) << codec.name << " seed " << seed;
}

TEST(Properties, AnyBytesAndMutationsAreReadOrRefused) {
    std::uint64_t seed = 1'000'000;
    for (const auto& codec : all_codecs())
        for (int i = 0; i < cases; ++i, ++seed) {
            Gen gen(seed);
            auto bytes = gen.flag() ? to_bytes(gen.bytes(300)) : codec.make(gen);
            for (auto left = gen.count(3); left > 0 && !bytes.empty(); --left)
                bytes[gen.random.below(bytes.size())] = gen.number<std::uint8_t>();
            if (gen.flag()) bytes.resize(gen.count(bytes.size() + 8));
            check_any(codec, bytes, seed);
        }
}

// Real packets with a few bytes changed, cut or made longer: through the framing of every shape.
TEST(Properties, MutatedVectorsAreReadOrRefused) {
    std::vector<Bytes> packets;
    for (const auto* file : {"messages_base.json", "messages_discovery.json", "dht.json"})
        for (const auto& vector : load_vectors(file))
            if (vector.contains("packet")) packets.push_back(hex(vector.at("packet")));
    const auto codecs = all_codecs();
    for (std::uint64_t seed = 1; seed <= cases; ++seed) {
        Gen gen(seed);
        auto packet = packets[gen.random.below(packets.size())];
        for (auto left = 1 + gen.count(4); left > 0; --left)
            packet[gen.random.below(packet.size())] = gen.number<std::uint8_t>();
        if (gen.count(3) == 0) packet.resize(gen.count(packet.size() + 20));
        for (const auto with : {WithGlobalTime::Yes, WithGlobalTime::No}) {
            const auto parts = decode_signed(packet, with);
            if (!parts.ok()) continue;
            ASSERT_EQ(parts->signed_bytes.size() + parts->signature.size(), packet.size());
            for (const auto& codec : codecs)
                check_any(codec, parts->payload, seed);
        }
    }
}

}  // namespace
}  // namespace warren::protocol
