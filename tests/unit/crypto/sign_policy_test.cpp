// Who may have what signed.
#include "workers/crypto/sign/sign_policy.h"

#include <gmock/gmock.h>

#include "protocol/dht_messages.h"
#include "protocol/direct_messages.h"
#include "protocol/discovery_messages.h"
#include "tests/unit/crypto/support.h"

namespace warren::crypto {
namespace {

using process::Role;
using ::testing::HasSubstr;

const CommunityId community = *CommunityId::from(Bytes(20, 0x33));

Bytes overlay_packet(const SigningKey& key, std::uint8_t id) {
    const Bytes payload(20, 2);
    return protocol::frame_signed(community, id, key.public_key(), 1, payload);
}

TEST(SignPolicy, EachRoleAndMessage) {
    const auto key = fixed_key('a');
    const auto& own = key.public_key();
    for (int n = 0; n < 256; ++n) {
        const auto id = static_cast<std::uint8_t>(n);
        for (std::size_t r = 0; r < process::role_count; ++r) {
            const auto role = static_cast<Role>(r);
            // The payload of a record fits overlay messages too: only the table decides.
            const auto bytes = record_by(key, community, static_cast<protocol::RecordKind>(id));
            const bool allowed = may_sign(role, bytes, own).ok();
            const bool expected =
                (role == Role::Network && ((n >= 231 && n <= 250) || n == 67)) ||
                (role == Role::Storage &&
                 ((n >= 1 && n <= 3) || (n >= 32 && n <= 38) || (n >= 208 && n <= 213)));
            EXPECT_EQ(allowed, expected) << process::name_of(role) << " " << n;
        }
    }
}

TEST(SignPolicy, RecordsOfTwoMembersAsEitherOfThem) {
    const auto one = fixed_key('a'), two = fixed_key('b'), three = fixed_key('c');
    const auto bytes = pair_by(one, two, community);
    EXPECT_TRUE(may_sign(Role::Storage, bytes, one.public_key()).ok());
    EXPECT_TRUE(may_sign(Role::Storage, bytes, two.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Storage, bytes, three.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Network, bytes, two.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Api, bytes, two.public_key()).ok());
}

TEST(SignPolicy, MessagesOfDiscoveryAndDhtOnlyThere) {
    const auto key = fixed_key('a'), other = fixed_key('b');
    const auto& own = key.public_key();
    const Bytes payload(30, 2);
    for (int n = 0; n < 256; ++n) {
        const auto id = static_cast<std::uint8_t>(n);
        const bool base = n >= 231 && n <= 250;
        const auto similarity =
            protocol::frame_signed(protocol::discovery_community, id, own, 1, payload);
        EXPECT_EQ(may_sign(Role::Network, similarity, own).ok(), base || n == 1 || n == 2) << n;
        EXPECT_FALSE(may_sign(Role::Api, similarity, own).ok()) << n;
        const auto lookup =
            protocol::frame_signed_untimed(protocol::dht_community, id, own, payload);
        EXPECT_EQ(may_sign(Role::Network, lookup, own).ok(), base || (n >= 1 && n <= 10)) << n;
        EXPECT_FALSE(may_sign(Role::Torrent, lookup, own).ok()) << n;
        const auto elsewhere = protocol::frame_signed_untimed(community, id, own, payload);
        EXPECT_EQ(may_sign(Role::Network, elsewhere, own).ok(), base) << n;
    }
    const auto foreign =
        protocol::frame_signed_untimed(protocol::dht_community, 5, other.public_key(), payload);
    EXPECT_THAT(may_sign(Role::Network, foreign, own).error().text, HasSubstr("another author"));
}

TEST(SignPolicy, LettersToSomebodyOnly) {
    const auto key = fixed_key('a'), other = fixed_key('b');
    const auto letter = [&](ByteView payload) {
        return protocol::frame_signed(community, 67, key.public_key(), 1, payload);
    };
    const auto good = letter(protocol::encode(protocol::Letter{other.public_key(), "hello"}));
    EXPECT_TRUE(may_sign(Role::Network, good, key.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Network, good, other.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Storage, good, key.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Network, letter(other.public_key().view()), key.public_key()).ok());
    EXPECT_FALSE(may_sign(Role::Network, letter(Bytes(900, 'x')), key.public_key()).ok());
}

TEST(SignPolicy, ValuesOfTheDhtStrictly) {
    const auto key = fixed_key('a'), other = fixed_key('b');
    const auto& own = key.public_key();
    const auto value = [&](std::size_t bytes, const protocol::PublicKey& author) {
        return protocol::frame_signed_value(Bytes(bytes, 7), 1700000000, author.view());
    };
    EXPECT_TRUE(may_sign(Role::Network, value(0, own), own).ok());
    EXPECT_TRUE(may_sign(Role::Network, value(23, own), own).ok());
    EXPECT_FALSE(may_sign(Role::Network, value(24, own), own).ok());
    EXPECT_FALSE(may_sign(Role::Storage, value(5, own), own).ok());
    EXPECT_FALSE(may_sign(Role::Api, value(5, own), own).ok());
    EXPECT_THAT(may_sign(Role::Network, value(5, other.public_key()), own).error().text,
                HasSubstr("another author"));
    auto longer = value(5, own);
    longer.push_back(0);
    EXPECT_FALSE(may_sign(Role::Network, longer, own).ok());
    auto cut = value(5, own);
    cut.pop_back();
    EXPECT_FALSE(may_sign(Role::Network, cut, own).ok());
}

TEST(SignPolicy, OnlyOurOwnName) {
    const auto key = fixed_key('a'), other = fixed_key('b');
    EXPECT_TRUE(may_sign(Role::Network, overlay_packet(key, 246), key.public_key()).ok());
    EXPECT_THAT(may_sign(Role::Network, overlay_packet(other, 246), key.public_key()).error().text,
                HasSubstr("another author"));
    EXPECT_THAT(may_sign(Role::Storage, record_by(other, community), key.public_key()).error().text,
                HasSubstr("another author"));
}

TEST(SignPolicy, OtherPrefixesAndFormsAreRefused) {
    const auto key = fixed_key('a');
    const auto& own = key.public_key();
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}}) {
        auto bytes = overlay_packet(key, 246);
        bytes[at] ^= 1;
        EXPECT_FALSE(may_sign(Role::Network, bytes, own).ok()) << at;
    }
    EXPECT_FALSE(may_sign(Role::Network, {}, own).ok());
    EXPECT_FALSE(may_sign(Role::Network, Bytes(22, 0), own).ok());
    const auto record = record_by(key, community);
    for (std::size_t length = 0; length < 23 + 2 + 74 + 8 + 40; ++length)
        EXPECT_FALSE(may_sign(Role::Storage, ByteView(record).first(length), own).ok()) << length;
    auto long_packet = overlay_packet(key, 246);
    long_packet.resize(protocol::datagram_bytes_max - 63);
    EXPECT_FALSE(may_sign(Role::Network, long_packet, own).ok());
    auto long_record = record;
    long_record.resize(protocol::record_bytes_max - 63);
    EXPECT_FALSE(may_sign(Role::Storage, long_record, own).ok());
    long_record.resize(protocol::record_bytes_max - 64);
    EXPECT_TRUE(may_sign(Role::Storage, long_record, own).ok());
}

TEST(SignPolicy, RatesAreByRoleAndRecover) {
    SignRates rates(10);
    const Nanoseconds now = 5_s;
    for (int n = 0; n < 10; ++n)
        EXPECT_EQ(rates.take(Role::Network, now), 0) << n;
    const auto wait = rates.take(Role::Network, now);
    EXPECT_EQ(wait, 100_ms);
    EXPECT_EQ(rates.take(Role::Storage, now), 0);
    EXPECT_GT(rates.take(Role::Network, now + wait - 1), 0);
    EXPECT_EQ(rates.take(Role::Network, now + wait), 0);
    EXPECT_GT(rates.take(Role::Network, now + wait), 0);
    for (int n = 0; n < 10; ++n)
        EXPECT_EQ(rates.take(Role::Network, now + 100_s), 0) << n;
    EXPECT_GT(rates.take(Role::Network, now + 100_s), 0);
}

}  // namespace
}  // namespace warren::crypto
