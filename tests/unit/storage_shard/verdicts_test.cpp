// Control records in a real file: what they let in, take back, undo and end, in any order and over
// restarts; what waits, what is limited, and the proofs of it.
#include "protocol/community/directory/directory_content.h"
#include "storage-shard/rebuild.h"
#include "tests/unit/storage_shard/governed.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;
using protocol::Undo;

TEST_F(GovernedShard, AMemberWritesOnceAuthorized) {
    auto into = open();
    const auto genesis = channel.genesis("c");
    const auto granted = grant(founder, 2, member, protocol::right::permit);
    const auto film = torrent(member, 3, "film");
    EXPECT_EQ(store(*into, {genesis, film}),
              (std::vector<Verdict>{Verdict::Accepted, Verdict::Waiting}));
    EXPECT_EQ(into->waiting_room().size(), 1u);
    EXPECT_EQ(settle(*into, {granted}), std::vector<Verdict>{Verdict::Accepted});
    EXPECT_TRUE(has(film)) << "let in by the late grant, without coming again";
    EXPECT_EQ(into->waiting_room().size(), 0u);
    EXPECT_EQ(into->root().count, 3u);
    // Grant and what rests on it in one batch, whatever their order.
    const auto other = torrent(moderator, 6, "other");
    EXPECT_EQ(settle(*into, {other, grant(founder, 5, moderator, protocol::right::permit)}),
              std::vector<Verdict>(2, Verdict::Accepted));
}

TEST_F(GovernedShard, ALateRevokeTakesBackInSteps) {
    auto into = open();
    std::vector<Bytes> packets{channel.genesis("c"),
                               grant(founder, 2, member, protocol::right::permit)};
    for (GlobalTime time = 3; time < 203; ++time)
        packets.push_back(torrent(member, time, "film " + std::to_string(time)));
    settle(*into, packets);
    EXPECT_EQ(into->root().count, 202u);
    store(*into, {revoke(founder, 103, member, protocol::right::permit)});
    EXPECT_TRUE(into->has_work());
    EXPECT_GE(work_off(*into, 20), 5u) << "no step looks at more than its rows";
    EXPECT_EQ(into->root().count, 103u);  // what was written before the revoke stays
    EXPECT_TRUE(has(packets[101]));
    EXPECT_FALSE(has(packets[102]));
    EXPECT_EQ(reader()->relisted(1000)->size(), 100u);
    // Sums are those of what is left.
    auto before = into->root();
    into.reset();
    EXPECT_EQ(open(2)->root().sum, before.sum);
}

TEST_F(GovernedShard, ACrashBetweenStepsIsWorkFoundAtOpening) {
    auto into = open();
    std::vector<Bytes> packets{channel.genesis("c"),
                               grant(founder, 2, member, protocol::right::permit)};
    for (GlobalTime time = 3; time < 103; ++time)
        packets.push_back(torrent(member, time, "film"));
    settle(*into, packets);
    store(*into, {revoke(founder, 3, member, protocol::right::permit)});
    for (std::uint64_t epoch = 2; epoch < 5; ++epoch) {
        PruneBudget budget;
        budget.rows = 20;
        ASSERT_OK(into->work(budget));
        into = open(epoch);  // as after a crash: nothing was told to it
        EXPECT_TRUE(into->has_work());
    }
    work_off(*into);
    EXPECT_EQ(into->root().count, 3u);
    EXPECT_FALSE(open(6)->has_work());
}

