// Channels between two real nodes: what members say of them, comments, edits and moderation.
#include <gtest/gtest.h>

#include "tests/support/journey.h"

namespace warren::test {
namespace {

constexpr double patience_s = 30;

class Channels : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(a.start()) << a.log();
        b.emplace(Node::Options{.name = "b",
                                .settings = {"overlay.bootstrap_peers=" + a.overlay_address()}});
        ASSERT_TRUE(b->start()) << b->log();
        id = create_channel(a, "Birdsong", "channel-1");
        ASSERT_FALSE(id.empty());
        ASSERT_TRUE(comes(*b, "", [](const json& channel) { return channel["joined"] == true; }));
    }
    std::string path(const std::string& rest = "") const { return "/api/v1/channels/" + id + rest; }
    // True when what this path gives on the node comes to be so.
    bool comes(Node& node, const std::string& rest, const std::function<bool(const json&)>& so) {
        return wait_until(
            [&] {
                const auto answer = node.get(path(rest));
                return answer.status == 200 && so(answer.body);
            },
            patience_s);
    }
    // The `ref` of a record that a change made; empty: it was refused.
    static std::string ref_of(const HttpAnswer& answer) {
        EXPECT_LT(answer.status, 300) << answer.text;
        return answer.body.is_object() ? answer.body.value("ref", "") : "";
    }
    std::string publish(std::uint64_t number) {
        const auto key = "torrent-" + std::to_string(number);
        return ref_of(persist(a, path("/torrents"), magnet_entry(number), key, patience_s));
    }
    static std::size_t found(Node& node, const std::string& words) {
        const auto answer = node.get("/api/v1/search?q=" + words);
        return answer.status == 200 ? answer.body["items"].size() : 999;
    }
    static bool comes_to_find(Node& node, const std::string& words, std::size_t count) {
        return wait_until([&] { return found(node, words) == count; }, patience_s);
    }

    Node a{{.name = "a"}};
    std::optional<Node> b;
    std::string id;
};

TEST_F(Channels, VotesAndSubscriptionsCountOnOtherNodes) {
    ASSERT_EQ(b->put(path("/vote"), {{"value", 1}}).status, 200);
    ASSERT_EQ(b->put(path("/subscription"), json::object()).status, 200);
    ASSERT_EQ(a.put(path("/vote"), {{"value", 1}}).status, 200);
    const auto says = [](int up, int down, int subscribers) {
        return [=](const json& channel) {
            return channel["votes_up"] == up && channel["votes_down"] == down &&
                   channel["subscribers"] == subscribers;
        };
    };
    EXPECT_TRUE(comes(a, "", says(2, 0, 1)));
    EXPECT_TRUE(comes(*b, "", says(2, 0, 1)));
    const auto own = b->get(path()).body;
    EXPECT_EQ(own["vote"], 1);
    EXPECT_EQ(own["subscribed"], true);
    const auto mine = b->get("/api/v1/channels?subscribed=true&sort=popularity").body;
    ASSERT_EQ(mine["items"].size(), 1u);
    EXPECT_EQ(mine["items"][0]["id"], id);
    EXPECT_TRUE(a.get("/api/v1/channels?subscribed=true").body["items"].empty());

    // The newest word of each counts, and no other.
    ASSERT_EQ(b->put(path("/vote"), {{"value", -1}}).status, 200);
    ASSERT_EQ(a.put(path("/vote"), {{"value", 0}}).status, 200);
    ASSERT_EQ(b->remove(path("/subscription")).status, 204);
    EXPECT_TRUE(comes(a, "", says(0, 1, 0)));
    EXPECT_TRUE(comes(*b, "", says(0, 1, 0)));
}

