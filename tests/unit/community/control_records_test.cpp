// Control records: bounds, canonical form, and any bytes at all.
#include "protocol/community/control_records.h"

#include <gtest/gtest.h>

#include "protocol/community/types.h"
#include "tests/unit/community/support.h"

namespace warren::protocol {
namespace {

TEST(ControlRecords, GrantsAreSortedAndJoined) {
    const auto payload = encode_grants({grant(member(2), ForumKind::Post, right::permit),
                                        grant(member(1), ForumKind::Page, right::undo),
                                        grant(member(2), ForumKind::Post, right::revoke)});
    EXPECT_EQ(payload.size(), 2u * 76);
    const auto got = decode_grants(payload);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(*got,
              (std::vector{grant(member(1), ForumKind::Page, right::undo),
                           grant(member(2), ForumKind::Post, right::permit | right::revoke)}));
}

TEST(ControlRecords, GrantsKeepTheirBounds) {
    const auto one = encode_grants({grant(member(1), ForumKind::Post, 1)});
    const auto two = encode_grants({grant(member(2), ForumKind::Post, 1)});
    const auto joined = [](const Bytes& a, const Bytes& b) {
        auto out = a;
        append(out, b);
        return out;
    };
    EXPECT_TRUE(decode_grants(joined(one, two)).ok());
    EXPECT_FALSE(decode_grants(joined(two, one)).ok());
    EXPECT_FALSE(decode_grants(joined(one, one)).ok());
    EXPECT_FALSE(decode_grants({}).ok());
    EXPECT_FALSE(decode_grants(ByteView(one).first(75)).ok());
    EXPECT_FALSE(decode_grants(joined(one, {0})).ok());
    EXPECT_FALSE(decode_grants(encode_grants({grant(member(1), ForumKind::Post, 0)})).ok());
    EXPECT_FALSE(decode_grants(encode_grants({grant(member(1), ForumKind::Post, 16)})).ok());
    EXPECT_FALSE(decode_grants(encode_grants({grant(PublicKey{}, ForumKind::Post, 1)})).ok());

    std::vector<Grant> many;
    for (unsigned i = 0; i < grants_max; ++i)
        many.push_back(grant(member(i), ForumKind::Post, 1));
    EXPECT_TRUE(decode_grants(encode_grants(many)).ok());
    EXPECT_LT(encode_grants(many).size(), record_bytes_max - 300);
    many.push_back(grant(member(200), ForumKind::Post, 1));
    EXPECT_FALSE(decode_grants(encode_grants(many)).ok());
}

TEST(ControlRecords, UndoAndSettings) {
    const Undo undo{{7, RecordId{{1, 2}}}, 3, Undo::Action::Restore};
    EXPECT_EQ(*decode_undo(encode(undo)), undo);
    auto bytes = encode(undo);
    for (const unsigned action : {0u, 3u, 255u}) {
        bytes.back() = static_cast<std::uint8_t>(action);
        EXPECT_FALSE(decode_undo(bytes).ok());
    }
    EXPECT_FALSE(decode_undo(ByteView(bytes).first(bytes.size() - 1)).ok());

    const Settings settings{4, Policy::Public};
    EXPECT_EQ(*decode_settings(encode(settings)), settings);
    EXPECT_FALSE(decode_settings(Bytes{4}).ok());
    EXPECT_FALSE(decode_settings(Bytes{4, 0, 0}).ok());
}

TEST(ControlRecords, WhatDecodesHasOneForm) {
    SeededRandom random(11);
    const std::vector<Bytes> from{
        encode_grants({grant(member(1), ForumKind::Post, 3), grant(member(2), ForumKind::Post, 8)}),
        encode(Undo{{7, RecordId{{1}}}, 3, Undo::Action::Undo}), encode(Settings{})};
    for (int i = 0; i < 20'000; ++i) {
        auto bytes = from[random.below(from.size())];
        for (auto changes = random.below(3); changes > 0; --changes)
            bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.below(20));
        bytes.resize(bytes.size() - std::min(bytes.size(), random.below(3) * random.below(80)));
        const auto grants = decode_grants(bytes);
        EXPECT_EQ(grants ? encode_grants(*grants) : bytes, bytes);
        const auto undo = decode_undo(bytes);
        EXPECT_EQ(undo ? encode(*undo) : bytes, bytes);
        const auto settings = decode_settings(bytes);
        EXPECT_EQ(settings ? encode(*settings) : bytes, bytes);
    }
}

TEST(ControlRecords, OnlyWhereSomebodyFounded) {
    const auto authorize = id_of(ControlKind::Authorize);
    EXPECT_EQ(find_message(channel_type, authorize)->name, "authorize");
    EXPECT_EQ(find_message(directory_type, authorize), nullptr);
    EXPECT_EQ(find_message(channel_type, 99), nullptr);
}

TEST(ControlRecords, RightsOnAMessage) {
    const auto rights = [](ForumKind kind) {
        return rights_on(*find_message(forum_type, static_cast<MessageId>(kind)));
    };
    EXPECT_EQ(rights(ForumKind::Genesis), 0);
    EXPECT_EQ(rights(ForumKind::Post), 15);
    EXPECT_EQ(rights(ForumKind::Vote), right::authorize | right::revoke | right::undo);
    EXPECT_EQ(rights_on(*find_message(forum_type, id_of(ControlKind::Destroy))),
              right::permit | right::authorize | right::revoke);
    EXPECT_EQ(rights_on(*find_message(forum_type, id_of(ControlKind::Authorize))), 0);
}

}  // namespace
}  // namespace warren::protocol