TEST_F(GovernedShard, UndoneRecordsStayAndAreNotShown) {
    auto into = open();
    const auto first = torrent(member, 3, "first"), second = torrent(member, 4, "second");
    settle(*into, {channel.genesis("c"), grant(founder, 2, member, protocol::right::permit), first,
                   second, grant(founder, 5, moderator, protocol::right::undo)});
    EXPECT_EQ(settle(*into, {undo(moderator, 6, first, ControlKind::UndoOther),
                             undo(member, 7, second, ControlKind::UndoOwn)}),
              std::vector<Verdict>(2, Verdict::Accepted));
    EXPECT_EQ(into->root().count, 7u) << "undone ones are in the sums";
    EXPECT_TRUE(shown().empty());
    EXPECT_EQ(into->explain(ref(first))->state, Explanation::State::Undone);
    // Their author cannot bring back what a moderator took away; that one can.
    settle(*into, {undo(member, 8, first, ControlKind::UndoOwn, Undo::Action::Restore)});
    EXPECT_TRUE(shown().empty());
    settle(*into, {undo(moderator, 9, first, ControlKind::UndoOther, Undo::Action::Restore)});
    EXPECT_EQ(shown(), std::vector<std::string>{"first"});
    // Without its right the moderator's undo never was; this one came late.
    settle(*into, {undo(moderator, 10, first, ControlKind::UndoOther)});
    EXPECT_TRUE(shown().empty());
    settle(*into, {revoke(founder, 10, moderator, protocol::right::undo)});
    EXPECT_EQ(shown(), std::vector<std::string>{"first"});
    into = open(2);
    EXPECT_EQ(into->explain(ref(second))->state, Explanation::State::Undone);
}

TEST_F(GovernedShard, DestroyedItKeepsWhatProvesItsEnd) {
    auto into = open();
    const auto genesis = channel.genesis("c"), end = destroy(founder, 50);
    const auto film = torrent(founder, 2, "film"), granted = grant(founder, 3, member, 1);
    settle(*into, {genesis, film, granted});
    EXPECT_EQ(settle(*into, {end}), std::vector<Verdict>{Verdict::Accepted});
    EXPECT_EQ(into->root().count, 3u);
    EXPECT_FALSE(has(film));
    EXPECT_EQ(settle(*into, {torrent(founder, 60, "later")}),
              std::vector<Verdict>{Verdict::Refused});
    EXPECT_EQ(into->governance().end, ref(end));
    const protocol::Question asks{founder.public_key(),
                                  {protocol::right::permit, torrent_kind, 60}};
    EXPECT_EQ(*into->prove(std::span(&asks, 1), {}, 64 * 1024), (std::vector<Bytes>{genesis, end}));
}

TEST_F(GovernedShard, ProofsBringAnotherNodeToTheSameVerdict) {
    auto into = open();
    const auto film = torrent(member, 9, "film");
    settle(*into,
           {channel.genesis("c"),
            grant(founder, 2, moderator, protocol::right::permit | protocol::right::authorize),
            grant(founder, 3, stranger, rights_all, comment_kind),
            grant(moderator, 4, member, protocol::right::permit), film});
    const auto asks = protocol::questions_of(protocol::channel_type, film);
    ASSERT_EQ(asks.size(), 1u);
    const auto over_the_wire = protocol::decode_questions(protocol::encode(asks));
    ASSERT_OK(over_the_wire);
    const auto proof = into->prove(*over_the_wire, {}, 64 * 1024);
    ASSERT_OK(proof);
    EXPECT_EQ(proof->size(), 3u) << "the founding record and two grants; nothing else";
    const auto path = folder.file("other");
    ASSERT_OK(Shard::create(path, channel.community(), std::nullopt));
    auto other = Shard::open(path, channel.community(), {{0, 1}});
    ASSERT_OK(other);
    EXPECT_EQ(settle(**other, {film}), std::vector<Verdict>{Verdict::Waiting});
    EXPECT_EQ(settle(**other, *proof), std::vector<Verdict>(3, Verdict::Accepted));
    EXPECT_EQ((*other)->root().count, 4u) << "what waited came in with its proof";
    EXPECT_EQ(into->prove(*over_the_wire, {}, 600)->size(), 2u) << "bounded, the oldest first";
    // By a stored record's name.
    const auto name = ref(film);
    EXPECT_EQ(*into->prove({}, std::span(&name, 1), 64 * 1024), *proof);
}

TEST_F(GovernedShard, StandingsSaySinceWhenAndWhy) {
    auto into = open();
    const auto again = grant(founder, 7, member, protocol::right::permit);
    settle(*into, {channel.genesis("c"), grant(founder, 3, member, protocol::right::permit), again,
                   grant(founder, 4, moderator, protocol::right::undo),
                   revoke(founder, 6, moderator, protocol::right::undo)});
    const auto rows = into->governance().standings;
    ASSERT_EQ(rows.size(), 2u);
    for (const auto& row : rows) {
        const bool of_member = row.member == member.public_key();
        EXPECT_EQ(row.held, of_member);
        EXPECT_EQ(row.since, of_member ? 3u : 6u);
        if (of_member) {
            EXPECT_EQ(row.by, ref(again));
        }
    }
}

