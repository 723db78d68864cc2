// Search, listings and authors as questions to the worker: whole answers, order, and bounds on what
// a question may cost.
#include <algorithm>
#include <fstream>

#include "tests/unit/storage/storage_fixture.h"
#include "workers/storage/gather.h"
#include "workers/storage/joined.h"
#include "workers/storage/listings.h"

using namespace warren;
using namespace warren::test;

namespace {

class SearchTest : public StorageTest {
protected:
    // A channel of somebody else with so many films.
    CommunityId films(std::uint64_t seed, int count, const std::string& more = "") {
        TestChannel channel(other, seed);
        EXPECT_TRUE(reply_of<S::Done>(join(channel.community())));
        std::vector<Bytes> packets = {channel.genesis("channel " + std::to_string(seed))};
        for (int i = 0; i < count; ++i)
            packets.push_back(channel.torrent("film " + std::to_string(i) + more));
        for (std::size_t at = 0; at < packets.size(); at += 100) {
            const auto end = std::min(packets.size(), at + 100);
            store(channel.community(), {packets.begin() + static_cast<std::ptrdiff_t>(at),
                                        packets.begin() + static_cast<std::ptrdiff_t>(end)});
        }
        return channel.community();
    }
    pipe::Answer ask_search(const std::string& text, std::uint8_t group = 0,
                            std::uint8_t groups = 1) {
        Builder builder;
        auto words = builder.CreateString(text);
        return node->ask(question(builder, S::CreateSearch(builder, words, 100, group, groups)));
    }
    // How many there are, by an answer that all slots gave in time.
    std::size_t count_of(const std::string& text) {
        const auto deadline = monotonic_now() + 20_s;
        while (monotonic_now() < deadline) {
            auto answer = ask_search(text);
            const auto* found = reply_of<S::SearchReply>(answer);
            if (found && !found->partial()) return found->torrents()->size();
        }
        ADD_FAILURE() << "no whole answer for " << text;
        return 0;
    }
    // The first question may find the damage, and answer without that slot.
    bool comes_to_find_again(const std::string& text, std::size_t count) {
        const auto deadline = monotonic_now() + 20_s;
        while (monotonic_now() < deadline) {
            auto answer = ask_search(text);
            const auto* found = reply_of<S::SearchReply>(answer);
            if (found && found->torrents()->size() == count) return true;
        }
        return false;
    }
    void set_retention(const CommunityId& community, std::uint64_t records) {
        Builder builder;
        const auto id = to_wire<ipc::CommunityId>(community);
        auto rule = S::CreateRetention(builder, 0, records, 0);
        auto answer = node->ask(question(builder, S::CreateSetRetention(builder, &id, rule)));
        EXPECT_TRUE(reply_of<S::Done>(answer)) << answer.failure.text;
    }
    bool task_is_done(S::TaskKind kind, const CommunityId& subject) {
        Builder builder;
        auto answer = node->ask(question(builder, S::CreateListTasks(builder)));
        const auto* reply = reply_of<S::ListTasksReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        if (reply)
            for (const auto* task : *reply->tasks())
                if (task->kind() == kind && task->subject()->str() == subject.hex())
                    return task->state() == S::TaskState::Done;
        return false;
    }
    // Another channel, of three films, whose index is the same file.
    CommunityId channel_in_slot_of(const CommunityId& community) {
        for (std::uint64_t seed = 100;; ++seed) {
            const auto id = TestChannel(other, seed).community();
            if (process::slot_of(id) == process::slot_of(community)) return films(seed, 3);
        }
    }
    std::size_t listed(const CommunityId& community) {
        Builder builder;
        auto after = builder.CreateString("");
        auto answer = node->ask(question(builder, S::CreateListChannels(builder, after, 1000)));
        const auto* reply = reply_of<S::ListChannelsReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        if (reply)
            for (const auto* row : *reply->channels())
                if (from_wire<CommunityId>(*row->id()) == community) return row->torrents();
        return 0;
    }
    bool comes_to_list(const CommunityId& community, std::size_t torrents) {
        const auto deadline = monotonic_now() + 20_s;
        while (listed(community) != torrents)
            if (monotonic_now() > deadline) return false;
        return true;
    }
};

}  // namespace

