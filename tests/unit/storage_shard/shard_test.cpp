// What is stored, refused and given back; who may open; what a crash leaves.
#include <fstream>
#include <set>

#include "storage-shard/sqlite.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;
using protocol::RecordKind;

TEST_F(ShardFixture, StoresAndGivesBackTheExactBytes) {
    auto into = open();
    auto packets = records(3);
    EXPECT_EQ(store(*into, packets), std::vector<Verdict>(4, Verdict::Accepted));
    EXPECT_EQ(store(*into, packets), std::vector<Verdict>(4, Verdict::Known));
    auto from = reader();
    EXPECT_EQ(*from->count(), 4u);
    EXPECT_EQ(*from->newest(), 4u);
    EXPECT_EQ(into->root().count, 4u);
    for (const auto& packet : packets) {
        auto back = from->record(protocol::decode_record(packet)->ref());
        ASSERT_OK(back);
        EXPECT_EQ(**back, packet);
    }
    EXPECT_FALSE(from->record({99, {}})->has_value());
}

TEST_F(ShardFixture, DuplicatesWithinABatchCountOnce) {
    auto into = open();
    auto genesis = channel.genesis("x");
    EXPECT_EQ(store(*into, {genesis, genesis}),
              (std::vector<Verdict>{Verdict::Accepted, Verdict::Known}));
    EXPECT_EQ(into->root().count, 1u);
}

TEST_F(ShardFixture, GenesisMayComeLastInItsBatch) {
    auto into = open();
    auto packets = records(2);
    std::swap(packets.front(), packets.back());
    EXPECT_EQ(store(*into, packets), std::vector<Verdict>(3, Verdict::Accepted));
}

TEST_F(ShardFixture, WithoutItsGenesisATorrentWaits) {
    auto into = open();
    auto packets = records(1);
    EXPECT_EQ(store(*into, {packets[1]}), std::vector<Verdict>{Verdict::Waiting});
    EXPECT_EQ(into->root().count, 0u);
    store(*into, packets);
    EXPECT_EQ(into->root().count, 2u);
}

TEST_F(ShardFixture, OnlyTheFounderWrites) {
    auto into = open();
    store(*into, records(0));
    auto forged = protocol::encode(protocol::ChannelGenesis{channel.nonce(), "mine", ""});
    protocol::TorrentEntry entry;
    entry.name = "spam";
    auto spam = protocol::encode(entry);
    EXPECT_EQ(
        store(*into, {stranger.record(channel.community(), RecordKind::Torrent, 5, {}, spam)}),
        std::vector<Verdict>{Verdict::Waiting});  // a grant may be missing
    EXPECT_EQ(
        store(*into,
              {stranger.record(channel.community(), RecordKind::ChannelGenesis, 5, {}, forged),
               founder.record(CommunityId{}, RecordKind::Torrent, 5, {}, spam),
               founder.record(channel.community(), RecordKind::Torrent, 5, {}, Bytes{1, 2}),
               channel.announcement("in the wrong place", 3), Bytes{}, Bytes(40, 0),
               founder.record(channel.community(), RecordKind::Torrent, time_max, {}, spam)}),
        std::vector<Verdict>(7, Verdict::Refused));
    EXPECT_EQ(into->root().count, 1u);
}

TEST(DirectoryShard, OnlyTheFounderAnnounces) {
    TempFolder folder;
    auto directory = protocol::directory_community();
    ASSERT_OK(Shard::create(folder.file("d"), directory, std::nullopt));
    auto into = Shard::open(folder.file("d"), directory, {{0, 1}});
    ASSERT_OK(into);
    TestIdentity founder(1), stranger(2);
    TestChannel channel(founder, 7);
    auto payload = protocol::encode(
        protocol::ChannelAnnounced{channel.community(), channel.nonce(), "not mine"});
    std::vector<Bytes> packets{
        channel.announcement("mine", 3),
        stranger.record(directory, RecordKind::ChannelAnnounced, 3, {}, payload),
        founder.record(directory, RecordKind::ChannelGenesis, 4, {},
                       protocol::encode(protocol::ChannelGenesis{channel.nonce(), "x", ""}))};
    std::vector<ByteView> views(packets.begin(), packets.end());
    auto verdicts = (*into)->store(views, Durability::Replicated);
    ASSERT_OK(verdicts);
    EXPECT_EQ(*verdicts,
              (std::vector<Verdict>{Verdict::Accepted, Verdict::Refused, Verdict::Refused}));
}

TEST_F(ShardFixture, ForksAreCountedAndKept) {
    auto into = open();
    auto packets = records(1);
    store(*into, packets);
    protocol::TorrentEntry entry;
    entry.name = "second device";
    auto prev = protocol::decode_record(packets[1])->prev;
    auto twin =
        founder.record(channel.community(), RecordKind::Torrent, 2, prev, protocol::encode(entry));
    EXPECT_EQ(into->forks(), 0u);
    EXPECT_EQ(store(*into, {twin}), std::vector<Verdict>{Verdict::Accepted});
    EXPECT_EQ(into->forks(), 1u);
}

