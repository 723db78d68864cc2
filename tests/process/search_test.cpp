// Searching at neighbours, and how alive torrents are, between whole nodes: one has what the other
// does not keep.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/journey.h"

namespace warren::test {
namespace {

constexpr double patience_s = 40;

class Search : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(a.start()) << a.log();
        b.emplace(Node::Options{.name = "b",
                                .settings = {"overlay.bootstrap_peers=" + a.overlay_address(),
                                             "retention.interval_s=1"}});
        ASSERT_TRUE(b->start()) << b->log();
        channel = create_channel(a, "Birdsong", "channel-1");
        ASSERT_FALSE(channel.empty());
    }
    std::string publish(std::uint64_t number) {
        const auto answer =
            persist(a, "/api/v1/channels/" + channel + "/torrents", magnet_entry(number),
                    "torrent-" + std::to_string(number), patience_s);
        EXPECT_EQ(answer.status, 201) << answer.text;
        return answer.body.is_object() ? answer.body.value("ref", "") : "";
    }
    static json items(Node& node, const std::string& query) {
        const auto answer = node.get("/api/v1/search?" + query);
        return answer.status == 200 ? answer.body["items"] : json();
    }
    static json first(Node& node, const std::string& query) {
        const auto found = items(node, query);
        return found.is_array() && !found.empty() ? found[0] : json();
    }
    Finished warren(const Node& node, std::vector<std::string> words) {
        words.insert(words.begin(), Node::program("warren"));
        words.insert(words.end(), {"--state", node.state()});
        return run_program(words);
    }

    Node a{{.name = "a"}};
    std::optional<Node> b;
    std::string channel;
};

TEST_F(Search, ANeighbourHasWhatThisNodeDoesNotKeep) {
    const auto oldest = publish(7);
    for (std::uint64_t number = 20; number < 30; ++number)
        publish(number);
    ASSERT_TRUE(wait_until([&] { return items(*b, "q=entry").size() == 11; }, patience_s));
    ASSERT_EQ(warren(*b, {"community", "retention", channel, "--count", "6"}).exit_code, 0);
    ASSERT_TRUE(wait_until([&] { return items(*b, "q=entry+7").empty(); }, patience_s))
        << "pruned, and not found here any more";

    const auto member = a.get("/api/v1/status").body.value("member", "");
    const std::string remote = "q=entry+7&remote=true&wait_ms=4000";
    json found;
    ASSERT_TRUE(wait_until(
        [&] {
            found = first(*b, remote);
            return !found.is_null();
        },
        patience_s))
        << b->log();
    EXPECT_EQ(found["source"], "remote");
    EXPECT_EQ(found["peers"], json::array({member}));
    EXPECT_EQ(found["ref"], oldest);
    EXPECT_EQ(found["name"], "Entry 7");
    EXPECT_EQ(found["channel"], "Birdsong");
    EXPECT_EQ(b->get("/api/v1/search?" + remote).body["peers_asked"], 1);
    EXPECT_TRUE(items(*b, "q=entry+7").empty()) << "what is shown is not kept";

    // Both have the newest: one result, from here, that the neighbour found too.
    const auto newest = items(*b, "q=entry+29&remote=true&wait_ms=4000");
    ASSERT_EQ(newest.size(), 1u);
    EXPECT_EQ(newest[0]["source"], "local");
    const auto all = items(*b, "q=entry&remote=true&wait_ms=4000&community=" + channel);
    EXPECT_EQ(all.size(), 11u);
    for (std::size_t i = 1; i < all.size(); ++i)
        EXPECT_GE(all[i - 1]["score"].get<double>(), all[i]["score"].get<double>());
    const auto elsewhere = std::string(40, 'a');
    EXPECT_TRUE(items(*b, "q=entry&community=" + elsewhere).empty());

    // What is hidden in the channel is hidden wherever it lies.
    const json hide{{"target", oldest}, {"action", "hide"}, {"as", "moderator"}};
    ASSERT_LT(a.post("/api/v1/channels/" + channel + "/moderation", hide, "hide").status, 300);
    EXPECT_TRUE(wait_until([&] { return items(*b, remote).empty(); }, patience_s));
    const auto shown = warren(*b, {"search", "entry", "20", "--remote"});
    EXPECT_EQ(shown.exit_code, 0) << shown.output;
    EXPECT_NE(shown.output.find("Entry 20"), std::string::npos) << shown.output;
    EXPECT_NE(shown.output.find("remote"), std::string::npos) << shown.output;
}

TEST_F(Search, LinesComeAsNeighboursAnswer) {
    publish(7);
    for (std::uint64_t number = 20; number < 30; ++number)
        publish(number);
    ASSERT_TRUE(wait_until([&] { return items(*b, "q=entry").size() == 11; }, patience_s));
    ASSERT_EQ(warren(*b, {"community", "retention", channel, "--count", "6"}).exit_code, 0);
    ASSERT_TRUE(wait_until([&] { return items(*b, "q=entry+7").empty(); }, patience_s));
    std::size_t local = 0, remote = 0;
    json last;
    const auto lines = b->request("GET", "/api/v1/search?q=entry&remote=true&wait_ms=4000", {},
                                  {{"Accept", "application/x-ndjson"}});
    ASSERT_EQ(lines.status, 200) << lines.text;
    std::istringstream in(lines.text);
    for (std::string line; std::getline(in, line);) {
        last = json::parse(line);
        if (last.contains("torrent")) ++(last["torrent"]["source"] == "local" ? local : remote);
    }
    EXPECT_EQ(local, 5u);
    EXPECT_EQ(remote, 6u);
    EXPECT_EQ(last["items"], 11);
    EXPECT_EQ(last["peers_asked"], 1);
}

TEST_F(Search, WhatOneSeedsIsKnownToBeAliveElsewhere) {
    std::filesystem::create_directories(a.share() / "lark");
    std::ofstream(a.share() / "lark" / "song.txt") << std::string(5000, 'x');
    const auto published = publish_folder(a, channel, "lark", "lark");
    ASSERT_FALSE(published.infohash.empty());
    ASSERT_TRUE(wait_until([&] { return !first(*b, "q=lark").is_null(); }, patience_s));
    ASSERT_TRUE(wait_until([&] { return first(a, "q=lark").contains("seeders"); }, patience_s));
    EXPECT_EQ(first(a, "q=lark")["checked_by"], "node");
    json heard;
    ASSERT_TRUE(wait_until(
        [&] {
            heard = first(*b, "q=lark");
            return heard.contains("seeders");
        },
        60))
        << b->log();
    EXPECT_GE(heard["seeders"].get<int>(), 1);
    EXPECT_EQ(heard["checked_by"], "neighbour");
    EXPECT_GT(heard["health"].get<double>(), 1.0);
    const auto listed = b->get("/api/v1/channels/" + channel + "/contents").body["items"];
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0]["seeders"], heard["seeders"]);
    const auto popular = b->get("/api/v1/torrents/popular").body["items"];
    ASSERT_FALSE(popular.empty());
    EXPECT_EQ(popular[0]["infohash"], published.infohash);
}

}  // namespace
}  // namespace warren::test