// Each slot is asked for a few; when one slot has them all, it gives the rest.
TEST_F(SearchTest, OneChannelFillsAWholeAnswer) {
    films(5, 300);
    EXPECT_TRUE(comes_to_find("film", 100));
}

TEST_F(SearchTest, PartsOfTheSlotsGiveTheWholeTogether) {
    for (std::uint64_t seed = 5; seed < 15; ++seed)
        films(seed, 3, " of the parts");
    ASSERT_TRUE(comes_to_find("parts", 30));
    std::set<RecordId> all;
    std::size_t filled = 0;
    for (std::uint8_t group = 0; group < 8; ++group) {
        auto answer = ask_search("parts", group, 8);
        const auto* part = reply_of<S::SearchReply>(answer);
        ASSERT_TRUE(part) << answer.failure.text;
        filled += part->torrents()->size() > 0 ? 1U : 0U;
        for (const auto* torrent : *part->torrents())
            EXPECT_TRUE(all.insert(from_wire<RecordId>(torrent->record()->id())).second);
    }
    EXPECT_EQ(all.size(), 30u);
    EXPECT_GT(filled, 1u);
}

TEST_F(SearchTest, WhatManySeedStandsFirstAndSaysWhy) {
    auto channel = found_channel("c", 1);
    publish(channel, "spring one", 2);
    publish(channel, "spring two", 3);
    ASSERT_TRUE(comes_to_find("spring", 2));
    auto answer = ask_search("spring");
    const auto* before = reply_of<S::SearchReply>(answer);
    ASSERT_TRUE(before);
    const auto* last = before->torrents()->Get(1);
    EXPECT_EQ(last->checked_ms(), 0);
    const auto name = last->name()->str();
    Builder builder;
    const std::vector<S::SwarmHealth> swarms = {
        S::SwarmHealth(wall_now_ms(), 1023, 4, *last->infohash())};
    auto list = builder.CreateVectorOfStructs(swarms);
    ASSERT_TRUE(reply_of<S::Done>(node->ask(question(builder, S::CreatePutHealth(builder, list)))));
    auto again = ask_search("spring");
    const auto* after = reply_of<S::SearchReply>(again);
    ASSERT_TRUE(after);
    // Both have the same infohash here: it is the swarm that is known, not the record.
    for (const auto* torrent : *after->torrents()) {
        EXPECT_EQ(torrent->seeders(), 1023u);
        EXPECT_EQ(torrent->leechers(), 4u);
        EXPECT_NEAR(torrent->health(), 2, 0.01);
        EXPECT_NEAR(-torrent->rank(), torrent->text() * torrent->health() * torrent->freshness(),
                    1e-9);
    }
}