TEST_F(GovernedShard, PublishingSaysWhichRightIsMissing) {
    auto into = open();
    settle(*into, {channel.genesis("c")});
    const auto prepare = [&](const TestIdentity& who, std::uint8_t kind, const Bytes& payload) {
        return into->prepare_publish({SeededRandom(payload.size()).id<RequestId>(),
                                      static_cast<RecordKind>(kind), who.public_key(), payload});
    };
    protocol::TorrentEntry entry;
    entry.name = "film";
    const auto payload = protocol::encode(entry);
    const auto grants =
        protocol::encode_grants({{stranger.public_key(), torrent_kind, protocol::right::permit}});
    EXPECT_NE(error_text(prepare(member, torrent_kind, payload)).find("right to write 'torrent'"),
              std::string::npos);
    EXPECT_NE(error_text(prepare(member, 208, grants)).find("was never given the right"),
              std::string::npos);
    EXPECT_NE(error_text(prepare(founder, 208, payload)).find("payload"), std::string::npos);
    auto prepared = prepare(founder, 208, grants);
    ASSERT_OK(prepared);
    auto packet = founder.signed_packet(prepared->to_sign);
    ASSERT_OK(into->commit_publish(SeededRandom(1).id<RequestId>(), packet, 0));
    EXPECT_EQ(into->governance().standings.size(), 1u);
    EXPECT_EQ(open(2)->governance().standings.size(), 1u);
}

TEST(LastOnes, OneVoteOfAMemberStays) {
    TempFolder folder;
    const auto directory = protocol::directory_community();
    ASSERT_OK(Shard::create(folder.file("d"), directory, std::nullopt));
    auto into = Shard::open(folder.file("d"), directory, {{0, 1}});
    ASSERT_OK(into);
    TestIdentity voter(1);
    const auto vote = [&](GlobalTime time, std::uint64_t channel, bool up) {
        auto payload = protocol::encode(
            protocol::Vote{SeededRandom(channel).id<CommunityId>(),
                           up ? protocol::VoteValue::Up : protocol::VoteValue::Down});
        return voter.record(directory, RecordKind::Vote, time, {}, payload);
    };
    const auto store = [&](const std::vector<Bytes>& packets) {
        std::vector<ByteView> views(packets.begin(), packets.end());
        return *(*into)->store(views, Durability::Replicated);
    };
    EXPECT_EQ(store({vote(5, 1, true), vote(5, 2, true)}),
              std::vector<Verdict>(2, Verdict::Accepted));
    EXPECT_EQ(store({vote(7, 1, false)}), std::vector<Verdict>{Verdict::Accepted});
    EXPECT_EQ((*into)->root().count, 2u);
    EXPECT_EQ(store({vote(6, 1, true)}), std::vector<Verdict>{Verdict::Known})
        << "a newer one is here";
    EXPECT_EQ(store({vote(9, 1, true), vote(8, 1, false)}),
              (std::vector<Verdict>{Verdict::Accepted, Verdict::Known}));
    const auto before = (*into)->root();
    EXPECT_EQ(before.count, 2u);
    auto again = Shard::open(folder.file("d"), directory, {{0, 2}});
    ASSERT_OK(again);
    EXPECT_EQ((*again)->root().sum, before.sum);
}

// R-C1: of an author 60 records a minute that nobody asked for; what was asked for is not bound.
TEST_F(GovernedShard, WhatIsPushedIsBoundByItsAuthorsRate) {
    auto into = open();
    settle(*into, {channel.genesis("c"), grant(founder, 2, member, protocol::right::permit)});
    std::vector<Bytes> packets;
    for (GlobalTime time = 10; time < 90; ++time)
        packets.push_back(torrent(member, time, "film"));
    packets.push_back(torrent(founder, 90, "another author's"));
    std::vector<Incoming> pushed;
    for (const auto& packet : packets)
        pushed.push_back({packet, true});
    auto verdicts = into->store(pushed, Durability::Replicated);
    ASSERT_OK(verdicts);
    EXPECT_EQ(std::ranges::count(*verdicts, Verdict::Accepted), 61);
    EXPECT_EQ(std::ranges::count(*verdicts, Verdict::NotStored), 20);
    EXPECT_EQ(verdicts->back(), Verdict::Accepted);
    store(*into, packets);
    EXPECT_EQ(into->root().count, 83u) << "reconciliation brings the rest";
}

