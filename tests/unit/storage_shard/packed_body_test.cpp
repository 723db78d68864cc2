// Rows give back the exact bytes that were stored, or nothing.
#include "storage-shard/packed_body.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;
using protocol::RecordKind;

namespace {

struct PackedBody : ShardFixture {
    Bytes packed(const Bytes& whole) const {
        Bytes out{9, 9, 9};  // whatever was there before
        pack_body(*protocol::decode_record(whole), whole, founded, out);
        return out;
    }
    std::optional<Bytes> unpacked(const Bytes& row, const std::optional<Founder>& by) const {
        auto out = unpack_body(row, channel.community(), by);
        return out ? std::optional(out->packet) : std::nullopt;
    }
    Bytes packet = records(1)[1];
    std::optional<Founder> founded = Founder{founder.public_key(), channel.nonce()};
};

}  // namespace

TEST_F(PackedBody, WhatTheFileKnowsIsLeftOutAndPutBack) {
    auto row = packed(packet);
    EXPECT_EQ(row.size(), packet.size() - 22 - 76 + 9);
    EXPECT_EQ(unpacked(row, founded), packet);
    EXPECT_TRUE(is_by_founder(row));
    EXPECT_EQ(author_of(row, founded), founder.public_key());
    EXPECT_EQ(unpacked(row, {}), std::nullopt);
    EXPECT_EQ(author_of(row, {}), std::nullopt);
    auto other = Founder{TestIdentity(2).public_key(), channel.nonce()};
    EXPECT_EQ(unpacked(row, other), std::nullopt);
    EXPECT_EQ(unpack_body(row, CommunityId{}, founded), std::nullopt);
}

TEST_F(PackedBody, AGenesisAndOtherAuthorsKeepTheirKey) {
    TestIdentity guest(2);
    protocol::TorrentEntry entry;
    entry.name = "a guest's";
    auto payload = protocol::encode(entry);
    auto theirs = guest.record(channel.community(), RecordKind::Torrent, 3, {}, payload);
    for (const auto& whole : {channel.genesis("x"), theirs}) {
        auto row = packed(whole);
        EXPECT_EQ(row.size(), whole.size() - 22 + 9);
        EXPECT_FALSE(is_by_founder(row));
        EXPECT_EQ(unpacked(row, {}), whole);
        EXPECT_EQ(author_of(row, {}), protocol::decode_record(whole)->author);
    }
}

TEST_F(PackedBody, RowsOfVersionOneAreWhole) {
    EXPECT_EQ(unpacked(packet, {}), packet);
    EXPECT_EQ(author_of(packet, {}), founder.public_key());
}

// The signature too, which the id does not cover.
TEST_F(PackedBody, EveryFlippedBitIsFound) {
    for (const auto& whole : {channel.genesis("x"), packet}) {
        const auto row = packed(whole);
        for (std::size_t bit = 0; bit < row.size() * 8; ++bit) {
            auto damaged = row;
            damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
            EXPECT_EQ(unpacked(damaged, founded), std::nullopt) << "bit " << bit;
        }
        for (auto cut = row; !cut.empty(); cut.pop_back())
            EXPECT_EQ(unpacked(cut, founded) == whole, cut.size() == row.size());
    }
}
