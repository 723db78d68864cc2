// What waits for a grant: bounded by the net that sent it, for all files together and in time
// (R-U8); what is told when it is judged again. And forks, which are proven in any order.
#include "storage-shard/derived.h"
#include "tests/unit/storage_shard/governed.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

protocol::TorrentEntry film_entry(std::uint64_t number) {
    protocol::TorrentEntry out;
    out.name = "film";
    out.infohash = SeededRandom(number).id<Infohash>();
    return out;
}

}  // namespace

// R-U8: what lacks a grant costs nothing that lasts, whoever sends how much of it.
TEST_F(GovernedShard, AFloodWithoutAGrantCostsNothingLasting) {
    auto into = open();
    settle(*into, {channel.genesis("c")});
    const auto before = std::filesystem::file_size(path());
    auto film = torrent(member, 5, "film");
    const auto payload = protocol::decode_record(film)->payload;
    const auto infohash_at = static_cast<std::size_t>(payload.data() - film.data());
    auto& room = into->waiting_room();
    for (GlobalTime time = 10; time < 20'010; ++time) {
        // Another infohash is another record; signatures are not looked at here.
        for (std::size_t i = 0; i < 4; ++i)
            film[infohash_at + i] = static_cast<std::uint8_t>(time >> (8 * i));
        const Incoming one{film, false, 1};
        auto verdicts = into->store(std::span(&one, 1), Durability::Replicated);
        ASSERT_OK(verdicts);
        ASSERT_EQ(verdicts->front(), Verdict::Waiting);
    }
    EXPECT_LE(room.bytes(), WaitingRoom::Limits{}.source_bytes_max);
    ASSERT_OK(into->checkpoint_for_close());
    EXPECT_EQ(std::filesystem::file_size(path()), before);
    EXPECT_EQ(into->root().count, 1u);
}

class WaitingRoomTest : public testing::Test {
protected:
    RecordRef put(WaitingRoom& room, std::uint64_t source, Nanoseconds now = 0) {
        WaitingRoom::Guest guest;
        guest.ref = {++count_, random_.id<RecordId>()};
        guest.packet.resize(488);  // a thousand with what it costs beside
        guest.source = source;
        room.put(guest, now);
        return guest.ref;
    }

    SeededRandom random_{3};
    GlobalTime count_ = 0;
};

TEST_F(WaitingRoomTest, IsBoundedForEachNetAndForAll) {
    WaitingRoom room({10'000, 4'000});
    std::vector<RecordRef> flood;
    for (int i = 0; i < 10; ++i)
        flood.push_back(put(room, 1));
    EXPECT_EQ(room.size(), 4u) << "one net's share";
    EXPECT_EQ(room.find(flood[0]), nullptr);
    EXPECT_NE(room.find(flood[9]), nullptr);
    const auto honest = put(room, 2);
    for (std::uint64_t net = 3; net < 5; ++net)
        for (int i = 0; i < 100; ++i)
            put(room, net);
    EXPECT_EQ(room.size(), 10u);
    EXPECT_NE(room.find(honest), nullptr) << "who holds most gives way";
    EXPECT_EQ(room.take_all().size(), 10u);
    EXPECT_EQ(room.bytes(), 0u);
}

TEST_F(WaitingRoomTest, WhatWasOursIsNotPushedOutByOthersNorByTime) {
    WaitingRoom room({10'000, 4'000});
    const auto own = put(room, 0);
    for (std::uint64_t net = 1; net < 9; ++net)
        for (int i = 0; i < 10; ++i)
            put(room, net);
    EXPECT_EQ(room.size(), 11u);
    EXPECT_TRUE(room.expire(WaitingRoom::life - 1));
    EXPECT_EQ(room.size(), 11u);
    EXPECT_FALSE(room.expire(WaitingRoom::life + 1));
    EXPECT_EQ(room.size(), 1u);
    EXPECT_NE(room.find(own), nullptr);
}

TEST_F(WaitingRoomTest, WhatWaitedBeforeKeepsItsTime) {
    WaitingRoom room;
    put(room, 1, 5);
    auto again = room.take_all();
    room.put(std::move(again[0]), WaitingRoom::life);
    EXPECT_EQ(room.size(), 1u);
    EXPECT_FALSE(room.expire(WaitingRoom::life + 5));
}

