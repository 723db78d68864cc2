// Search and listings from the derived file.
#include <algorithm>

#include "storage-shard/search_rank.h"
#include "tests/unit/storage_shard/derived_fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

TEST_F(DerivedFixture, FindsWordsPrefixesAndFoldedLetters) {
    store(*into,
          {channel.genesis("Archive Zürich"), channel.torrent("Night of the Living Dead 1968"),
           channel.torrent("Ünïcödé Élan", {"lecture-notes.pdf"}, "physics,open"),
           channel.torrent("東京物語 完全版")});
    catch_up();
    EXPECT_EQ(search("living"), Names{"Night of the Living Dead 1968"});
    EXPECT_EQ(search("LIVING dea"), Names{"Night of the Living Dead 1968"});
    EXPECT_EQ(search("livin dead"), Names{});
    EXPECT_EQ(search("unicode elan"), Names{"Ünïcödé Élan"});
    EXPECT_EQ(search("lecture"), Names{"Ünïcödé Élan"});
    EXPECT_EQ(search("physics"), Names{"Ünïcödé Élan"});
    EXPECT_EQ(search("zurich").size(), 3u);
    EXPECT_EQ(search("東京"), Names{"東京物語 完全版"});
    EXPECT_EQ(search("京物語"), Names{"東京物語 完全版"});
    EXPECT_EQ(search("語"), Names{"東京物語 完全版"});
    EXPECT_EQ(search("版"), Names{"東京物語 完全版"});
    EXPECT_EQ(search("東物"), Names{});
    EXPECT_EQ(search("living 東京"), Names{});
}

TEST_F(DerivedFixture, HostileTextIsOnlyText) {
    store(*into, {channel.genesis("c"), channel.torrent("quote near words title")});
    catch_up();
    for (const char* text : {"\"",
                             "\"\"\"",
                             "title:quote",
                             "NEAR(quote near)",
                             "quote OR words",
                             "quote AND",
                             "NOT quote",
                             "quote*",
                             "^quote",
                             "-quote",
                             "{title} : x",
                             "'; DROP TABLE words; --",
                             "(((((((",
                             "quote\\",
                             "*",
                             "+ + +",
                             "€ £",
                             "\xF0\x9F\x98\x80 quote",
                             "title : ^ (quote) + words *",
                             "rowid:1",
                             "%00",
                             "words MATCH 'x'"}) {
        auto opened = DerivedReader::open(derived_path());
        auto found = (*opened)->search(text, {10});
        EXPECT_OK(found) << text;
        EXPECT_LE(found->torrents.size(), 1u) << text;
    }
    EXPECT_EQ(search("quote* ").size(), 1u);
    EXPECT_EQ(search("NEAR(quote near)").size(), 1u);
    EXPECT_EQ(search("quote OR nothing").size(), 0u);
    EXPECT_EQ(search("€").size(), 0u);
    auto opened = DerivedReader::open(derived_path());
    EXPECT_EQ((*opened)->search("\xff", {10}).error().kind, ErrorKind::BadInput);
    EXPECT_EQ((*opened)->search(std::string(600, 'a'), {10}).error().kind, ErrorKind::BadInput);
}

TEST_F(DerivedFixture, LimitsAndRanks) {
    auto packets = records(150);
    packets.push_back(channel.torrent("other", {"film.mkv"}));
    store(*into, packets);
    catch_up();
    EXPECT_EQ(search("film", 100).size(), 100u);
    EXPECT_EQ(search("film", 5).size(), 5u);
    store(*into, {channel.torrent("rare word in title"), channel.torrent("x", {"rare.txt"})});
    catch_up();
    EXPECT_EQ(search("rare"), (Names{"rare word in title", "x"}));
}

