// What goes, what stays, and that a floor once set holds over restarts.
#include "storage-shard/retention.h"

#include <sqlite3.h>

#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

constexpr std::int64_t day_ms = 86'400'000;

class RetentionShard : public ShardFixture {
protected:
    // Runs all steps; how many records went.
    static std::uint64_t prune_all(Shard& shard, const Retention& rule, std::int64_t now_ms = 0,
                                   std::size_t rows = 64) {
        std::uint64_t gone = 0;
        PruneBudget budget;
        budget.rows = rows;
        while (true) {
            auto step = shard.prune(rule, now_ms, budget);
            EXPECT_OK(step);
            if (!step) return gone;
            EXPECT_LE(step->pruned, rows);
            gone += step->pruned;
            if (!step->more) return gone;
        }
    }
    std::size_t rows_in_file(const char* table) {
        sqlite3* db = nullptr;
        EXPECT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
        sqlite3_stmt* statement = nullptr;
        auto sql = std::string("SELECT count(*) FROM ") + table;
        EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
        EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
        auto out = static_cast<std::size_t>(sqlite3_column_int64(statement, 0));
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return out;
    }
};

}  // namespace

TEST_F(RetentionShard, KeepsTheNewestByNumberAndTheGenesis) {
    auto into = open();
    auto packets = records(100);
    store(*into, packets);
    EXPECT_EQ(prune_all(*into, {.records = 11}, 0, 16), 90u);
    EXPECT_EQ(into->root().count, 11u);
    EXPECT_EQ(into->floor(), 92u);  // the genesis has time 1, the last to go 91
    auto from = reader();
    EXPECT_TRUE(from->record(protocol::decode_record(packets[0])->ref())->has_value());
    EXPECT_FALSE(from->record(protocol::decode_record(packets[90])->ref())->has_value());
    EXPECT_TRUE(from->record(protocol::decode_record(packets[91])->ref())->has_value());
    into.reset();
    EXPECT_EQ(rows_in_file("key"), 11u);
    EXPECT_EQ(rows_in_file("body"), 11u);
}

TEST_F(RetentionShard, WhatWasPrunedIsNotTakenAgainAlsoAfterARestart) {
    auto into = open();
    auto packets = records(20);
    store(*into, packets);
    prune_all(*into, {.records = 6});
    auto floor = into->floor();
    ASSERT_GT(floor, 0u);
    EXPECT_EQ(store(*into, {packets[3]}), std::vector<Verdict>{Verdict::Known});
    EXPECT_EQ(into->root().count, 6u);
    auto sum = into->root().sum;
    into.reset();
    into = open(2);
    EXPECT_EQ(into->floor(), floor);
    EXPECT_EQ(into->root().sum, sum);
    EXPECT_EQ(store(*into, {packets[3]}), std::vector<Verdict>{Verdict::Known});
    EXPECT_EQ(into->root().count, 6u);
    EXPECT_EQ(prune_all(*into, {.records = 6}), 0u);
}

TEST_F(RetentionShard, SumsAreThoseOfAShardThatHoldsOnlyTheRest) {
    auto into = open();
    auto packets = records(700);
    store(*into, packets);
    prune_all(*into, {.records = 101});
    TempFolder other;
    ASSERT_OK(Shard::create(other.file("x"), channel.community(), std::nullopt));
    auto twin = Shard::open(other.file("x"), channel.community(), {{0, 1}});
    ASSERT_OK(twin);
    std::vector<Bytes> rest{packets[0]};
    rest.insert(rest.end(), packets.end() - 100, packets.end());
    ASSERT_OK((*twin)->store(views(rest), Durability::Replicated));
    EXPECT_EQ(into->root().sum, (*twin)->root().sum);
}

TEST_F(RetentionShard, KeepsToItsBytesAndGivesPagesBackOnlyWhenAsked) {
    auto into = open();
    auto packets = records(3000);
    store(*into, packets);
    ASSERT_OK(into->checkpoint_for_close());
    auto full = std::filesystem::file_size(path());
    auto gone = prune_all(*into, {.bytes = full / 2}, 0, 256);
    EXPECT_GT(gone, 800u);
    EXPECT_LT(gone, 2200u);
    EXPECT_EQ(prune_all(*into, {.bytes = full / 2}, 0, 256), 0u);
    ASSERT_OK(into->checkpoint_for_close());
    EXPECT_EQ(std::filesystem::file_size(path()), full);
    auto sum = into->root().sum;
    int steps = 0;
    while (true) {
        auto more = into->shrink(16);
        ASSERT_OK(more);
        ++steps;
        if (!*more) break;
    }
    EXPECT_GT(steps, 3);
    ASSERT_OK(into->checkpoint_for_close());
    EXPECT_LT(std::filesystem::file_size(path()), full * 6 / 10);
    into.reset();
    EXPECT_EQ(open(2)->root().sum, sum);
}

