// Byte for byte against packets that py-ipv8 made: decode, compare the fields, encode, sign,
// compare.
#include <gtest/gtest.h>
#include <sodium.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "protocol/ipv8.h"

namespace warren::protocol {
namespace {

using Json = nlohmann::json;

Json load(const std::string& name) {
    std::ifstream file(std::string(WARREN_IPV8_VECTORS) + "/" + name);
    return Json::parse(file).at("vectors");
}

Bytes hex(const Json& text) {
    return from_hex(text.get<std::string>()).value();
}

Endpoint endpoint(const Json& pair) {
    const auto host = pair.at(0).get<std::string>();
    const bool v6 = host.find(':') != std::string::npos;
    const auto port = std::to_string(pair.at(1).get<int>());
    return Endpoint::parse((v6 ? "[" + host + "]:" : host + ":") + port).value();
}

ConnectionType connection(const Json& fields) {
    const auto name = fields.value("connection_type", "unknown");
    if (name == "public") return ConnectionType::Public;
    return name == "unknown" ? ConnectionType::Unknown : ConnectionType::SymmetricNat;
}

bool flag(const Json& fields, const char* name) {
    return fields.value(name, 0) != 0;
}

Style style_of(std::uint8_t message_id) {
    return message_id < 240 ? Style::New : Style::Old;
}

bool verifies(const SignedParts& parts) {
    if (!is_curve25519_key(parts.public_key)) return false;
    return crypto_sign_verify_detached(parts.signature.data(), parts.signed_bytes.data(),
                                       parts.signed_bytes.size(),
                                       parts.public_key.last(32).data()) == 0;
}

// The secret serialisation ends in the Ed25519 seed; signatures are deterministic.
Bytes sign(const Bytes& secret, ByteView message) {
    std::array<std::uint8_t, 32> public_part{};
    std::array<std::uint8_t, 64> secret_part{};
    crypto_sign_seed_keypair(public_part.data(), secret_part.data(), secret.data() + 42);
    Bytes out(signature_bytes);
    crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), secret_part.data());
    return out;
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

void check_signed(const Json& vector, const Bytes& packet, const Header& header) {
    const auto parts = decode_signed(packet, WithGlobalTime::Yes);
    ASSERT_TRUE(parts.ok());
    EXPECT_EQ(to_hex(parts->payload), vector.at("payload").get<std::string>());
    EXPECT_EQ(parts->signed_bytes.size(), vector.at("signed_len").get<std::size_t>());
    EXPECT_EQ(to_hex(parts->signature), vector.at("signature").get<std::string>());
    EXPECT_EQ(parts->global_time, vector.at("global_time").get<std::uint64_t>());
    EXPECT_TRUE(verifies(*parts));

    const auto payload = check_payload(vector, parts->payload, style_of(header.message_id));
    const auto author = PublicKey::from(hex(vector.at("signer").at("public")));
    auto again = frame_signed(header.community, header.message_id, author.value(),
                              parts->global_time, payload);
    append(again, sign(hex(vector.at("signer").at("secret")), again));
    EXPECT_EQ(to_hex(again), to_hex(packet));
}

void check_unsigned(const Json& vector, const Bytes& packet, const Header& header) {
    Reader in(header.body);
    const auto time = in.u64();
    EXPECT_EQ(time, vector.at("global_time").get<std::uint64_t>());
    const auto payload = check_payload(vector, in.rest(), style_of(header.message_id));
    EXPECT_EQ(to_hex(frame_unsigned(header.community, header.message_id, time, payload)),
              to_hex(packet));
}

TEST(Ipv8Vectors, BaseMessagesBothDirections) {
    int checked = 0;
    for (const auto& vector : load("messages_base.json")) {
        if (!vector.contains("fields")) continue;
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const auto packet = hex(vector.at("packet"));
        const auto header = decode_header(packet);
        ASSERT_TRUE(header.ok());
        EXPECT_EQ(header->community.hex(), vector.at("community_id").get<std::string>());
        EXPECT_EQ(header->message_id, vector.at("msg_id").get<int>());
        if (vector.at("signed").get<bool>())
            check_signed(vector, packet, *header);
        else
            check_unsigned(vector, packet, *header);
        ++checked;
    }
    EXPECT_EQ(checked, 27);
}

TEST(Ipv8Vectors, TrackerAnswerWithLegacyKey) {
    for (const auto& vector : load("messages_base.json")) {
        if (vector.at("id") != "base-intro-response-from-tracker") continue;
        const auto packet = hex(vector.at("packet"));
        const auto parts = decode_signed(packet, WithGlobalTime::Yes);
        ASSERT_TRUE(parts.ok());
        EXPECT_EQ(to_hex(parts->public_key), vector.at("signer").at("public_der"));
        EXPECT_EQ(to_hex(parts->signature), vector.at("signature"));
        EXPECT_EQ(parts->signed_bytes.size(), vector.at("signed_len").get<std::size_t>());
        const auto message = decode_introduction_response(parts->payload, Style::Old);
        ASSERT_TRUE(message.ok());
        EXPECT_EQ(to_hex(encode(*message)), to_hex(parts->payload));
        return;
    }
    FAIL() << "vector missing";
}

// What a receiver of introduction requests in `community` does before it believes a datagram.
bool is_believed(const Bytes& packet, const std::string& community) {
    const auto header = decode_header(packet);
    if (!header.ok() || header->community.hex() != community) return false;
    if (header->message_id != static_cast<int>(BaseMessage::IntroductionRequest)) return false;
    const auto parts = decode_signed(packet, WithGlobalTime::Yes);
    return parts.ok() && verifies(*parts) &&
           decode_introduction_request(parts->payload, Style::Old).ok();
}

TEST(Ipv8Vectors, DropCases) {
    int dropped = 0;
    for (const auto& vector : load("messages_base.json")) {
        const auto community = vector.at("community_id").get<std::string>();
        if (vector.at("type") == "reject") {
            EXPECT_FALSE(is_believed(hex(vector.at("packet")), community)) << vector.at("id");
            ++dropped;
        }
        if (vector.contains("request")) {
            EXPECT_TRUE(is_believed(hex(vector.at("request")), community)) << vector.at("id");
        }
    }
    EXPECT_EQ(dropped, 6);
}

TEST(Ipv8Vectors, Keys) {
    int checked = 0;
    for (const auto& vector : load("keys.json")) {
        if (!vector.contains("mid")) continue;
        const bool legacy = vector.at("type") == "ec-legacy";
        const auto key = hex(vector.at(legacy ? "public_der" : "public"));
        EXPECT_EQ(is_curve25519_key(key), !legacy) << vector.at("id");
        EXPECT_EQ(member_id(key).hex(), vector.at("mid").get<std::string>());
        if (!legacy) {
            EXPECT_EQ(to_hex(ed25519_part(PublicKey::from(key).value())),
                      vector.at("ed25519_public").get<std::string>());
        }

        // A packet of this key: the signature is exactly its last bytes.
        const auto length = vector.at("signature_length").get<std::size_t>();
        Writer to;
        put_header(to, {}, 1);
        to.u16(static_cast<std::uint16_t>(key.size())).bytes(key).u64(5).u8(77);
        const auto packet = to.bytes(Bytes(length, 9)).take();
        const auto parts = decode_signed(packet, WithGlobalTime::Yes);
        ASSERT_TRUE(parts.ok());
        EXPECT_EQ(to_hex(parts->payload), "4d");
        EXPECT_EQ(parts->signature.size(), length);
        ++checked;
    }
    EXPECT_EQ(checked, 24);
}

// Formats that the base messages are made of, by way of a puncture (two addresses, u16).
TEST(Ipv8Vectors, AddressPrimitives) {
    int checked = 0;
    for (const auto& vector : load("primitives.json")) {
        const auto format = vector.at("format").get<std::string>();
        if (format != "ipv4" && format != "ip_address") continue;
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const auto style = format == "ipv4" ? Style::Old : Style::New;
        const auto address = hex(vector.at("encoded"));
        const auto body = Writer().bytes(address).bytes(address).u16(7).take();
        const auto got = decode_puncture(body, style);
        ++checked;
        if (vector.value("expect", "") == "reject") {
            EXPECT_FALSE(got.ok());
            continue;
        }
        ASSERT_TRUE(got.ok());
        if (vector.at("value").at(0) == "::ffff:1.2.3.4") {  // ours: mapped becomes plain
            EXPECT_EQ(got->source_lan, Endpoint::ipv4(1, 2, 3, 4, 65535));
            continue;
        }
        EXPECT_EQ(got->source_lan, endpoint(vector.at("value")));
        EXPECT_EQ(to_hex(encode(*got)), to_hex(body));
    }
    EXPECT_EQ(checked, 10);
}

}  // namespace
}  // namespace warren::protocol