TEST_F(DerivedFixture, CatchesUpAfterAStopAndCountsOnce) {
    auto packets = records(120);
    store(*into, {packets.begin(), packets.begin() + 60});
    catch_up();
    derived.reset();
    store(*into, {packets.begin() + 60, packets.end()});
    derived = std::move(*Derived::open(derived_path()));
    catch_up();
    catch_up();
    auto listed = (*DerivedReader::open(derived_path()))->channel(channel.community());
    ASSERT_OK(listed);
    ASSERT_TRUE(listed->has_value());
    EXPECT_EQ((*listed)->torrents, 120u);
    EXPECT_EQ((*listed)->name, "Films of the commons");
    EXPECT_EQ((*DerivedReader::open(derived_path()))->indexed(channel.community()).value(), 121u);
}

// A power cut may take unsynced records that were indexed: the marks no longer fit, all is made
// anew.
TEST_F(DerivedFixture, StartsOverWhenTheShardLostRecords) {
    auto genesis = channel.genesis("c");
    store(*into, {genesis, channel.torrent("lost one"), channel.torrent("lost two")});
    catch_up();
    EXPECT_EQ(search("lost").size(), 2u);
    into.reset();
    std::filesystem::remove(path());
    into = open(2);
    store(*into, {genesis, channel.torrent("kept")});
    catch_up();
    EXPECT_EQ(search("lost").size(), 0u);
    EXPECT_EQ(search("kept").size(), 1u);
}

TEST_F(DerivedFixture, ForgetsAndIsMadeAgain) {
    store(*into, records(10));
    catch_up();
    forget(Derived::Then::Gone);
    EXPECT_FALSE(derived_reader()->channel(channel.community())->has_value());
    EXPECT_FALSE(author(founder));
    EXPECT_EQ(search("film").size(), 0u);
    catch_up();
    EXPECT_EQ(search("film").size(), 10u);
    derived.reset();
    remove_database(derived_path());
    std::filesystem::copy_file(path(), derived_path());  // a file of another kind in its place
    auto anew = Derived::open(derived_path());
    ASSERT_OK(anew);
    derived = std::move(*anew);
    catch_up();
    EXPECT_EQ(search("film").size(), 10u);
}

TEST_F(DerivedFixture, ARenamedChannelIsFoundByItsNewName) {
    store(*into, {channel.genesis("oldname"), channel.torrent("one"), channel.torrent("two")});
    catch_up();
    EXPECT_EQ(search("oldname").size(), 2u);
    store(*into, {channel.genesis("newname")});
    catch_up();
    EXPECT_EQ(search("oldname").size(), 0u);
    EXPECT_EQ(search("newname").size(), 2u);
}

TEST_F(DerivedFixture, FoldsWhatIsTheSameText) {
    store(*into, {channel.genesis("c"), channel.torrent("Straße und Maß"),
                  channel.torrent("ＦＵＬＬ ﬁlm №5"), channel.torrent("ﾄﾞﾗﾏ ΣΊΣΥΦΟΣ")});
    catch_up();
    EXPECT_EQ(search("STRASSE").size(), 1u);
    EXPECT_EQ(search("mass ").size(), 1u);
    EXPECT_EQ(search("full film no5"), Names{"ＦＵＬＬ ﬁlm №5"});
    EXPECT_EQ(search("ドラマ").size(), 1u);
    EXPECT_EQ(search("σισυφος").size(), 1u);
}

TEST_F(DerivedFixture, TheLastWordIsAPrefixAsOneTypes) {
    store(*into,
          {channel.genesis("c"), channel.torrent("documentary"), channel.torrent("doctor d")});
    catch_up();
    EXPECT_EQ(search("do").size(), 2u);
    EXPECT_EQ(search("doc").size(), 2u);
    EXPECT_EQ(search("docu").size(), 1u);
    EXPECT_EQ(search("documentar").size(), 1u);
    EXPECT_EQ(search("docu ").size(), 0u);
    EXPECT_EQ(search("d"), Names{"doctor d"});  // one letter is a word
}

