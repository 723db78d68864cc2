// What neighbours found is judged as if it were here: whoever sends it can invent nothing.
#include "protocol/community/channel/channel_content.h"
#include "protocol/community/control_records.h"
#include "storage-shard/foreign_search.h"
#include "tests/unit/storage_shard/fixture.h"

namespace warren::test {
namespace {

using protocol::RecordKind;
using shard::ForeignTorrent;

class ForeignSearch : public ShardFixture {
protected:
    void SetUp() override {
        shard = open();
        store(*shard, {channel.genesis("Films of the commons")});
    }
    Bytes torrent(const TestIdentity& author, const std::string& name, GlobalTime time) {
        protocol::TorrentEntry entry;
        entry.infohash = SeededRandom(time).id<Infohash>();
        entry.name = name;
        entry.tags = "nature, quiet";
        entry.file_names = {"readme.txt"};
        return author.record(channel.community(), RecordKind::Torrent, time, {}, encode(entry));
    }
    Bytes edit(const TestIdentity& author, const Bytes& target, const std::string& name,
               GlobalTime time) {
        const protocol::TorrentEdit edit{protocol::decode_record(target)->ref(), name, "", {}};
        return author.record(channel.community(), RecordKind::TorrentEdit, time, {}, encode(edit));
    }
    std::vector<ForeignTorrent> found(const std::vector<Bytes>& packets, std::string_view words) {
        auto torrents = shard::foreign_torrents(*shard, packets);
        EXPECT_OK(torrents);
        auto fitting = shard::fitting(std::move(*torrents), words);
        EXPECT_OK(fitting);
        return fitting ? std::move(*fitting) : std::vector<ForeignTorrent>{};
    }
    std::unique_ptr<shard::Shard> shard;
};

TEST_F(ForeignSearch, WhatHoldsTheWordsIsRankedAsInTheIndex) {
    const std::vector<Bytes> packets{torrent(founder, "Spring in the north", 10),
                                     torrent(founder, "The north in spring", 11),
                                     torrent(founder, "Autumn", 12)};
    const auto both = found(packets, "spring");
    ASSERT_EQ(both.size(), 2u) << "Autumn does not hold the word, whoever says so";
    EXPECT_EQ(both[0].torrent.name, "Spring in the north");
    EXPECT_NEAR(both[0].torrent.text, 1, 0.001);
    EXPECT_NEAR(both[1].torrent.text, 16.0 / 19, 0.001);
    EXPECT_FALSE(both[0].torrent.here);
    EXPECT_EQ(found(packets, "quiet").size(), 3u) << "tags";
    EXPECT_EQ(found(packets, "readme").size(), 3u) << "file names";
    EXPECT_TRUE(found(packets, "spring autumn").empty());
    EXPECT_TRUE(found(packets, "\" OR 1 --").empty()) << "never syntax";
}

TEST_F(ForeignSearch, WhoMayNotWriteHereIsNotShown) {
    EXPECT_TRUE(found({torrent(stranger, "Spring", 10)}, "spring").empty());
    auto elsewhere = TestChannel(founder, 8).torrent("Spring");
    EXPECT_TRUE(found({elsewhere}, "spring").empty()) << "of another community";
    EXPECT_TRUE(found({Bytes{1, 2, 3}}, "spring").empty());
}

TEST_F(ForeignSearch, AnEditCountsAndAStrangersDoesNot) {
    const auto first = torrent(founder, "Spring", 10);
    const auto second = edit(founder, first, "Larks", 11);
    EXPECT_TRUE(found({first, second}, "spring").empty());
    const auto larks = found({first, second, edit(founder, first, "Older", 9)}, "larks");
    ASSERT_EQ(larks.size(), 1u);
    EXPECT_TRUE(larks[0].torrent.edited);
    EXPECT_EQ(found({first, edit(stranger, first, "Mine", 12)}, "spring").size(), 1u);
}

TEST_F(ForeignSearch, WhatWasUndoneHereStaysHidden) {
    const auto packet = torrent(founder, "Spring", 10);
    const auto record = protocol::decode_record(packet);
    EXPECT_EQ(found({packet}, "spring").size(), 1u);
    const protocol::Undo undo{record->ref(), static_cast<std::uint8_t>(RecordKind::Torrent),
                              protocol::Undo::Action::Undo};
    const auto kind = static_cast<RecordKind>(protocol::ControlKind::UndoOwn);
    store(*shard, {founder.record(channel.community(), kind, 20, {}, encode(undo))});
    EXPECT_TRUE(found({packet}, "spring").empty());
}

TEST_F(ForeignSearch, WhatLiesBelowTheFloorIsShownAndWhatIsHereIsKnown) {
    const auto packet = torrent(founder, "Spring", 10);
    ASSERT_OK(shard->adopt_floor(50));
    EXPECT_EQ(found({packet}, "spring").size(), 1u);
    const auto kept = torrent(founder, "Spring", 60);
    store(*shard, {kept});
    const auto known = found({kept}, "spring");
    ASSERT_EQ(known.size(), 1u);
    EXPECT_TRUE(known[0].torrent.here);
}

}  // namespace
}  // namespace warren::test
