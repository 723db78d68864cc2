// Searches at simulated neighbours, and what they tell of swarms: who is asked, what is taken of
// whom, within which bounds.
#include <gtest/gtest.h>

#include <set>

#include "protocol/community/channel/channel_content.h"
#include "protocol/overlay_query.h"
#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

using namespace protocol;

const CommunityId community = channel_community(PublicKey{}, Nonce{});
const CommunityId other = channel_community(PublicKey{}, Nonce{{1}});
constexpr Nanoseconds second = 1'000'000'000;

Queries::Wish wish(std::uint64_t ref, std::string text, std::vector<CommunityId> communities = {},
                   Nanoseconds deadline = 0) {
    return {ref, std::move(text), std::move(communities), 20, deadline};
}

struct Queried : ::testing::Test {
    explicit Queried(Weather weather = {})
        : world(seed_of_run(), weather), a(world.add_node()), b(world.add_node()) {
        world.join(a, community);
        world.join(b, community, a.address);
    }
    void SetUp() override {
        ASSERT_TRUE(world.run_until(120 * second, [&] { return speaks(a, b) && speaks(b, a); }));
    }
    static bool speaks(World::Node& from, World::Node& to) {
        const auto found = from.overlay->peers().find(member_id(to.key.view()));
        if (found == from.overlay->peers().end() || !found->second.proven) return false;
        const auto* membership = found->second.in(community);
        return membership && membership->slot && membership->trusts_us;
    }
    Bytes torrent(const std::string& name, const CommunityId& of = community,
                  std::size_t tags = 0) {
        TorrentEntry entry;
        entry.infohash = world.random().id<Infohash>();
        entry.name = name;
        entry.tags = std::string(std::min<std::size_t>(tags, 200), 'x');
        for (std::size_t bytes = 200; bytes < tags; bytes += 200)
            entry.file_names.push_back(std::string(200, 'y'));
        const auto payload = encode(entry);
        return signed_packet(encode_unsigned({of, RecordKind::Torrent, a.key, 5, {}, payload}));
    }
    static World::Node& answering(World::Node& node, std::vector<Bytes> packets) {
        node.search = [packets = std::move(packets)](const FindRecords&) { return packets; };
        return node;
    }
    Result<std::size_t> ask(World::Node& node, Queries::Wish what) {
        if (what.deadline == 0) what.deadline = world.now() + Queries::life;
        auto out = node.overlay->queries().ask(world.now(), std::move(what));
        world.drain(node);
        return out;
    }
    std::vector<Bytes> found(World::Node& node) {
        std::vector<Bytes> out;
        for (const auto& answer : node.answers)
            out.insert(out.end(), answer.packets.begin(), answer.packets.end());
        return out;
    }

    World world;
    World::Node &a, &b;
};

TEST_F(Queried, ANeighbourGivesItsRecordsAndTheQueryEnds) {
    const std::vector<Bytes> packets{torrent("spring film"), torrent("long", community, 3000)};
    FindRecords asked;
    a.search = [&](const FindRecords& what) {
        asked = what;
        return packets;
    };
    const auto count = ask(b, wish(7, "spring"));
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(*count, 1u);
    ASSERT_TRUE(world.run_until(2 * second, [&] { return !b.queries_ended.empty(); }))
        << "all have answered: nobody waits for the deadline";
    const auto came = found(b);
    EXPECT_EQ(std::set<Bytes>(came.begin(), came.end()),
              std::set<Bytes>(packets.begin(), packets.end()))
        << "one whole, one in fragments";
    EXPECT_EQ(b.answers.front().ref, 7u);
    EXPECT_EQ(b.answers.front().member, member_id(a.key.view()));
    EXPECT_EQ(b.queries_ended.front().ref, 7u);
    EXPECT_EQ(asked.text, "spring");
    EXPECT_EQ(asked.limit, 20u);
    EXPECT_EQ(asked.communities, std::vector<CommunityId>{community});
    EXPECT_EQ(b.overlay->counters().query_answers_received, 1u);
    EXPECT_EQ(a.overlay->counters().queries_answered, 1u);
}

TEST_F(Queried, OnlyCommunitiesThatBothShareAreAskedAbout) {
    world.join(a, other);
    bool looked = false;
    a.search = [&](const FindRecords& asked) {
        looked = true;
        EXPECT_EQ(asked.communities, std::vector<CommunityId>{community});
        return std::vector<Bytes>{torrent("spring", other), torrent("spring")};
    };
    ASSERT_TRUE(ask(b, wish(1, "spring")).ok());
    ASSERT_TRUE(world.run_until(2 * second, [&] { return !b.queries_ended.empty(); }));
    EXPECT_TRUE(looked);
    EXPECT_EQ(found(b).size(), 1u) << "what was not shared is not taken, whoever sends it";
    EXPECT_GT(b.overlay->counters().dropped_unsolicited, 0u);
    // Nobody shares the other one with b.
    const auto nobody = ask(b, wish(2, "spring", {other}));
    ASSERT_TRUE(nobody.ok());
    EXPECT_EQ(*nobody, 0u);
    EXPECT_EQ(b.queries_ended.back().ref, 2u);
}