TEST_F(ShardFixture, AForeignFileIsRefused) {
    open();
    TestChannel other(stranger, 8);
    auto foreign = Shard::open(path(), other.community(), {{0, 1}});
    ASSERT_FALSE(foreign.ok());
    EXPECT_NE(foreign.error().text.find("belongs to community"), std::string::npos);
    EXPECT_FALSE(ShardReader::open(path(), other.community()).ok());
    std::ofstream(folder.file("text")) << "this is no database, and long enough to be looked at\n";
    EXPECT_FALSE(Shard::open(folder.file("text"), other.community(), {{0, 1}}).ok());
    EXPECT_FALSE(Shard::open(folder.file("missing"), other.community(), {{0, 1}}).ok());
}

TEST_F(ShardFixture, AnOlderEpochNeitherOpensNorWrites) {
    auto old_writer = open(3);
    store(*old_writer, {channel.genesis("x")});
    auto newer = open(4);
    ASSERT_TRUE(newer);
    std::vector<Bytes> packets{channel.torrent("too late")};
    auto late = old_writer->store(views(packets), Durability::Replicated);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().kind, ErrorKind::Refused);
    EXPECT_FALSE(Shard::open(path(), channel.community(), {{0, 3}}).ok());
    EXPECT_EQ(*reader()->count(), 1u);
    EXPECT_EQ(store(*newer, packets), std::vector<Verdict>{Verdict::Accepted});
}

// A slot that moved, and then came back to a worker of an older spawn.
TEST_F(ShardFixture, ASlotMapOutranksASpawn) {
    open(9).reset();
    ASSERT_OK(Shard::open(path(), channel.community(), {{1, 2}}));
    EXPECT_FALSE(Shard::open(path(), channel.community(), {{0, 9}}).ok());
}

TEST_F(ShardFixture, CreatingNeverReplacesAFile) {
    store(*open(), records(1));
    auto again = Shard::create(path(), channel.community(), std::nullopt);
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().kind, ErrorKind::Exists);
    EXPECT_EQ(*reader()->count(), 2u);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        EXPECT_EQ(entry.path().filename().string().find(".new"), std::string::npos);
}

TEST_F(ShardFixture, AFullShardSaysSoAndStillReads) {
    auto into = open(1, 256 * 1024);
    store(*into, {channel.genesis("x")});
    std::uint64_t accepted = 1;
    Result<std::vector<Verdict>> last = std::vector<Verdict>{};
    for (int i = 0; i < 2000 && last.ok(); ++i) {
        std::vector<Bytes> packets{
            channel.torrent("film " + std::to_string(i), {std::string(200, 'f')})};
        last = into->store(views(packets), Durability::Replicated);
        if (last) ++accepted;
    }
    ASSERT_FALSE(last.ok());
    EXPECT_EQ(last.error().kind, ErrorKind::NoSpace) << last.error().text;
    EXPECT_FALSE(into->failed());
    EXPECT_EQ(into->root().count, accepted);
    EXPECT_EQ(*reader()->count(), accepted);
    EXPECT_EQ(reader()->contents("", 10)->rows.size(), 10u);
    EXPECT_TRUE(std::filesystem::file_size(path()) <= 256 * 1024);
}

TEST_F(ShardFixture, ContentsPagesStayStableWhileRecordsArrive) {
    auto into = open();
    store(*into, records(25));
    auto from = reader();
    std::set<std::string> seen;
    std::string after;
    int pages = 0;
    while (true) {
        auto page = from->contents(after, 10);
        ASSERT_OK(page);
        ++pages;
        for (const auto& row : page->rows)
            EXPECT_TRUE(seen.insert(row.entry.name).second) << row.entry.name;
        store(*into, {channel.torrent("new while paging " + std::to_string(pages))});
        if (!page->more) break;
        after = page->next;
    }
    EXPECT_EQ(pages, 3);
    EXPECT_EQ(seen.size(), 25u);
    EXPECT_EQ(from->contents("", 1)->rows[0].entry.name, "new while paging 3");
    EXPECT_FALSE(from->contents("nonsense", 1).ok());
}

TEST_F(ShardFixture, FetchGivesWhatWasSelectedWithinItsBytes) {
    auto into = open();
    auto packets = records(20);
    store(*into, packets);
    auto key = protocol::session_key(channel.community(), 42);
    protocol::Selection selection{{{3, {}}, {9, {}}}, {}};
    for (const auto& packet : packets)
        selection.ids.push_back(protocol::short_id(key, protocol::decode_record(packet)->id));
    auto fetched = reader()->fetch({selection}, 42, 1 << 20);
    ASSERT_OK(fetched);
    EXPECT_EQ(fetched->packets, std::vector<Bytes>(packets.begin() + 2, packets.begin() + 8));
    auto little = reader()->fetch({selection}, 42, packets[2].size() * 2 + 10);
    EXPECT_EQ(little->packets.size(), 2u);
    EXPECT_TRUE(little->cut);
    EXPECT_TRUE(reader()->fetch({selection}, 43, 1 << 20)->packets.empty());
}