TEST_F(DerivedFixture, ABetterPlaceFitsBetter) {
    store(*into, {channel.genesis("waterfall", "about glaciers"),
                  channel.torrent("glacier at last"), channel.torrent("at last one glacier"),
                  channel.torrent("x", {}, "glacier"), channel.torrent("y", {"glacier.mkv"})});
    catch_up();
    EXPECT_EQ(search("glacier"), (Names{"glacier at last", "at last one glacier", "x", "y"}));
    // A description lends some of what its channel holds.
    EXPECT_EQ(search("glaciers").size(), 4u);
    auto found = derived_reader()->search("glaciers", {10});
    EXPECT_LT(found->torrents.front().text, 0.2);
}

// Common words: the newest matches, however many there are; the rest is said to exist.
TEST_F(DerivedFixture, CandidatesAreTheNewestAndBounded) {
    store(*into, records(300));
    catch_up();
    auto found = derived_reader()->search("film", {20});
    ASSERT_OK(found);
    ASSERT_EQ(found->torrents.size(), 20u);
    EXPECT_EQ(found->torrents.front().name, "film number 299");
    EXPECT_EQ(found->torrents.back().name, "film number 280");
    auto late = derived_reader()->search("film", {20, 1});  // a deadline that has passed
    ASSERT_OK(late);
    EXPECT_FALSE(late->in_time);
}

TEST_F(DerivedFixture, FindsWhatAnAuthorWroteAndItsForks) {
    auto packets = records(60);
    auto fork_at = channel.head();
    packets.push_back(channel.torrent("one way"));
    store(*into, packets);
    catch_up();
    EXPECT_EQ(author(founder)->forks, 0u);
    // The same author goes on from the same place: found although it is long ago.
    protocol::TorrentEntry entry;
    entry.name = "another way";
    auto other = founder.record(channel.community(), protocol::RecordKind::Torrent,
                                fork_at.time + 1, fork_at, protocol::encode(entry));
    store(*into, {channel.torrent("later"), other});
    catch_up();
    auto page = author(founder);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->key, founder.public_key());
    EXPECT_EQ(page->records, 64u);
    EXPECT_EQ(page->forks, 1u);
    EXPECT_EQ(page->rows.size(), 64u);
    EXPECT_EQ(std::ranges::count_if(page->rows, &AuthoredRecord::forked), 2);
    EXPECT_FALSE(author(stranger));
    // In pages, each row once.
    std::optional<AuthorCursor> after;
    std::size_t seen = 0;
    while (true) {
        auto part = author(founder, after, 10);
        if (part->rows.empty()) break;
        seen += part->rows.size();
        after = author_cursor_from(cursor_text(part->rows.back().at));
        ASSERT_TRUE(after);
    }
    EXPECT_EQ(seen, 64u);
}

TEST_F(DerivedFixture, IsRebuiltInStepsAndEndsTheSame) {
    store(*into, records(40));
    catch_up();
    auto before = search("film");
    forget(Derived::Then::IndexAgain);
    EXPECT_EQ(search("film").size(), 0u);
    EXPECT_EQ((*derived_reader()->channel(channel.community()))->torrents, 0u);
    catch_up();
    EXPECT_EQ(search("film"), before);
    EXPECT_EQ((*derived_reader()->channel(channel.community()))->torrents, 40u);
    EXPECT_EQ(author(founder)->records, 41u);
}

// A crash in the middle of forgetting: maintenance ends it.
TEST_F(DerivedFixture, GoesOnForgettingAfterACrash) {
    store(*into, records(40));
    catch_up();
    ASSERT_TRUE(*derived->forget(channel.community(), Derived::Then::Gone, 5));
    derived.reset();
    derived = std::move(*Derived::open(derived_path()));
    for (int i = 0; i < 3; ++i)
        ASSERT_OK(derived->maintain());
    EXPECT_EQ(search("film").size(), 0u);
    EXPECT_FALSE(derived_reader()->channel(channel.community())->has_value());
}

