// Invitations: what goes in comes out, whatever is wrong is refused.
#include "protocol/invitation.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "protocol/community/control_records.h"

namespace warren::protocol {
namespace {

PublicKey key(std::uint8_t number) {
    PublicKey out;
    const auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), out.bytes.begin());
    out.bytes[73] = number;
    return out;
}

Invitation some_invitation() {
    Invitation out;
    out.founder = key(1);
    out.nonce.bytes[3] = 9;
    out.community = channel_community(out.founder, out.nonce);
    out.inviter = key(2);
    out.expires_s = 1'800'000'000;
    out.name = "Caf\u00e9";
    out.peers = {*Endpoint::parse("192.0.2.7:8090"), *Endpoint::parse("[2001:db8::7]:8091")};
    return out;
}

Bytes packet_of(const Invitation& invitation) {
    auto out = encode_unsigned(invitation);
    out.resize(out.size() + signature_bytes, 0xee);
    return out;
}

TEST(Invitations, RoundTripAsText) {
    const auto wish = some_invitation();
    const auto packet = packet_of(wish);
    const auto text = invitation_text(packet);
    EXPECT_TRUE(text.starts_with("warren:"));
    EXPECT_EQ(text.find_first_of("+/= \n"), std::string::npos);
    const auto back = invitation_from_text(text);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, packet);
    const auto got = decode_invitation(*back);
    ASSERT_TRUE(got.ok()) << got.error().text;
    EXPECT_EQ(got->community, wish.community);
    EXPECT_EQ(got->inviter, wish.inviter);
    EXPECT_EQ(got->founder, wish.founder);
    EXPECT_EQ(got->expires_s, wish.expires_s);
    EXPECT_EQ(got->name, wish.name);
    EXPECT_EQ(got->peers, wish.peers);
    EXPECT_EQ(encode_unsigned(*got), encode_unsigned(wish));
}

TEST(Invitations, AreBounded) {
    auto wish = some_invitation();
    wish.peers.resize(20, wish.peers.front());
    wish.name = std::string(300, 'x');
    const auto got = decode_invitation(packet_of(wish));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->peers.size(), invitation_peers_max);
    EXPECT_EQ(got->name.size(), 128u);
    EXPECT_FALSE(decode_invitation(Bytes(invitation_bytes_max + 1)).ok());
    EXPECT_FALSE(invitation_from_text("warren:" + std::string(20'000, 'A')).ok());
}

TEST(Invitations, WhatDoesNotBelongTogetherIsRefused) {
    const auto good = some_invitation();
    auto other = good;
    other.nonce.bytes[0] ^= 1;  // not this community's founder
    EXPECT_FALSE(decode_invitation(packet_of(other)).ok());
    other = good;
    other.founder = key(3);
    EXPECT_FALSE(decode_invitation(packet_of(other)).ok());
    other = good;
    other.records = {Bytes(300, 1)};  // no record
    EXPECT_FALSE(decode_invitation(packet_of(other)).ok());
    const auto payload = encode(Agreement{"text"});
    auto agreement =
        encode_unsigned({good.community, RecordKind::Agreement, key(1), 5, {}, payload, key(2)});
    other.records = {with_blank_signatures(agreement)};  // not of who may do what
    EXPECT_FALSE(decode_invitation(packet_of(other)).ok());
    auto record = packet_of(good);
    record[prefix_bytes] = 68;
    EXPECT_FALSE(decode_invitation(record).ok());
    for (const auto* text :
         {"", "warren", "warren:", "warren:*", "warren:AA+A", "http://warren:AAAA"}) {
        const auto bytes = invitation_from_text(text);
        EXPECT_FALSE(bytes.ok() && decode_invitation(*bytes).ok()) << text;
    }
}

}  // namespace
}  // namespace warren::protocol