// A word that is everywhere, and texts made to be expensive: an answer, bounded in time and number.
TEST_F(SearchTest, TheWorstQuestionsHaveTheirBounds) {
    films(5, 2000, " everywhere a b c d e");
    films(6, 500, " everywhere");
    ASSERT_TRUE(comes_to_find("everywhere", 100));
    std::string prefixes, repeated;
    for (int i = 0; i < 100; ++i)
        prefixes += std::string(1, static_cast<char>('a' + i % 26)) + " ";
    prefixes += "e";
    for (int i = 0; i < 60; ++i)
        repeated += "every ";
    const std::vector<std::string> texts = {"everywhere", "e",    "ev",        prefixes,
                                            repeated,     "film", "film every"};
    for (const auto& text : texts) {
        const auto begin = monotonic_now();
        auto answer = ask_search(text);
        EXPECT_LT(monotonic_now() - begin, 5_s) << text;  // its own bound is 50 ms of search
        const auto* found = reply_of<S::SearchReply>(answer);
        ASSERT_TRUE(found) << text << ": " << answer.failure.text;
        EXPECT_LE(found->torrents()->size(), 100u);
    }
    EXPECT_EQ(ask_search(std::string(10'000, 'a')).failure.kind, ErrorKind::BadInput);
    EXPECT_EQ(ask_search("\xc3\x28").failure.kind, ErrorKind::BadInput);
}

TEST_F(SearchTest, ALostOrDamagedIndexIsMadeAnew) {
    const auto community = films(5, 40);
    ASSERT_TRUE(comes_to_find("film", 40));
    const auto derived = storage::Layout(folder.path()).derived_file(process::slot_of(community));
    node.reset();
    std::filesystem::remove(derived);
    start();
    EXPECT_TRUE(comes_to_find("film", 40)) << "lost";
    node.reset();
    std::ofstream(derived) << std::string(8192, 'x');
    start();
    EXPECT_TRUE(comes_to_find("film", 40)) << "another thing in its place";
    EXPECT_TRUE(comes_to_list(community, 40));
}

// Its head is well, so it opens; what is wrong inside is seen by the first question.
TEST_F(SearchTest, AnIndexThatIsDamagedInsideIsMadeAnew) {
    const auto community = films(5, 400);
    ASSERT_TRUE(comes_to_find("film", 100));
    const auto derived = storage::Layout(folder.path()).derived_file(process::slot_of(community));
    node.reset();
    const auto size = std::filesystem::file_size(derived);
    {
        std::fstream file(derived, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096);
        file << std::string(size - 4096, '\x7f');
    }
    start();
    EXPECT_TRUE(comes_to_find_again("film", 100));
    EXPECT_TRUE(comes_to_list(community, 400));
}

TEST_F(SearchTest, AuthorsOfAllCommunitiesInPages) {
    auto one = found_channel("one", 1), two = found_channel("two", 2);
    for (std::uint64_t i = 0; i < 5; ++i) {
        publish(one, "a" + std::to_string(i), 10 + i);
        publish(two, "b" + std::to_string(i), 20 + i);
    }
    const auto member = protocol::member_id(me.public_key().view());
    auto ask_author = [&](const std::string& from, std::uint32_t limit) {
        Builder builder;
        auto after = builder.CreateString(from);
        const auto id = to_wire<S::MemberId>(member);
        return node->ask(question(builder, S::CreateListAuthored(builder, &id, after, limit)));
    };
    // Two genesis records, two announcements, ten torrents.
    EXPECT_TRUE(node->run_until([&] {
        auto answer = ask_author("", 100);
        const auto* all = reply_of<S::ListAuthoredReply>(answer);
        return all && all->count() == 14;
    }));
    std::set<RecordId> seen;
    std::string after;
    for (bool more = true; more;) {
        auto answer = ask_author(after, 4);
        const auto* page = reply_of<S::ListAuthoredReply>(answer);
        ASSERT_TRUE(page) << answer.failure.text;
        EXPECT_EQ(page->forks(), 0u);
        for (const auto* row : *page->records())
            EXPECT_TRUE(seen.insert(from_wire<RecordId>(row->record()->id())).second);
        more = page->more();
        after = page->records()->Get(page->records()->size() - 1)->cursor()->str();
    }
    EXPECT_EQ(seen.size(), 14u);
    EXPECT_EQ(ask_author("zz", 4).failure.kind, ErrorKind::BadInput);
}

// What is kept is found at every moment of it, and once it is done nothing else is: no part of the
// index is begun again.
TEST_F(SearchTest, PruningTakesFromSearchWhatItTookAndNothingElse) {
    const auto community = films(5, 300);
    const auto beside = films(6, 60, " beside");
    ASSERT_TRUE(comes_to_list(community, 300));
    ASSERT_TRUE(comes_to_list(beside, 60));
    set_retention(community, 41);
    std::size_t looks = 0;
    bool pruned = false;
    const auto deadline = monotonic_now() + 20_s;
    while (!pruned && monotonic_now() < deadline) {
        pruned = task_is_done(S::TaskKind::Prune, community);
        ++looks;
        for (const int kept : {260, 281, 299})
            ASSERT_EQ(count_of("film " + std::to_string(kept)), 1u) << "look " << looks;
        ASSERT_EQ(count_of("beside"), 60u);
    }
    ASSERT_TRUE(pruned);
    EXPECT_GT(looks, 1u);
    for (int i = 101; i < 300; i += 6)  // fewer digits are the beginning of others
        ASSERT_EQ(count_of("film " + std::to_string(i)), i < 260 ? 0u : 1u) << i;
    EXPECT_EQ(contents(community).size(), 40u);  // and the genesis
    EXPECT_EQ(listed(community), 40u);
    EXPECT_EQ(node->host().metrics().counter("storage_indexes_replaced_total"), 0u);
}

// The worker dies after pruning and before its listings follow: they do at the next start.
TEST_F(SearchTest, WhatACrashLeftListedAfterPruningGoes) {
    const auto community = films(5, 50);
    ASSERT_TRUE(comes_to_list(community, 50));
    node.reset();
    {
        auto shard =
            shard::Shard::open(shard_file(community), community,
                               {{(epoch >> 32) << 32 | 1, epoch}, 64 << 20, shard::Check::None});
        ASSERT_OK(shard);
        shard::PruneStep step{0, 0, true};
        while (step.more) {
            auto pruned = (*shard)->prune({0, 11, 0}, wall_now_ms(), {});
            ASSERT_OK(pruned);
            step = *pruned;
        }
        std::filesystem::copy(shard_file(community), folder.file("file"));
        std::filesystem::copy(shard_file(community) + "-wal", folder.file("log"));
    }
    std::filesystem::remove(shard_file(community));
    std::filesystem::copy(folder.file("file"), shard_file(community));
    std::filesystem::copy(folder.file("log"), shard_file(community) + "-wal");
    start();
    EXPECT_TRUE(comes_to_list(community, 10));
    EXPECT_TRUE(comes_to_find("film", 10));
}

// An index that cannot be opened is put in order without a word from anyone, but not in silence.
TEST_F(SearchTest, AnIndexThatIsReplacedIsCountedAndFilledAgain) {
    const auto community = films(5, 30), quiet = channel_in_slot_of(community);
    ASSERT_TRUE(comes_to_list(community, 30));
    const auto index = storage::Layout(folder.path()).derived_file(process::slot_of(community));
    node.reset();
    std::filesystem::resize_file(index, 100);
    start();
    EXPECT_TRUE(comes_to_list(community, 30));
    EXPECT_TRUE(comes_to_list(quiet, 3));
    EXPECT_TRUE(comes_to_find("film", 33));
    EXPECT_GE(node->host().metrics().counter("storage_indexes_replaced_total"), 1u);
}

TEST_F(SearchTest, ListingsCountWhatThereIs) {
    const auto community = films(5, 30);
    EXPECT_TRUE(comes_to_list(community, 30));
    films(6, 2);
    EXPECT_TRUE(comes_to_list(community, 30));
    ASSERT_TRUE(reply_of<S::Done>(leave(community)));
    EXPECT_TRUE(comes_to_list(community, 0));
}

namespace {

pipe::Task<Result<int>> after(pipe::asio::io_context& io, Nanoseconds span, int value) {
    co_await pipe::sleep_for(io, span);
    co_return value;
}

}  // namespace

// One that does not end in time leaves its place empty, and the others are there.
TEST(Gather, GivesWhatCameByTheDeadline) {
    pipe::asio::io_context io{1};
    std::vector<std::optional<Result<int>>> got;
    auto run = [&]() -> pipe::Task<void> {
        std::vector<pipe::Task<Result<int>>> questions;
        questions.push_back(after(io, 0, 1));
        questions.push_back(after(io, 400_ms, 2));
        questions.push_back(after(io, 1_ms, 3));
        const auto deadline = monotonic_now() + 100_ms;
        got = co_await storage::gather<int>(io, std::move(questions), deadline);
    };
    pipe::spawn(io, run());
    io.run();  // also what comes late ends
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(got[0]->value(), 1);
    EXPECT_FALSE(got[1]);
    EXPECT_EQ(got[2]->value(), 3);
}

TEST(Joined, SeesFilesComeAndGo) {
    TempFolder folder;
    storage::Layout layout(folder.path());
    ASSERT_TRUE(layout.prepare().ok());
    storage::Joined joined(layout);
    EXPECT_TRUE(joined.look()->empty());
    CommunityId one{{3}}, two{{200}};
    std::ofstream(layout.shard_file(one)) << "x";
    EXPECT_EQ(*joined.look(), storage::Communities{one});
    std::ofstream(layout.shard_file(two)) << "x";
    EXPECT_EQ(*joined.look(), (storage::Communities{one, two}));
    std::filesystem::remove(layout.shard_file(one));
    EXPECT_EQ(*joined.look(), storage::Communities{two});
    EXPECT_EQ(joined.look(), joined.look()) << "nothing changed: the same set";
}