// All files of a process together: 4 MiB, and 64 KiB of a net, however many files it fills.
TEST_F(WaitingRoomTest, TheRoomsOfAProcessShareOneAllowance) {
    auto ledger = std::make_shared<WaitingLedger>(random_);
    std::vector<std::unique_ptr<WaitingRoom>> rooms;
    for (int i = 0; i < 40; ++i) {
        rooms.push_back(std::make_unique<WaitingRoom>());
        rooms.back()->share(ledger);
        for (int k = 0; k < 50; ++k)
            put(*rooms.back(), 1);
    }
    EXPECT_LE(ledger->bytes(), WaitingLedger::source_bytes_max);
    EXPECT_GT(ledger->bytes(), WaitingLedger::source_bytes_max - 1001);
    for (std::uint64_t net = 2; net < 400; ++net)
        for (int k = 0; k < 50; ++k)
            put(*rooms[net % 40], net);
    EXPECT_LE(ledger->bytes(), WaitingLedger::bytes_max);
    EXPECT_GT(ledger->bytes(), WaitingLedger::bytes_max - 70'000);
    std::size_t all = 0;
    for (const auto& room : rooms)
        all += room->bytes();
    EXPECT_EQ(all, ledger->bytes());
    rooms.clear();
    EXPECT_EQ(ledger->bytes(), 0u) << "a closed file has nobody waiting";
    ledger->set_processes(4);
    WaitingRoom last;
    last.share(ledger);
    for (int k = 0; k < 50; ++k)
        put(last, 1);
    EXPECT_LE(last.bytes(), WaitingLedger::source_bytes_max / 4);
}

// What is judged again is told; what came unasked comes along, to be passed on.
TEST_F(GovernedShard, WhoWaitedIsToldOfWhenJudgedAgain) {
    auto into = open();
    settle(*into, {channel.genesis("c")});
    const auto pushed = torrent(member, 5, "film"), fetched = torrent(member, 6, "play");
    const std::vector<Incoming> waiting{{pushed, true, 1}, {fetched, false, 1}};
    ASSERT_EQ(*into->store(waiting, Durability::Replicated),
              std::vector<Verdict>(2, Verdict::Waiting));
    EXPECT_TRUE(into->take_judged_again().empty());
    settle(*into, {grant(founder, 2, member, protocol::right::permit)});
    const auto told = into->take_judged_again();
    ASSERT_EQ(told.size(), 2u);
    for (const auto& one : told) {
        EXPECT_EQ(one.verdict, Verdict::Accepted);
        const bool news = one.ref == protocol::decode_record(pushed)->ref();
        EXPECT_EQ(one.packet, news ? pushed : Bytes{});
    }
    EXPECT_FALSE(into->waiting_room().has_others());
}

// Both orders, and over a restart: the index of authors finds what the commit could not.
TEST_F(GovernedShard, AForkIsProvenInAnyOrder) {
    const auto genesis = channel.genesis("c");
    const auto one = founder.record(channel.community(), RecordKind::Torrent, 4, ref(genesis),
                                    protocol::encode(film_entry(1)));
    const auto other = founder.record(channel.community(), RecordKind::Torrent, 5, ref(genesis),
                                      protocol::encode(film_entry(2)));
    std::uint64_t spawn = 0;
    for (const bool turned : {false, true}) {
        const auto file = folder.file(turned ? "turned" : "straight");
        ASSERT_OK(Shard::create(file, channel.community(), std::nullopt));
        for (const auto& packet : {genesis, turned ? other : one, turned ? one : other}) {
            auto shard = Shard::open(file, channel.community(), {{0, ++spawn}});
            ASSERT_OK(shard);  // what was seen before is forgotten
            store(**shard, {packet});
            EXPECT_TRUE((*shard)->take_new_forks().empty());
        }
        auto indexable = ShardReader::open(file, channel.community());
        ASSERT_OK(indexable);
        auto derived = Derived::open(file + ".derived");
        ASSERT_OK(derived);
        const auto indexed = (*derived)->catch_up(channel.community(), **indexable, {});
        ASSERT_OK(indexed);
        ASSERT_EQ(indexed->forks.size(), 1u);
        auto shard = Shard::open(file, channel.community(), {{0, ++spawn}});
        ASSERT_OK(shard);
        ASSERT_OK((*shard)->prove_forks(indexed->forks));
        const auto found = (*shard)->take_new_forks();
        ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found[0].proof, protocol::encode(*protocol::make_fork_proof(one, other)));
        ASSERT_OK((*shard)->prove_forks(indexed->forks));
        EXPECT_TRUE((*shard)->take_new_forks().empty()) << "once";
    }
}
