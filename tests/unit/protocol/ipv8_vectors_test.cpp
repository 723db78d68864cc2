// Byte for byte against packets that py-ipv8 made: decode, compare the fields, encode, sign,
// compare.
#include "tests/unit/protocol/vectors.h"

namespace warren::protocol {
namespace {

bool flag(const Json& fields, const char* name) {
    return fields.value(name, 0) != 0;
}

Style style_of(std::uint8_t message_id) {
    return message_id < 240 ? Style::New : Style::Old;
}

// Checks the fields and gives the payload written again.
Bytes check_request(const Json& vector, ByteView payload, Style style) {
    const auto& fields = vector.at("fields");
    const auto got = decode_introduction_request(payload, style);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->destination, endpoint(fields.at("destination_address")));
    EXPECT_EQ(got->source_lan, endpoint(fields.at("source_lan_address")));
    EXPECT_EQ(got->source_wan, endpoint(fields.at("source_wan_address")));
    EXPECT_EQ(got->identifier, fields.at("identifier").get<int>());
    EXPECT_EQ(to_hex(got->extra), fields.at("extra_bytes").at("hex").get<std::string>());
    if (style == Style::Old) {
        EXPECT_EQ(got->connection, connection(fields));
        EXPECT_EQ(got->supports_new_style, flag(fields, "supports_new_style"));
        EXPECT_EQ(got->advice, vector.at("advice_bit").get<int>() != 0);
    }
    return encode(*got);
}

Bytes check_response(const Json& vector, ByteView payload, Style style) {
    const auto& fields = vector.at("fields");
    const auto got = decode_introduction_response(payload, style);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->destination, endpoint(fields.at("destination_address")));
    EXPECT_EQ(got->source_lan, endpoint(fields.at("source_lan_address")));
    EXPECT_EQ(got->source_wan, endpoint(fields.at("source_wan_address")));
    EXPECT_EQ(got->introduced_lan, endpoint(fields.at("lan_introduction_address")));
    EXPECT_EQ(got->introduced_wan, endpoint(fields.at("wan_introduction_address")));
    EXPECT_EQ(got->identifier, fields.at("identifier").get<int>());
    EXPECT_EQ(to_hex(got->extra), fields.at("extra_bytes").at("hex").get<std::string>());
    EXPECT_EQ(got->introduced_supports_new_style, flag(fields, "intro_supports_new_style"));
    if (style == Style::Old) {
        EXPECT_EQ(got->connection, connection(fields));
        EXPECT_EQ(got->supports_new_style, flag(fields, "supports_new_style"));
        EXPECT_EQ(got->peer_limit_reached, flag(fields, "peer_limit_reached"));
    }
    return encode(*got);
}

Bytes check_puncture_request(const Json& vector, ByteView payload, Style style) {
    const auto& fields = vector.at("fields");
    const auto got = decode_puncture_request(payload, style);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->walker_lan, endpoint(fields.at("lan_walker_address")));
    EXPECT_EQ(got->walker_wan, endpoint(fields.at("wan_walker_address")));
    EXPECT_EQ(got->identifier, fields.at("identifier").get<int>());
    return encode(*got);
}

Bytes check_puncture(const Json& vector, ByteView payload, Style style) {
    const auto& fields = vector.at("fields");
    const auto got = decode_puncture(payload, style);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->source_lan, endpoint(fields.at("source_lan_address")));
    EXPECT_EQ(got->second, endpoint(fields.at("source_wan_address")));
    EXPECT_EQ(got->identifier, fields.at("identifier").get<int>());
    return encode(*got);
}

Bytes check_payload(const Json& vector, ByteView payload, Style style) {
    const auto type = vector.at("type").get<std::string>();
    if (type == "introduction-request") return check_request(vector, payload, style);
    if (type == "introduction-response") return check_response(vector, payload, style);
    if (type == "puncture-request") return check_puncture_request(vector, payload, style);
    EXPECT_EQ(type, "puncture");
    return check_puncture(vector, payload, style);
}

// What a receiver of introduction requests in `community` does before it believes a datagram.
bool is_believed(const Bytes& packet, const std::string& community) {
    const auto header = decode_header(packet);
    if (!header.ok() || header->community.hex() != community) return false;
    if (header->message_id != static_cast<int>(BaseMessage::IntroductionRequest)) return false;
    const auto parts = decode_signed(packet, WithGlobalTime::Yes);
    return parts.ok() && verifies(parts->public_key, parts->signed_bytes, parts->signature) &&
           decode_introduction_request(parts->payload, Style::Old).ok();
}

TEST(Ipv8Vectors, BaseMessagesBothDirections) {
    for (const auto& vector : load_vectors("messages_base.json")) {
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const auto community = vector.at("community_id").get<std::string>();
        if (vector.at("type") == "reject") {
            EXPECT_FALSE(is_believed(hex(vector.at("packet")), community));
            continue;
        }
        if (vector.contains("request")) {
            EXPECT_TRUE(is_believed(hex(vector.at("request")), community));
        }
        check_packet(vector, [&](ByteView payload, std::uint8_t id) {
            if (vector.contains("fields")) return check_payload(vector, payload, style_of(id));
            // The tracker's answer has no field list.
            const auto got = decode_introduction_response(payload, Style::Old);
            EXPECT_TRUE(got.ok());
            return got.ok() ? encode(*got) : Bytes{};
        });
    }
}

// The key decides where the payload ends and the signature begins.
TEST(Ipv8Vectors, KeysAndTheirSignatureLengths) {
    for (const auto& vector : load_vectors("keys.json")) {
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const bool legacy = vector.at("type").get<std::string>().starts_with("ec-legacy");
        const auto key = hex(vector.at(legacy ? "public_der" : "public"));
        EXPECT_EQ(is_curve25519_key(key), !legacy);
        const auto curve = legacy_curve(key);
        EXPECT_EQ(curve.has_value(), legacy);
        if (curve && legacy) {
            EXPECT_EQ(curve->name, vector.at("curve").get<std::string>());
        }
        if (vector.contains("mid")) {
            EXPECT_EQ(member_id(key).hex(), vector.at("mid").get<std::string>());
        }
        const auto length = hex(vector.at("signature")).size();
        EXPECT_EQ(signature_length(key), length);
        if (vector.contains("signature_length")) {
            EXPECT_EQ(vector.at("signature_length").get<std::size_t>(), length);
        }
        Writer to;
        put_header(to, {}, 1);
        to.u16(static_cast<std::uint16_t>(key.size())).bytes(key).u64(5).u8(77);
        const auto packet = to.bytes(Bytes(length, 9)).take();
        const auto parts = decode_signed(packet, WithGlobalTime::Yes);
        ASSERT_TRUE(parts.ok());
        EXPECT_EQ(to_hex(parts->payload), "4d");
        EXPECT_EQ(parts->signature.size(), length);
    }
}

TEST(Ipv8Vectors, DamagedLegacyKeysAreNoKeys) {
    for (const auto& vector : load_vectors("keys.json")) {
        if (vector.at("type") != "ec-legacy") continue;
        const auto key = hex(vector.at("public_der"));
        const std::size_t header_bytes = key.size() < 130 ? 24 : 26;
        for (std::size_t at = 0; at < header_bytes; ++at) {
            auto damaged = key;
            damaged[at] ^= 0x40;
            EXPECT_FALSE(legacy_curve(damaged)) << vector.at("id") << " byte " << at;
        }
        for (std::size_t length = 0; length < key.size(); ++length)
            EXPECT_EQ(signature_length(ByteView(key).first(length)), 0u);
    }
}

}  // namespace
}  // namespace warren::protocol