TEST_F(Channels, CommentsAndPlaylistsAreListedOnOtherNodes) {
    const auto first = publish(1), second = publish(2);
    ASSERT_TRUE(comes(*b, "/contents", [](const json& all) { return all["items"].size() == 2; }));
    const auto remark =
        ref_of(b->post(path("/comments"), {{"text", "well made"}, {"about", first}}, "comment-1"));
    EXPECT_EQ(
        ref_of(b->post(path("/comments"), {{"text", "well made"}, {"about", first}}, "comment-1")),
        remark)
        << "a retry is the same comment";
    const auto about = "/comments?about=" + first;
    ASSERT_TRUE(comes(a, about, [](const json& all) { return all["items"].size() == 1; }));
    ref_of(a.post(path("/comments"), {{"text", "thanks"}, {"reply_to", remark}}, "reply-1"));
    ref_of(b->patch(path("/comments/" + remark), {{"text", "very well made"}}));
    EXPECT_EQ(a.patch(path("/comments/" + remark), {{"text", "bad"}}).status, 403);
    EXPECT_TRUE(comes(a, about, [&](const json& all) {
        return all["items"].size() == 2 && all["items"][0]["text"] == "very well made" &&
               all["items"][0]["edited"] == true && all["items"][1]["reply_to"] == remark;
    }));
    EXPECT_TRUE(a.get(path("/comments")).body["items"].empty()) << "none is about the channel";

    const auto list = ref_of(a.post(
        path("/playlists"), {{"name", "Shorts"}, {"items", json::array({second, first})}}, "list"));
    EXPECT_TRUE(comes(*b, "/playlists/" + list, [](const json& one) {
        return one["torrents"].size() == 2 && one["torrents"][0]["name"] == "Entry 2";
    }));
    ref_of(a.put(path("/playlists/" + list), {{"name", "Long"}, {"items", json::array({first})}}));
    EXPECT_TRUE(comes(*b, "/playlists", [](const json& all) {
        return all["items"].size() == 1 && all["items"][0]["name"] == "Long" &&
               all["items"][0]["items"].size() == 1;
    }));
    EXPECT_EQ(b->get(path("/playlists/nothing")).status, 400);
    EXPECT_EQ(b->get(path("/playlists/" + first)).status, 404);
}

TEST_F(Channels, EditsAreFoundAndModerationHidesAndRestores) {
    const auto torrent = publish(1);
    ASSERT_TRUE(comes_to_find(*b, "entry", 1));
    const auto edit = ref_of(
        a.patch(path("/torrents/" + torrent),
                {{"name", "Larks"}, {"trackers", json::array({"udp://tracker.example:1"})}}));
    EXPECT_TRUE(comes_to_find(*b, "larks", 1));
    EXPECT_EQ(found(*b, "entry"), 0u);
    const auto shown = b->get(path("/torrents/" + torrent)).body;
    EXPECT_EQ(shown["name"], "Larks");
    EXPECT_EQ(shown["trackers"], json::array({"udp://tracker.example:1"}));
    ref_of(a.patch(path(), {{"name", "Field recordings"}}));
    EXPECT_TRUE(
        comes(*b, "", [](const json& channel) { return channel["name"] == "Field recordings"; }));
    EXPECT_TRUE(comes_to_find(*b, "recordings", 1)) << "by its channel's new name";

    const auto moderate = [&](const std::string& target, const std::string& action) {
        return ref_of(a.post(path("/moderation"),
                             {{"target", target}, {"action", action}, {"as", "moderator"}},
                             action + target.substr(target.size() - 16)));
    };
    moderate(edit, "hide");
    EXPECT_TRUE(comes_to_find(*b, "entry", 1)) << "the former version";
    EXPECT_TRUE(comes_to_find(*b, "larks", 0));
    moderate(torrent, "hide");
    EXPECT_TRUE(comes_to_find(*b, "entry", 0));
    EXPECT_TRUE(comes(*b, "", [](const json& channel) { return channel["torrents"] == 0; }));
    EXPECT_TRUE(comes(*b, "/contents", [](const json& all) { return all["items"].empty(); }));
    moderate(edit, "restore");
    moderate(torrent, "restore");
    EXPECT_TRUE(comes_to_find(*b, "larks", 1));

    const auto remark =
        ref_of(b->post(path("/comments"), {{"text", "buy pills"}, {"about", torrent}}, "spam"));
    const auto about = "/comments?about=" + torrent;
    ASSERT_TRUE(comes(a, about, [](const json& all) { return all["items"].size() == 1; }));
    moderate(remark, "hide");
    EXPECT_TRUE(comes(*b, about, [](const json& all) { return all["items"].empty(); }));
    EXPECT_TRUE(comes(*b, "/moderation", [&](const json& log) {
        return log["items"].size() == 5 && log["items"][0]["target"] == remark &&
               log["items"][0]["action"] == "hide" && log["items"][0]["kind"] == "comment";
    }));
    // Each entry says where the records are that allowed it.
    const auto log = b->get(path("/moderation")).body;
    const auto why = b->get(log["items"][0].value("why", ""));
    ASSERT_EQ(why.status, 200) << why.text;
    EXPECT_EQ(why.body["state"], "accepted") << why.text;
}

}  // namespace
}  // namespace warren::test