TEST(AuthorRates, AMinuteAndADay) {
    AuthorRates rates;
    protocol::PublicKey author;
    for (int i = 0; i < 60; ++i)
        EXPECT_TRUE(rates.take(author, 100, 0));
    EXPECT_FALSE(rates.take(author, 100, 0));
    EXPECT_TRUE(rates.take(author, 100, 1_s));
    EXPECT_FALSE(rates.take(author, 100, 1_s));
    std::uint64_t bytes = 0;
    for (Nanoseconds now = 120_s; now < 24 * 3600_s; now += 2_s)
        if (rates.take(author, 8192, now)) bytes += 8192;
    EXPECT_LE(bytes, 2 * AuthorRates::bytes_a_day);
    EXPECT_GE(bytes, AuthorRates::bytes_a_day);
    for (std::size_t i = 0; i < 2 * AuthorRates::authors_max; ++i) {
        std::memcpy(author.bytes.data() + 40, &i, sizeof i);
        rates.take(author, 100, 24 * 3600_s);
    }
    EXPECT_LE(rates.authors(), AuthorRates::authors_max);
}

// R-C2: a record of the far future is stored, and our next one does not follow it.
TEST_F(GovernedShard, TheFarFutureDoesNotDragOurClock) {
    auto into = open();
    settle(*into, {channel.genesis("c"), grant(founder, 2, member, protocol::right::permit)});
    std::vector<Bytes> flood;
    for (GlobalTime i = 0; i < 50; ++i)
        flood.push_back(torrent(member, 1'000'000'000 + i * 9'000, "far"));
    EXPECT_EQ(settle(*into, flood), std::vector<Verdict>(50, Verdict::Accepted));
    protocol::TorrentEntry entry;
    entry.name = "now";
    auto prepared = into->prepare_publish({SeededRandom(1).id<RequestId>(), RecordKind::Torrent,
                                           founder.public_key(), protocol::encode(entry)});
    ASSERT_OK(prepared);
    auto record = protocol::decode_record(founder.signed_packet(prepared->to_sign));
    EXPECT_LE(record->time, 10'003u);
}

TEST_F(GovernedShard, AForkIsProvenKeptAndToldOnce) {
    auto into = open();
    const auto genesis = channel.genesis("c");
    settle(*into, {genesis, grant(founder, 2, member, protocol::right::permit)});
    const auto prev = ref(torrent(member, 3, "head"));
    const auto fork = [&](GlobalTime time, const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        return member.record(channel.community(), RecordKind::Torrent, time, prev,
                             protocol::encode(entry));
    };
    const auto one = fork(5, "one"), other = fork(6, "other"), third = fork(7, "third");
    EXPECT_EQ(store(*into, {one, other}), std::vector<Verdict>(2, Verdict::Accepted));
    auto forks = into->take_new_forks();
    ASSERT_EQ(forks.size(), 1u);
    EXPECT_EQ(forks[0].author, member.public_key());
    auto proof = protocol::decode_fork_proof(forks[0].proof);
    ASSERT_OK(proof);
    EXPECT_EQ(proof->first, one);
    EXPECT_EQ(proof->second, other);
    store(*into, {third});
    EXPECT_TRUE(into->take_new_forks().empty()) << "of an author the first is kept";
    EXPECT_EQ(into->forks(), 2u);
    EXPECT_EQ(reader()->fork_proofs(10)->front(), forks[0].proof);
    into = open(2);
    EXPECT_EQ(reader()->fork_proofs(10)->size(), 1u);
    // A node that saw both at times when it did not remember the other proves it when told.
    const auto path = folder.file("other");
    ASSERT_OK(Shard::create(path, channel.community(), std::nullopt));
    auto late = Shard::open(path, channel.community(), {{0, 3}});
    ASSERT_OK(late);
    store(**late, {genesis, **into->packet(into->governance().standings[0].by), one});
    late = Shard::open(path, channel.community(), {{0, 4}});
    ASSERT_OK(late);
    store(**late, {other});
    EXPECT_TRUE((*late)->take_new_forks().empty());
    EXPECT_EQ(store(**late, {proof->first, proof->second}),
              std::vector<Verdict>(2, Verdict::Known));
    EXPECT_EQ((*late)->take_new_forks().size(), 1u);
}

// Defect 18: a control record that cannot be read any more is told of and set aside with its file,
// not skipped at each start.
TEST_F(GovernedShard, N18ADamagedControlRecordIsSetAside) {
    settle(*open(), {channel.genesis("c"), grant(founder, 2, member, protocol::right::permit),
                     torrent(member, 3, "film")});
    {
        auto connection = Connection::open(path(), Access::Write);
        ASSERT_OK(connection);
        ASSERT_OK(connection->execute("UPDATE body SET packed = x'0102' WHERE id = (SELECT body "
                                      "FROM key WHERE kind = 208)"));
        ASSERT_OK(connection->checkpoint(Connection::Checkpoint::Truncate));
    }
    auto broken = Shard::open(path(), channel.community(), {{0, 2}});
    ASSERT_FALSE(broken.ok());
    EXPECT_EQ(broken.error().kind, ErrorKind::Damaged);
    auto rebuilt = rebuild(path(), channel.community(), {0, 3});
    ASSERT_OK(rebuilt);
    EXPECT_TRUE(std::filesystem::exists(rebuilt->set_aside));
    EXPECT_EQ(open(4)->root().count, 1u) << "without the grant nothing rests on it";
}

// What is undamaged is judged as before, whatever order the pages have.
TEST_F(GovernedShard, ARebuiltFileKeepsGrantsAndWhatRestsOnThem) {
    std::vector<Bytes> packets{channel.genesis("c"), grant(founder, 2, moderator, rights_all),
                               grant(moderator, 3, member, protocol::right::permit)};
    for (GlobalTime time = 4; time < 60; ++time)
        packets.push_back(torrent(member, time, "film"));
    packets.push_back(undo(moderator, 70, packets.back(), ControlKind::UndoOther));
    std::swap(packets[1], packets[2]);
    auto into = open();
    settle(*into, packets);
    const auto before = into->root();
    EXPECT_EQ(before.count, packets.size());
    const auto hidden = shown();
    into.reset();
    ASSERT_OK(rebuild(path(), channel.community(), {0, 3}));
    EXPECT_EQ(open(4)->root().sum, before.sum);
    EXPECT_EQ(shown(), hidden);
}

// Sums that the last opener left are taken only while they are those of the file; a damaged or an
// old one is made again from the keys.
TEST_F(GovernedShard, SumsThatWereLeftAreUsedOnlyWhileTheyAreRight) {
    auto into = open();
    std::vector<Bytes> packets{channel.genesis("c")};
    for (GlobalTime time = 2; time < 1000; ++time)
        packets.push_back(torrent(founder, time, "film"));
    store(*into, packets);
    const auto saved = into->root();
    ASSERT_OK(into->save_sums(1));
    into = open(2);
    EXPECT_EQ(into->root().sum, saved.sum);
    EXPECT_EQ(ranges(*into).sum({{500, {}}, {700, {}}}).count, 200u);
    // A commit takes them out, so a crash after it leaves none.
    store(*into, {torrent(founder, 2000, "newer")});
    const auto more = into->root();
    EXPECT_EQ(open(3)->root().sum, more.sum);
    for (const char* damage : {"UPDATE meta SET value = x'00' WHERE name = 'sums'",
                               "UPDATE meta SET value = zeroblob(2000) WHERE name = 'sums'"}) {
        into = open(4);
        ASSERT_OK(into->save_sums(1));
        into.reset();
        {
            auto connection = Connection::open(path(), Access::Write);
            ASSERT_OK(connection);
            ASSERT_OK(connection->execute(damage));
            EXPECT_EQ(connection->changes(), 1);
        }
        EXPECT_EQ(open(4)->root().sum, more.sum);
    }
    // Of another day.
    into = open(4);
    ASSERT_OK(into->save_sums(1));
    into.reset();
    auto later =
        Shard::open(path(), channel.community(), {{0, 5}, 64 << 20, Check::None, 10 * 86'400});
    ASSERT_OK(later);
    EXPECT_EQ((*later)->root().count, more.count);
    EXPECT_NE((*later)->root().epoch, more.epoch);
}
