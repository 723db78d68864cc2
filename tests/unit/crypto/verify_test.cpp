// Signatures: against the reference implementation's vectors, and our own tampering.
#include "workers/crypto/verify/verify_worker.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/crypto/support.h"
#include "workers/crypto/legacy_ec.h"

namespace warren::crypto {
namespace {

using nlohmann::json;

json vectors(const std::string& name) {
    std::ifstream in(std::string(WARREN_IPV8_VECTORS) + "/" + name);
    EXPECT_TRUE(in) << name;
    return json::parse(in).at("vectors");
}

Bytes bytes_of(const json& hex) {
    const auto out = from_hex(hex.get<std::string>());
    EXPECT_TRUE(out.has_value());
    return *out;
}

TEST(Verify, KeysSignAsTheReferenceDoes) {
    ASSERT_TRUE(start_sodium());
    std::size_t keys = 0, negative = 0;
    for (const auto& row : vectors("keys.json")) {
        if (row.at("type") == "curve25519-verify") {
            ++negative;
            const auto author = protocol::PublicKey::from(bytes_of(row.at("public")));
            ASSERT_TRUE(author.has_value());
            EXPECT_EQ(
                is_signed_by(*author, bytes_of(row.at("message")), bytes_of(row.at("signature"))),
                row.at("valid").get<bool>())
                << row.at("id");
        }
        if (row.at("type") != "curve25519") continue;
        ++keys;
        const auto key = SigningKey::from_bytes(bytes_of(row.at("secret")));
        ASSERT_TRUE(key.ok());
        EXPECT_EQ(key->public_key().hex(), row.at("public").get<std::string>());
        EXPECT_EQ(protocol::member_id(key->public_key().view()).hex(),
                  row.at("mid").get<std::string>());
        EXPECT_EQ(key->sign(bytes_of(row.at("message"))).hex(),
                  row.at("signature").get<std::string>());
    }
    EXPECT_GE(keys, 10u);
    EXPECT_GE(negative, 4u);
}

TEST(Verify, PacketsOfTheReferenceAreValidAndEveryChangedByteIsNot) {
    ASSERT_TRUE(start_sodium());
    std::size_t packets = 0;
    for (const auto& row : vectors("messages_base.json")) {
        if (!row.value("signed", false)) continue;
        auto packet = bytes_of(row.at("packet"));
        const auto parts = protocol::decode_signed(packet, protocol::WithGlobalTime::No);
        ASSERT_TRUE(parts.ok()) << row.at("id");
        ++packets;
        EXPECT_TRUE(is_validly_signed(packet)) << row.at("id");
        for (std::size_t at = 0; at < packet.size(); ++at) {
            packet[at] ^= 0x10;
            EXPECT_FALSE(is_validly_signed(packet)) << row.at("id") << " byte " << at;
            packet[at] ^= 0x10;
        }
        EXPECT_FALSE(is_validly_signed(ByteView(packet).first(packet.size() - 1)));
    }
    EXPECT_GE(packets, 10u);
}

TEST(Verify, OldKeysOnBinaryCurves) {
    ASSERT_TRUE(start_legacy_ec());
    std::size_t good = 0, bad = 0;
    for (const auto& row : vectors("keys.json")) {
        if (!row.at("type").get<std::string>().starts_with("ec-legacy")) continue;
        const auto key = bytes_of(row.at("public_der")), message = bytes_of(row.at("message"));
        auto signature = bytes_of(row.at("signature"));
        const bool valid = row.at("valid").get<bool>();
        EXPECT_EQ(is_signed_by_legacy(key, message, signature), valid) << row.at("id");
        ++(valid ? good : bad);
        signature[signature.size() / 3] ^= 1;
        EXPECT_FALSE(is_signed_by_legacy(key, message, signature)) << row.at("id");
        EXPECT_FALSE(is_signed_by_legacy(key, message, ByteView(signature).first(10)));
        EXPECT_FALSE(is_signed_by_legacy(key, message, Bytes(signature.size())));
    }
    EXPECT_EQ(good, 10u);
    EXPECT_EQ(bad, 1u);
}

TEST(Verify, ValuesOfTheDhtAsTheReferenceSignsThem) {
    ASSERT_TRUE(start_sodium());
    std::size_t checked = 0;
    for (const auto& row : vectors("dht.json")) {
        if (row.at("type") != "dht-value" || !row.value("signed", false)) continue;
        auto value = bytes_of(row.at("encoded"));
        ++checked;
        EXPECT_EQ(is_validly_signed(value), row.value("expect", "") != "reject") << row.at("id");
        value[2] ^= 1;
        EXPECT_FALSE(is_validly_signed(value)) << row.at("id");
    }
    EXPECT_EQ(checked, 4u);
}

TEST(Verify, SmallOrderKeysAndMalleableSignaturesAreRefused) {
    const auto key = fixed_key('a');
    const auto community = *CommunityId::from(Bytes(20, 0x33));
    auto packet = signed_by(key, record_by(key, community));
    ASSERT_TRUE(is_validly_signed(packet));
    // S + L is another encoding of the same signature.
    const auto order =
        *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    auto malleable = packet;
    unsigned carry = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        auto& byte = malleable[malleable.size() - 32 + i];
        carry += unsigned{byte} + order[i];
        byte = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    EXPECT_FALSE(is_validly_signed(malleable));
    // The neutral element as a key accepts R = S*B for any message where this is not refused.
    auto small = packet;
    const std::size_t key_at = protocol::prefix_bytes + 1 + 2 + 42;
    std::fill_n(small.begin() + static_cast<std::ptrdiff_t>(key_at), 32, std::uint8_t{0});
    small[key_at] = 1;
    std::fill(small.end() - 64, small.end(), std::uint8_t{0});
    *(small.end() - 64) = 1;
    EXPECT_FALSE(is_validly_signed(small));
}

TEST(Verify, RecordsOfTwoMembersNeedBothSignatures) {
    const auto one = fixed_key('a'), two = fixed_key('b'), three = fixed_key('c');
    const auto community = *CommunityId::from(Bytes(20, 0x33));
    const auto bytes = pair_by(one, two, community);
    const auto packet = [&](const SigningKey& first, const SigningKey& second) {
        auto out = bytes;
        append(out, first.sign(bytes).view());
        append(out, second.sign(bytes).view());
        return out;
    };
    EXPECT_EQ(check_record(community, packet(one, two)), Verdict::Accepted);
    EXPECT_EQ(check_record(community, packet(two, one)), Verdict::BadSignature);
    EXPECT_EQ(check_record(community, packet(one, three)), Verdict::BadSignature);
    EXPECT_EQ(check_record(community, packet(one, one)), Verdict::BadSignature);
    EXPECT_EQ(check_record(community, packet(three, two)), Verdict::BadSignature);
    EXPECT_EQ(check_record(community, signed_by(one, bytes)), Verdict::Refused);
    auto changed = packet(one, two);
    for (std::size_t at = 0; at < changed.size(); ++at) {
        changed[at] ^= 0x10;
        EXPECT_NE(check_record(community, changed), Verdict::Accepted) << at;
        changed[at] ^= 0x10;
    }
}

TEST(Verify, RecordsGetTheirVerdict) {
    const auto key = fixed_key('a');
    const auto community = *CommunityId::from(Bytes(20, 0x33));
    const auto other = *CommunityId::from(Bytes(20, 0x34));
    const auto record = signed_by(key, record_by(key, community));
    EXPECT_EQ(check_record(community, record), Verdict::Accepted);
    EXPECT_EQ(check_record(other, record), Verdict::Refused);
    auto bad = record;
    bad.back() ^= 1;
    EXPECT_EQ(check_record(community, bad), Verdict::BadSignature);
    EXPECT_EQ(check_record(community, ByteView(record).first(60)), Verdict::Refused);
    EXPECT_EQ(check_record(community, {}), Verdict::Refused);
}

TEST(Verify, BlobsAreCutExactly) {
    const Bytes blob = {1, 2, 3, 4, 5, 6};
    const auto parts = cut(blob, {1, 0, 3, 2});
    ASSERT_TRUE(parts.ok());
    ASSERT_EQ(parts->size(), 4u);
    EXPECT_EQ((*parts)[2][0], 2);
    EXPECT_EQ((*parts)[3][1], 6);
    EXPECT_FALSE(cut(blob, {1, 2}).ok());
    EXPECT_FALSE(cut(blob, {1, 6}).ok());
    EXPECT_TRUE(cut({}, {}).ok());
}

}  // namespace
}  // namespace warren::crypto
