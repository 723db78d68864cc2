// What neighbours look for here, what they found, and what they say of swarms.
#include "protocol/record.h"
#include "tests/unit/storage/storage_fixture.h"

using namespace warren;
using namespace warren::test;

namespace {

class NeighboursTest : public StorageTest {
protected:
    struct Films {
        CommunityId community;
        std::vector<Bytes> packets;  // the genesis first
    };
    Films films(std::uint64_t seed, int count, const std::string& name) {
        TestChannel channel(other, seed);
        EXPECT_TRUE(reply_of<S::Done>(join(channel.community())));
        Films out{channel.community(), {channel.genesis("channel " + std::to_string(seed))}};
        for (int i = 0; i < count; ++i)
            out.packets.push_back(channel.torrent(name + std::to_string(i)));
        for (std::size_t at = 0; at < out.packets.size(); at += 100) {
            const auto end = std::min(out.packets.size(), at + 100);
            store(out.community, {out.packets.begin() + static_cast<std::ptrdiff_t>(at),
                                  out.packets.begin() + static_cast<std::ptrdiff_t>(end)});
        }
        return out;
    }
    static Infohash infohash_of(const Bytes& packet) {
        return protocol::decode_torrent_entry(protocol::decode_record(packet)->payload)->infohash;
    }
    std::vector<Bytes> find(const std::string& text, const std::vector<CommunityId>& communities,
                            std::uint32_t bytes_max = 10'000) {
        Builder builder;
        Bytes ids;
        for (const auto& community : communities)
            append(ids, community.view());
        const auto words = builder.CreateString(text);
        const auto list = builder.CreateVector(ids);
        const auto answer =
            node->ask(question(builder, S::CreateFindRecords(builder, words, list, 50, bytes_max)));
        const auto* reply = reply_of<S::FindRecordsReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        std::vector<Bytes> out;
        const auto bytes = answer.message ? pipe::join_blobs(answer.message->blobs) : Bytes{};
        Reader in(bytes);
        if (reply && reply->sizes())
            for (const auto size : *reply->sizes())
                out.push_back(to_bytes(in.take(size)));
        EXPECT_TRUE(in.done());
        return out;
    }
    bool comes_to_find(const std::string& text, const CommunityId& community, std::size_t count) {
        const auto deadline = monotonic_now() + 20_s;
        while (find(text, {community}, 1'000'000).size() != count)
            if (monotonic_now() > deadline) return false;
        return true;
    }
    void put_health(const std::vector<S::SwarmHealth>& swarms,
                    std::optional<CommunityId> community = {}) {
        Builder builder;
        const auto list = builder.CreateVectorOfStructs(swarms);
        const auto id = to_wire<ipc::CommunityId>(community.value_or(CommunityId{}));
        const auto answer = node->ask(
            question(builder, S::CreatePutHealth(builder, list, community ? &id : nullptr)));
        EXPECT_TRUE(reply_of<S::Done>(answer)) << answer.failure.text;
    }
    static S::SwarmHealth swarm(const Infohash& infohash, std::uint32_t seeders) {
        return S::SwarmHealth(wall_now_ms(), seeders, 1, to_wire<ipc::Infohash>(infohash));
    }
    std::set<Infohash> passed_on(const CommunityId& community) {
        Builder builder;
        const auto id = to_wire<ipc::CommunityId>(community);
        const auto answer = node->ask(question(builder, S::CreateListHealth(builder, &id, 10)));
        const auto* reply = reply_of<S::ListHealthReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        std::set<Infohash> out;
        if (reply && reply->swarms())
            for (const auto* one : *reply->swarms())
                out.insert(from_wire<Infohash>(one->infohash()));
        return out;
    }
    pipe::Answer popular() {
        Builder builder;
        const auto words = builder.CreateString("");
        return node->ask(question(builder, S::CreateSearch(builder, words, 10, 0, 1, true)));
    }
};

TEST_F(NeighboursTest, RecordsAreFoundAsTheyWereSignedInTheseCommunitiesOnly) {
    const auto one = films(5, 3, "lark "), two = films(6, 2, "lark of another ");
    ASSERT_TRUE(comes_to_find("lark", one.community, 3));
    ASSERT_TRUE(comes_to_find("lark", two.community, 2));
    const auto found = find("lark", {one.community});
    const std::set<Bytes> packets(found.begin(), found.end());
    EXPECT_EQ(packets, std::set<Bytes>(one.packets.begin() + 1, one.packets.end()));
    EXPECT_EQ(find("lark", {one.community, two.community}).size(), 5u);
    EXPECT_TRUE(find("wren", {one.community}).empty());
    const auto few = find("lark", {one.community}, 500);
    EXPECT_EQ(few.size(), 1u) << "no more than the bytes allow";
}

TEST_F(NeighboursTest, WhatNeighboursFoundIsRankedAndNotKept) {
    const auto here = films(5, 2, "lark ");
    ASSERT_TRUE(comes_to_find("lark", here.community, 2));
    TestChannel same(other, 5);
    (void)same.genesis("channel 5");
    std::vector<Bytes> packets(here.packets.begin() + 1, here.packets.end());
    for (int i = 0; i < 2; ++i)
        (void)same.torrent("lark " + std::to_string(i));
    packets.push_back(same.torrent("lark elsewhere"));
    packets.push_back(same.torrent("wren"));
    Builder builder;
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& packet : packets) {
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    const auto id = to_wire<ipc::CommunityId>(here.community);
    const auto words = builder.CreateString("lark");
    const auto list = builder.CreateVector(sizes);
    auto message = question(builder, S::CreateRankRecords(builder, &id, words, list));
    message.blobs.emplace_back(std::move(blob));
    const auto answer = node->ask(std::move(message));
    const auto* reply = reply_of<S::SearchReply>(answer);
    ASSERT_TRUE(reply) << answer.failure.text;
    ASSERT_EQ(reply->torrents()->size(), 3u);
    std::size_t stored = 0;
    for (const auto* torrent : *reply->torrents()) {
        EXPECT_EQ(torrent->channel()->str(), "channel 5");
        EXPECT_GT(-torrent->rank(), 0);
        EXPECT_EQ(torrent->stored(), torrent->name()->str() != "lark elsewhere");
        stored += torrent->stored() ? 1U : 0U;
    }
    EXPECT_EQ(stored, 2u);
    EXPECT_EQ(find("lark", {here.community}).size(), 2u);
}

TEST_F(NeighboursTest, OnlySwarmsOfWhatIsHereAreHeardAndOnlyOwnCountsPassedOn) {
    const auto lark = films(5, 3, "lark "), wren = films(6, 1, "wren ");
    ASSERT_TRUE(comes_to_find("lark", lark.community, 3));
    ASSERT_TRUE(comes_to_find("wren", wren.community, 1));
    const auto first = infohash_of(lark.packets[1]), second = infohash_of(lark.packets[2]);
    const auto unknown = SeededRandom(9).id<Infohash>();
    put_health({swarm(first, 100), swarm(unknown, 100), swarm(infohash_of(wren.packets[1]), 100)},
               lark.community);
    put_health({swarm(second, 7)});
    EXPECT_EQ(passed_on(lark.community), std::set<Infohash>{second});
    EXPECT_TRUE(passed_on(wren.community).empty());
    const auto answer = popular();
    const auto* reply = reply_of<S::SearchReply>(answer);
    ASSERT_TRUE(reply) << answer.failure.text;
    ASSERT_EQ(reply->torrents()->size(), 4u);
    EXPECT_EQ(reply->torrents()->Get(0)->seeders(), 100u);
    EXPECT_FALSE(reply->torrents()->Get(0)->counted_here());
    EXPECT_EQ(reply->torrents()->Get(1)->seeders(), 7u);
    EXPECT_TRUE(reply->torrents()->Get(1)->counted_here());
    EXPECT_EQ(reply->torrents()->Get(2)->checked_ms(), 0) << "told of in another community";
}

TEST_F(NeighboursTest, WhatIsAliveIsPopularHoweverOld) {
    const auto all = films(5, 2200, "lark ");
    ASSERT_TRUE(comes_to_find("lark", all.community, 50));
    const auto deadline = monotonic_now() + 20_s;
    while (find("lark 2199", {all.community}).empty())
        ASSERT_LT(monotonic_now(), deadline);
    const auto oldest = infohash_of(all.packets[1]);
    put_health({swarm(oldest, 900)}, all.community);
    const auto answer = popular();
    const auto* reply = reply_of<S::SearchReply>(answer);
    ASSERT_TRUE(reply && reply->torrents()->size() > 0) << answer.failure.text;
    EXPECT_EQ(from_wire<Infohash>(*reply->torrents()->Get(0)->infohash()), oldest);
}

}  // namespace