TEST_F(RetentionShard, OldIsWhatTheCommunityHadAnAgeAgo) {
    auto into = open();
    auto packets = records(40);
    const Retention rule{.age_ms = 10 * day_ms};
    store(*into, {packets.begin(), packets.begin() + 21});  // times 1 to 21
    EXPECT_EQ(prune_all(*into, rule, 100 * day_ms), 0u);
    store(*into, {packets.begin() + 21, packets.end()});
    EXPECT_EQ(prune_all(*into, rule, 105 * day_ms), 0u);
    EXPECT_EQ(prune_all(*into, rule, 110 * day_ms), 20u);  // not the genesis
    EXPECT_EQ(into->floor(), 22u);
    // Not the record that arrived last: listings count from it.
    EXPECT_EQ(prune_all(*into, rule, 116 * day_ms), 19u);
}

TEST_F(RetentionShard, AFarFutureFloodPushesNothingOut) {
    auto into = open();
    store(*into, records(10));
    protocol::TorrentEntry entry;
    entry.name = "later";
    auto payload = protocol::encode(entry);
    std::vector<Bytes> flood;
    for (GlobalTime i = 0; i < 50; ++i)
        flood.push_back(founder.record(channel.community(), protocol::RecordKind::Torrent,
                                       1'000'000 + i, {}, payload));
    store(*into, flood);
    EXPECT_EQ(prune_all(*into, {.records = 11}), 0u);
    EXPECT_EQ(prune_all(*into, {.records = 5}), 6u);
}

TEST_F(RetentionShard, AnOwnHeadStaysSoThatTheNextRecordCanNameIt) {
    auto into = open();
    store(*into, records(0));
    protocol::TorrentEntry entry;
    entry.name = "mine";
    auto payload = protocol::encode(entry);
    PublishRequest request{RequestId{{1}}, protocol::RecordKind::Torrent, founder.public_key(),
                           payload};
    auto prepared = into->prepare_publish(request);
    ASSERT_OK(prepared);
    auto mine = into->commit_publish(request.id, founder.signed_packet(prepared->to_sign), 1);
    ASSERT_OK(mine);
    for (GlobalTime i = 0; i < 30; ++i)
        store(*into, {founder.record(channel.community(), protocol::RecordKind::Torrent, 10 + i, {},
                                     payload)});
    EXPECT_GT(prune_all(*into, {.records = 4}), 20u);
    EXPECT_GT(into->floor(), mine->time);
    EXPECT_TRUE(reader()->record(*mine)->has_value());
}

TEST_F(RetentionShard, TheClockGoesOnBeyondTheFloor) {
    auto into = open();
    protocol::TorrentEntry entry;
    entry.name = "far along";
    auto payload = protocol::encode(entry);
    store(*into, records(0));
    for (GlobalTime time = 9'000; time <= 45'000; time += 9'000)
        store(*into, {founder.record(channel.community(), protocol::RecordKind::Torrent, time, {},
                                     payload)});
    prune_all(*into, {.records = 2});
    into.reset();
    into = open(2);
    PublishRequest request{RequestId{{1}}, protocol::RecordKind::Torrent, founder.public_key(),
                           payload};
    auto prepared = into->prepare_publish(request);
    ASSERT_OK(prepared);
    auto record = protocol::decode_record(founder.signed_packet(prepared->to_sign));
    EXPECT_EQ(record->time, 45'001u);
}

TEST_F(RetentionShard, ItsOwnRuleIsKeptAndTakenBack) {
    auto into = open();
    EXPECT_FALSE(into->retention()->has_value());
    const Retention rule{1, 2, 3};
    ASSERT_OK(into->set_retention(rule));
    into.reset();
    into = open(2);
    EXPECT_EQ(*into->retention(), rule);
    ASSERT_OK(into->set_retention(std::nullopt));
    EXPECT_FALSE(into->retention()->has_value());
}

TEST_F(RetentionShard, AnOlderOwnerPrunesNothing) {
    auto old = open(1);
    store(*old, records(10));
    auto young = open(2);
    auto step = old->prune({.records = 1}, 0, {});
    ASSERT_FALSE(step.ok());
    EXPECT_EQ(step.error().kind, ErrorKind::Refused);
    EXPECT_EQ(young->root().count, 11u);
}

TEST(PruneBudget, FollowsTheTimeThatAStepTook) {
    PruneBudget budget;
    for (int i = 0; i < 20; ++i)
        budget.adapt(100'000);
    EXPECT_EQ(budget.rows, PruneBudget::rows_most);
    for (int i = 0; i < 20; ++i)
        budget.adapt(50_ms);
    EXPECT_EQ(budget.rows, PruneBudget::rows_least);
    budget.adapt(3_ms);
    EXPECT_EQ(budget.rows, PruneBudget::rows_least);
}

TEST(AgeMarks, AreFewAndReachBackOneAge) {
    std::vector<AgeMark> marks;
    for (int day = 0; day < 1000; ++day)
        marks =
            mark_age(std::move(marks), 100 * day_ms, {day * day_ms, static_cast<GlobalTime>(day)});
    EXPECT_LE(marks.size(), 130u);
    EXPECT_EQ(older_than(marks, 100 * day_ms, 999 * day_ms), 900u);
    EXPECT_EQ(older_than({}, day_ms, day_ms), 0u);
    // The clock of the wall went back: marks of the future go.
    EXPECT_EQ(mark_age({{50, 1}, {9'000'000, 2}}, 10, {5'000, 3}),
              (std::vector<AgeMark>{{50, 1}, {5'000, 3}}));
}
