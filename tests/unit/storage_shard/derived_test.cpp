// Search and listings from the derived file.
#include "storage-shard/derived.h"

#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

class DerivedFixture : public ShardFixture {
protected:
    void SetUp() override {
        into = open();
        auto opened = Derived::open(derived_path());
        ASSERT_OK(opened);
        derived = std::move(*opened);
    }
    std::string derived_path() const { return folder.file("derived.sqlite"); }
    void catch_up() {
        auto from = reader();
        bool more = true;
        while (more) {
            auto step = derived->catch_up(channel.community(), *from, 50);
            ASSERT_OK(step);
            more = step->more;
        }
    }
    std::vector<std::string> search(const std::string& text, std::size_t limit = 100) {
        auto opened = DerivedReader::open(derived_path());
        EXPECT_OK(opened);
        auto found = (*opened)->search(text, limit);
        EXPECT_OK(found);
        std::vector<std::string> out;
        if (found)
            for (const auto& torrent : *found)
                out.push_back(torrent.name);
        return out;
    }
    using Names = std::vector<std::string>;
    std::unique_ptr<Shard> into;
    std::unique_ptr<Derived> derived;
};

}  // namespace

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
        auto found = (*opened)->search(text, 10);
        EXPECT_OK(found) << text;
        EXPECT_LE(found->size(), 1u) << text;
    }
    EXPECT_EQ(search("quote* ").size(), 1u);
    EXPECT_EQ(search("NEAR(quote near)").size(), 1u);
    EXPECT_EQ(search("quote OR nothing").size(), 0u);
    EXPECT_EQ(search("€").size(), 0u);
    auto opened = DerivedReader::open(derived_path());
    EXPECT_EQ((*opened)->search("\xff", 10).error().kind, ErrorKind::BadInput);
    EXPECT_EQ((*opened)->search(std::string(600, 'a'), 10).error().kind, ErrorKind::BadInput);
}

TEST_F(DerivedFixture, LimitsAndRanks) {
    auto packets = records(150);
    packets.push_back(channel.torrent("other", {"film.mkv"}));
    store(*into, packets);
    catch_up();
    EXPECT_EQ(search("film", 1000).size(), 100u);
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
    ASSERT_OK(derived->forget(channel.community()));
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

TEST(DerivedDirectory, ListsAnnouncedChannelsInPages) {
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
    auto step = derived->catch_up(directory, *reader, 1000);
    ASSERT_OK(step);
    EXPECT_EQ(step->announced.size(), 26u);
    EXPECT_EQ(step->announced[0].founder.key, founder.public_key());
    auto from = std::move(*DerivedReader::open(folder.file("x")));
    std::vector<std::string> names;
    std::optional<ChannelCursor> after;
    while (true) {
        auto page = from->announced(after, 10);
        ASSERT_OK(page);
        if (page->empty()) break;
        for (const auto& channel : *page)
            names.push_back(channel.sort_key);
        after = channel_cursor_from(cursor_text({page->back().sort_key, page->back().id}));
        ASSERT_TRUE(after);
    }
    EXPECT_EQ(names.size(), 25u);
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    EXPECT_NE(std::find(names.begin(), names.end(), "channel 103 renamed"), names.end());
}