TEST_F(Queried, WhoSendsTooMuchIsCutOff) {
    std::vector<Bytes> flood;
    for (int i = 0; i < 400; ++i)
        flood.push_back(torrent("spring " + std::to_string(i)));
    answering(a, flood);
    ASSERT_TRUE(ask(b, wish(1, "spring")).ok());
    world.run_for(3 * second);
    std::size_t bytes = 0;
    for (const auto& packet : found(b))
        bytes += packet.size();
    EXPECT_GT(bytes, query_answer_bytes_max / 2);
    EXPECT_LE(bytes, query_answer_bytes_max);
    EXPECT_LE(found(b).size(), 2 * query_limit_max);
}

TEST_F(Queried, OnlyTorrentsAndTheirEditsAreTaken) {
    const auto payload = encode(Comment{{}, Comment::Role::Remark, {}, "spring"});
    answering(a, {signed_packet(
                     encode_unsigned({community, RecordKind::Comment, a.key, 5, {}, payload}))});
    ASSERT_TRUE(ask(b, wish(1, "spring")).ok());
    ASSERT_TRUE(world.run_until(2 * second, [&] { return !b.queries_ended.empty(); }));
    EXPECT_TRUE(found(b).empty());
}

TEST_F(Queried, AnswersThatNobodyAskedForAreDropped) {
    const auto before = b.overlay->counters().dropped_unsolicited;
    for (const auto& body : pack_records(99, 0, {{torrent("spring")}, false}))
        world.inject(
            a.address, b.address,
            frame_bare(community, static_cast<std::uint8_t>(OverlayMessage::QueryAnswer), body));
    world.run_for(second);
    EXPECT_TRUE(b.answers.empty());
    EXPECT_EQ(b.overlay->counters().dropped_unsolicited, before + 1);
}

TEST_F(Queried, WhoAsksTooOftenIsNotServed) {
    unsigned looked = 0;
    a.search = [&](const FindRecords&) {
        ++looked;
        return std::vector<Bytes>{};
    };
    for (std::uint64_t i = 0; i < 40; ++i) {
        (void)ask(b, wish(i, "spring"));
        world.run_for(second / 10);
    }
    EXPECT_GE(looked, 6u);
    EXPECT_LE(looked, 10u);
    EXPECT_GT(a.overlay->counters().dropped_reply_budget, 0u);
}

TEST_F(Queried, ALostQuestionIsAskedAgainAndSilenceEndsAtTheDeadline) {
    answering(a, {torrent("spring")});
    unsigned questions = 0;
    bool all_lost = false;
    world.on_send = [&](const World::Node&, const Endpoint&, ByteView bytes) {
        const bool is_question =
            bytes[prefix_bytes] == static_cast<std::uint8_t>(OverlayMessage::Query);
        return !is_question || (++questions > 1 && !all_lost);
    };
    ASSERT_TRUE(ask(b, wish(1, "spring")).ok());
    ASSERT_TRUE(world.run_until(4 * second, [&] { return !b.queries_ended.empty(); }));
    EXPECT_EQ(found(b).size(), 1u);
    EXPECT_EQ(questions, 2u);

    all_lost = true;
    const auto asked_at = world.now();
    ASSERT_TRUE(ask(b, wish(2, "spring", {}, world.now() + 3 * second)).ok());
    ASSERT_TRUE(world.run_until(20 * second, [&] { return b.queries_ended.size() == 2; }));
    EXPECT_LE(world.now() - asked_at, 4 * second);
    EXPECT_EQ(found(b).size(), 1u);
}

TEST_F(Queried, ManyQueriesAtOnceAreRefused) {
    a.search = [](const FindRecords&) { return std::vector<Bytes>{}; };
    world.on_send = [](const World::Node&, const Endpoint&, ByteView) { return false; };
    for (std::uint64_t i = 0; i < Queries::sent_max; ++i)
        EXPECT_TRUE(ask(b, wish(i, "spring")).ok());
    EXPECT_FALSE(ask(b, wish(9, "spring")).ok());
    EXPECT_FALSE(ask(b, wish(9, "")).ok());
    EXPECT_FALSE(ask(b, wish(9, std::string(query_text_bytes_max + 1, 'x'))).ok());
}

TEST_F(Queried, SwarmsThatOneCountedAreHeardByTheOther) {
    const SwarmCount swarm{world.random().id<Infohash>(), 12, 3, 60};
    const SwarmCount dead{world.random().id<Infohash>(), 0, 3, 60};
    a.own_counts[community] = {dead, swarm};
    ASSERT_TRUE(world.run_until(60 * second, [&] { return !b.counts_heard.empty(); }));
    EXPECT_EQ(b.counts_heard.front().community, community);
    EXPECT_EQ(b.counts_heard.front().swarms, std::vector<SwarmCount>{swarm});
    EXPECT_TRUE(a.counts_heard.empty()) << "what is heard is not passed on";
}

TEST_F(Queried, WhoTellsTooMuchOfSwarmsIsNotHeard) {
    const auto body = encode(SwarmCounts{{{world.random().id<Infohash>(), 1, 1, 1}}});
    for (int i = 0; i < 50; ++i)
        world.inject(
            a.address, b.address,
            frame_bare(community, static_cast<std::uint8_t>(OverlayMessage::SwarmCounts), body));
    world.run_for(second);
    EXPECT_GE(b.counts_heard.size(), 4u);
    EXPECT_LE(b.counts_heard.size(), 5u);
}

}  // namespace
}  // namespace warren::sim