TEST_F(ShardFixture, ADamagedBodyDoesNotLeave) {
    auto into = open();
    auto packets = records(2);
    store(*into, packets);
    into.reset();
    {
        auto raw = Connection::open(path(), Access::Write);
        ASSERT_OK(raw);
        ASSERT_OK(raw->execute("UPDATE body SET packed = substr(packed, 1, 100) || x'ff' || "
                               "substr(packed, 102) WHERE id = 2"));
    }
    auto ref = protocol::decode_record(packets[1])->ref();
    EXPECT_FALSE(reader()->record(ref).ok());
    auto key = protocol::session_key(channel.community(), 1);
    protocol::Selection selection{{{}, protocol::sync_end()}, {protocol::short_id(key, ref.id)}};
    auto fetched = reader()->fetch({selection}, 1, 1 << 20);
    ASSERT_OK(fetched);
    EXPECT_TRUE(fetched->packets.empty());
    EXPECT_EQ(fetched->damaged, 1u);
}

TEST_F(ShardFixture, OpeningWritesNothingIntoTheFile) {
    store(*open(1), records(3));
    auto bytes = [&] {
        std::ifstream in(path(), std::ios::binary);
        return std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    };
    const auto before = bytes();
    open(2).reset();
    EXPECT_TRUE(bytes() == before);
    EXPECT_FALSE(std::filesystem::exists(path() + "-wal"));
}

TEST_F(ShardFixture, AFenceHoldsForAllShardsOfItsFolder) {
    auto mine = open(3);
    TestChannel other(founder, 8);
    auto open_other = [&](Epoch epoch) {
        auto file = folder.file("other.shard");
        if (!std::filesystem::exists(file)) {
            EXPECT_OK(Shard::create(file, other.community(), std::nullopt));
        }
        return Shard::open(file, other.community(), {.epoch = epoch});
    };
    // The same worker, when another slot has moved.
    ASSERT_OK(open_other({1, 3}));
    EXPECT_OK(mine->store(views(records(1)), Durability::Replicated));
    ASSERT_OK(open_other({1, 4}));
    EXPECT_FALSE(mine->store(views(records(1)), Durability::Replicated).ok());
    EXPECT_FALSE(mine->failed());
    EXPECT_FALSE(open_other({1, 3}).ok());
    // A slot that comes back: what its owner opened before it went stays shut.
    ASSERT_OK(open_other({2, 3}));
    EXPECT_FALSE(mine->store(views(records(1)), Durability::Replicated).ok());
    // What a power loss tore fences nobody.
    std::ofstream(folder.file("fence"), std::ios::binary | std::ios::in) << "torn";
    EXPECT_OK(open_other({1, 3}));
}

// The files as they stand while the shard is open are what a killed process leaves.
TEST_F(ShardFixture, WhatWasCommittedSurvivesAKill) {
    auto into = open(5);
    auto packets = records(300);
    std::vector<Bytes> first(packets.begin(), packets.begin() + 100);
    std::vector<Bytes> rest(packets.begin() + 100, packets.end());
    store(*into, first);
    ASSERT_OK(into->maintain());
    ASSERT_OK(into->store(views(rest), Durability::Synced));
    TempFolder left;
    for (const char* end : {"", "-wal"})
        std::filesystem::copy_file(path() + end, left.file("copy") + end);
    for (auto check : {Check::None, Check::Quick}) {
        auto again = Shard::open(left.file("copy"), channel.community(), {{1, 0}, 64 << 20, check});
        ASSERT_OK(again);
        EXPECT_EQ((*again)->root().sum, into->root().sum);
        EXPECT_EQ((*again)->root().count, 301u);
        EXPECT_EQ((*again)->root().newest, 301u);
        auto known = (*again)->store(views(packets), Durability::Replicated);
        ASSERT_OK(known);
        EXPECT_EQ(*known, std::vector<Verdict>(301, Verdict::Known));
    }
}

TEST_F(ShardFixture, PutAwayLeavesOneFile) {
    auto into = open();
    store(*into, records(10));
    ASSERT_OK(into->checkpoint_for_close());
    into.reset();
    EXPECT_FALSE(std::filesystem::exists(path() + "-wal"));
    std::filesystem::rename(path(), folder.file("away"));
    EXPECT_EQ((*Shard::open(folder.file("away"), channel.community(), {{0, 1}}))->root().count,
              11u);
}
