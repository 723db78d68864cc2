// Reading the shared vectors (tests/vectors/ipv8), and what their tests have in common.
#pragma once

#include <gtest/gtest.h>
#include <sodium.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "protocol/ipv8.h"

namespace warren::protocol {

using Json = nlohmann::json;

// Every vector of a file. Tests dispatch by type and fail on one that they do not know, so that
// none is left out.
inline Json load_vectors(const std::string& name) {
    std::ifstream file(std::string(WARREN_IPV8_VECTORS) + "/" + name);
    const auto all = Json::parse(file);
    EXPECT_EQ(all.at("vectors").size(), all.at("header").at("count").get<std::size_t>());
    EXPECT_GT(all.at("vectors").size(), 0u);
    return all.at("vectors");
}

inline Bytes hex(const Json& text) {
    return from_hex(text.get<std::string>()).value();
}

inline Endpoint endpoint(const Json& pair) {
    const auto host = pair.at(0).get<std::string>();
    const bool v6 = host.find(':') != std::string::npos;
    const auto port = std::to_string(pair.at(1).get<int>());
    return Endpoint::parse((v6 ? "[" + host + "]:" : host + ":") + port).value();
}

inline ConnectionType connection(const Json& fields) {
    const auto name = fields.value("connection_type", "unknown");
    if (name == "public") return ConnectionType::Public;
    return name == "unknown" ? ConnectionType::Unknown : ConnectionType::SymmetricNat;
}

template <typename Id>
Id id_of(const Json& text) {
    return Id::from_hex_text(text.get<std::string>()).value();
}

inline bool verifies(ByteView public_key, ByteView message, ByteView signature) {
    return is_curve25519_key(public_key) && signature.size() == signature_bytes &&
           crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                       public_key.last(32).data()) == 0;
}

// The secret serialisation ends in the Ed25519 seed; signatures are deterministic.
inline Bytes sign_as(const Bytes& secret, ByteView message) {
    std::array<std::uint8_t, 32> public_part{};
    std::array<std::uint8_t, 64> secret_part{};
    crypto_sign_seed_keypair(public_part.data(), secret_part.data(), secret.data() + 42);
    Bytes out(signature_bytes);
    crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), secret_part.data());
    return out;
}

// A whole packet: its frame is read, `payload_again` gets the payload and gives it back decoded and
// encoded, and the packet is made again from that, signature included.
template <typename PayloadAgain>
void check_packet(const Json& vector, PayloadAgain&& payload_again) {
    const auto packet = hex(vector.at("packet"));
    const auto header = decode_header(packet);
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(header->community.hex(), vector.at("community_id").get<std::string>());
    EXPECT_EQ(header->message_id, vector.at("msg_id").get<int>());
    const auto timed = vector.value("has_global_time", false);
    if (!vector.at("signed").get<bool>()) {
        Reader in(header->body);
        const auto time = in.u64();
        EXPECT_EQ(time, vector.at("global_time").get<std::uint64_t>());
        const auto payload = in.rest();
        EXPECT_EQ(to_hex(payload), vector.at("payload").get<std::string>());
        const Bytes again = frame_unsigned(header->community, header->message_id, time,
                                           payload_again(payload, header->message_id));
        EXPECT_EQ(to_hex(again), to_hex(packet));
        return;
    }
    const auto parts = decode_signed(packet, timed ? WithGlobalTime::Yes : WithGlobalTime::No);
    ASSERT_TRUE(parts.ok());
    if (vector.contains("payload")) {
        EXPECT_EQ(to_hex(parts->payload), vector.at("payload").get<std::string>());
    }
    EXPECT_EQ(parts->signed_bytes.size(), vector.at("signed_len").get<std::size_t>());
    EXPECT_EQ(to_hex(parts->signature), vector.at("signature").get<std::string>());
    const Bytes payload = payload_again(parts->payload, header->message_id);
    const auto& signer = vector.at("signer");
    if (!signer.contains("public")) {  // a legacy key: we never sign with one
        EXPECT_EQ(to_hex(payload), to_hex(parts->payload));
        EXPECT_EQ(to_hex(parts->public_key), signer.at("public_der").get<std::string>());
        return;
    }
    EXPECT_TRUE(verifies(parts->public_key, parts->signed_bytes, parts->signature));
    const auto author = id_of<PublicKey>(signer.at("public"));
    EXPECT_EQ(member_id(author.view()).hex(), signer.at("mid").get<std::string>());
    auto again = timed
                     ? frame_signed(header->community, header->message_id, author,
                                    vector.at("global_time").get<std::uint64_t>(), payload)
                     : frame_signed_untimed(header->community, header->message_id, author, payload);
    append(again, sign_as(hex(signer.at("secret")), again));
    EXPECT_EQ(to_hex(again), to_hex(packet));
}

}  // namespace warren::protocol