TEST_F(DerivedFixture, TellsWhatChangedInListings) {
    store(*into, records(5));
    catch_up();
    auto from = derived_reader();
    auto first = from->changes({});
    ASSERT_OK(first);
    EXPECT_TRUE(first->whole);
    ASSERT_EQ(first->channels.size(), 1u);
    EXPECT_EQ(first->channels[0].torrents, 5u);
    EXPECT_TRUE(from->changes(first->now)->channels.empty());
    store(*into, {channel.torrent("more")});
    catch_up();
    auto second = from->changes(first->now);
    EXPECT_FALSE(second->whole);
    ASSERT_EQ(second->channels.size(), 1u);
    EXPECT_EQ(second->channels[0].torrents, 6u);
    forget(Derived::Then::Gone);
    auto third = from->changes(second->now);
    EXPECT_TRUE(third->whole);
    EXPECT_TRUE(third->channels.empty());
    EXPECT_TRUE(from->is_current());
    derived.reset();
    remove_database(derived_path());
    derived = std::move(*Derived::open(derived_path()));
    EXPECT_FALSE(from->is_current());
}

TEST(SearchRank, HealthAndFreshnessMoveAScoreWithinBounds) {
    auto total = [](double text, std::int64_t created_ms, const std::optional<Health>& health,
                    std::int64_t now_ms) {
        return score_of(text, created_ms, health, now_ms).total();
    };
    constexpr std::int64_t day = 86'400'000, now = 20'000 * day;
    EXPECT_DOUBLE_EQ(total(1, now, std::nullopt, now), 1);
    EXPECT_DOUBLE_EQ(total(1, now + 5 * day, std::nullopt, now), 1);  // no gain from the future
    EXPECT_DOUBLE_EQ(total(1, now - 90 * day, std::nullopt, now), 0.75);
    EXPECT_GE(total(1, 0, std::nullopt, now), 0.5);
    EXPECT_DOUBLE_EQ(total(1, now, Health{0, 9, now}, now), 0.5);
    EXPECT_DOUBLE_EQ(total(1, now, Health{1023, 0, now}, now), 2);
    EXPECT_DOUBLE_EQ(total(1, now, Health{4'000'000, 0, now}, now), 2);
    EXPECT_DOUBLE_EQ(total(1, now, Health{1023, 0, now - day}, now), 1.5);
    EXPECT_GT(total(1, now, Health{2, 0, now}, now), total(1, now, Health{1, 0, now}, now));
}

TEST(DerivedDirectory, ListsAnnouncedChannels) {
    TempFolder folder;
    auto directory = protocol::directory_community();
    ASSERT_OK(Shard::create(folder.file("d"), directory, std::nullopt));
    auto into = std::move(*Shard::open(folder.file("d"), directory, {{0, 1}}));
    TestIdentity founder(1);
    std::vector<Bytes> packets;
    for (std::uint64_t i = 0; i < 25; ++i)
        packets.push_back(
            TestChannel(founder, i)
                .announcement((i % 2 ? "Channel " : "channel ") + std::to_string(100 + i), i + 1));
    packets.push_back(TestChannel(founder, 3).announcement("Channel 103 renamed", 60));
    std::vector<ByteView> views(packets.begin(), packets.end());
    ASSERT_OK(into->store(views, Durability::Replicated));
    auto derived = std::move(*Derived::open(folder.file("x")));
    auto reader = std::move(*ShardReader::open(folder.file("d"), directory));
    auto step = derived->catch_up(directory, *reader, {1000});
    ASSERT_OK(step);
    EXPECT_EQ(step->announced.size(), 26u);
    EXPECT_EQ(step->announced[0].founder.key, founder.public_key());
    auto from = std::move(*DerivedReader::open(folder.file("x")));
    auto all = from->changes({});
    ASSERT_OK(all);
    EXPECT_EQ(all->announced.size(), 25u);
    EXPECT_TRUE(std::ranges::any_of(all->announced, [](const ListedChannel& channel) {
        return channel.sort_key == "channel 103 renamed" && channel.name == "Channel 103 renamed";
    }));
    auto cursor = ChannelCursor{"name", all->announced[0].id};
    EXPECT_EQ(channel_cursor_from(cursor_text(cursor)), cursor);
    EXPECT_FALSE(channel_cursor_from("zz"));
}
