// Whole nodes in IPv8's own communities: two that know only a bootstrap node without storage meet,
// tell each other what they take part in, and use the DHT both ways through REST and the command
// line; communities joined and left while running reach the overlay.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "tests/support/journey.h"

namespace warren::test {
namespace {

constexpr double patience_s = 30;
const std::string discovery = "7e313685c1912a141279f8248fc8db5899c5df5a";
const std::string dht = "8d0be1845d74d175f178197cad001591d04d73cc";

Node::Options options(const std::string& name, std::vector<std::string> settings) {
    Node::Options out;
    out.name = name;
    out.settings = std::move(settings);
    return out;
}

std::vector<std::string> knows(const Node& bootstrap) {
    return {"overlay.bootstrap_peers=" + bootstrap.overlay_address()};
}

// What a counter of the network workers stands at, by the metrics endpoint.
std::uint64_t counter(Node& node, const std::string& name) {
    const auto text = node.get("/metrics").text;
    std::uint64_t out = 0;
    const auto head = "warren_overlay_" + name + "_total{";
    for (auto at = text.find(head); at != std::string::npos; at = text.find(head, at + 1))
        out += std::stoull(text.substr(text.find("} ", at) + 2));
    return out;
}

// The row of a community in GET /overlay; null: not there.
json community_row(Node& node, const std::string& id) {
    const auto answer = node.get("/api/v1/overlay");
    if (answer.status == 200)
        for (const auto& row : answer.body["communities"])
            if (row["id"] == id) return row;
    return nullptr;
}

bool are_neighbours(Node& node, const Node& other, const std::string& community) {
    const auto answer = node.get("/api/v1/peers");
    if (answer.status != 200) return false;
    for (const auto& peer : answer.body["items"])
        if (peer["address"] == other.overlay_address())
            for (const auto& id : peer["communities"])
                if (id == community) return true;
    return false;
}

std::uint64_t dht_number(Node& node, const std::string& member) {
    const auto answer = node.get("/api/v1/dht");
    return answer.status == 200 ? answer.body["families"][0].value(member, std::uint64_t{0}) : 0;
}

std::string key_of(const std::string& text) {
    return to_hex(sha1(view_of(text)));
}

json data_of(const std::string& text, bool is_signed = false) {
    return {{"data", to_base64(view_of(text))}, {"signed", is_signed}};
}

std::set<std::string> found_by(Node& node, const std::string& key) {
    const auto answer = node.get("/api/v1/dht/values/" + key, 15);
    std::set<std::string> out;
    if (answer.status == 200)
        for (const auto& item : answer.body["items"])
            out.insert(item.value("member", "-") + " " +
                       std::string(text_of(*from_base64(item["data"].get<std::string>()))));
    return out;
}

std::string member_of(Node& node) {
    return node.get("/api/v1/status").body.value("member", "");
}

struct Overlay : testing::Test {
    static Node::Options bootstrap_options(std::vector<std::string> more) {
        more.insert(more.end(), {"overlay.bootstrap=true", "workers.storage.count=0",
                                 "workers.torrent.count=0", "workers.api.count=1"});
        return options("bootstrap", std::move(more));
    }
    Node bootstrap{bootstrap_options({})};
};

TEST_F(Overlay, NodesMeetByABootstrapNodeWithoutStorageAndUseTheDht) {
    // It is in no community itself: all that they learn from it are its introductions.
    Node tracker(bootstrap_options({"overlay.discovery=false", "overlay.dht=false"}));
    ASSERT_TRUE(tracker.start()) << tracker.log();
    EXPECT_EQ(tracker.worker("storage"), 0);
    Node a(options("a", knows(tracker))), b(options("b", knows(tracker)));
    ASSERT_TRUE(a.start()) << a.log();
    ASSERT_TRUE(b.start()) << b.log();

    for (const auto& id : {discovery, dht}) {
        EXPECT_TRUE(wait_until([&] { return are_neighbours(a, b, id); }, patience_s)) << id;
        EXPECT_TRUE(wait_until([&] { return are_neighbours(b, a, id); }, patience_s)) << id;
    }
    for (auto* node : {&a, &b})
        for (const auto* name :
             {"similarities_asked", "similarities_answered", "similarities_received", "pings_sent",
              "pings_answered", "pongs_received"})
            EXPECT_TRUE(wait_until([&] { return counter(*node, name) > 0; }, patience_s)) << name;
    const auto directory = a.get("/api/v1/communities").body["items"][0]["id"].get<std::string>();
    EXPECT_TRUE(wait_until([&] { return are_neighbours(a, b, directory); }, patience_s));
    const auto state = tracker.get("/api/v1/overlay").body;
    EXPECT_TRUE(state["bootstrap"].get<bool>());
    EXPECT_GT(state["introduced"].get<int>(), 0) << state;
    EXPECT_TRUE(state["communities"].empty()) << state;

    for (auto* node : {&a, &b})
        ASSERT_TRUE(wait_until([&] { return dht_number(*node, "good") >= 1; }, patience_s));
    const auto key = key_of("carrot");
    auto stored = a.put("/api/v1/dht/values/" + key, data_of("orange"));
    EXPECT_EQ(stored.status, 200) << stored.text;
    EXPECT_EQ(stored.body["nodes"], 2);
    EXPECT_EQ(a.put("/api/v1/dht/values/" + key, data_of("by a", true)).status, 200);
    EXPECT_EQ(b.put("/api/v1/dht/values/" + key, data_of("by b", true)).status, 200);
    const std::set<std::string> all = {"- orange", member_of(a) + " by a", member_of(b) + " by b"};
    for (auto* node : {&a, &b})
        EXPECT_TRUE(wait_until([&] { return found_by(*node, key) == all; }, patience_s));
    EXPECT_TRUE(found_by(a, key_of("nothing")).empty());

    EXPECT_TRUE(wait_until([&] { return dht_number(a, "members_held") > 0; }, patience_s));
    const auto where = a.get("/api/v1/dht/members/" + member_of(b), 15);
    ASSERT_EQ(where.status, 200) << where.text;
    ASSERT_EQ(where.body["items"].size(), 1U) << where.text;
    EXPECT_EQ(where.body["items"][0]["address"], b.overlay_address());
}

TEST_F(Overlay, ByTheCommandLineAndWhatIsWrongIsSaid) {
    ASSERT_TRUE(bootstrap.start()) << bootstrap.log();
    const auto warren = [&](std::vector<std::string> words) {
        words.insert(words.begin(), Node::program("warren"));
        words.insert(words.end(), {"--state", bootstrap.state()});
        return run_program(words);
    };
    const auto key = key_of("turnip");
    auto done = warren({"dht", "store", key, "white"});
    EXPECT_EQ(done.exit_code, 0) << done.output;
    EXPECT_EQ(done.output, "1 nodes hold it now\n");
    EXPECT_EQ(warren({"dht", "find", key, "--quiet"}).output, "d2hpdGU=\n");
    EXPECT_NE(warren({"dht", "find", key}).output.find("white"), std::string::npos);
    EXPECT_NE(warren({"dht", "status"}).output.find("ipv4"), std::string::npos);
    EXPECT_EQ(warren({"overlay", "status", "--field", "connection"}).output, "unknown\n");
    EXPECT_NE(warren({"overlay", "status"}).output.find("introduce"), std::string::npos);
    EXPECT_EQ(warren({"dht", "find", "xyz"}).exit_code, 65);
    done = warren({"dht", "store", key, std::string(24, 'x'), "--signed"});
    EXPECT_EQ(done.exit_code, 65);
    EXPECT_NE(done.output.find("may have 23 bytes, has 24"), std::string::npos) << done.output;
    EXPECT_EQ(warren({"dht", "store", key, std::string(23, 'x'), "--signed"}).exit_code, 0);
    // No storage: what needs it says so, at once.
    EXPECT_EQ(bootstrap.get("/api/v1/communities").status, 503);
}

TEST_F(Overlay, PeersAreMetAgainAfterARestartWithoutBootstrap) {
    ASSERT_TRUE(bootstrap.start()) << bootstrap.log();
    Node a(options("a", knows(bootstrap))), b(options("b", knows(bootstrap)));
    ASSERT_TRUE(a.start()) << a.log();
    ASSERT_TRUE(b.start()) << b.log();
    EXPECT_TRUE(wait_until([&] { return are_neighbours(b, a, dht); }, patience_s));
    b.stop();
    auto alone = options("b", {});  // what it knew is all that it has
    alone.folder = b.folder();
    Node again(alone);
    ASSERT_TRUE(again.start()) << again.log();
    EXPECT_TRUE(wait_until([&] { return are_neighbours(again, a, dht); }, patience_s));
}

TEST_F(Overlay, AnIdentityIsCarriedToAnotherNode) {
    ASSERT_TRUE(bootstrap.start()) << bootstrap.log();
    const auto member = member_of(bootstrap);
    const auto exported = bootstrap.folder() / "exported";
    const auto identity = [&](const Node& node, const std::string& verb) {
        return run_program(
            {Node::program("warren"), "identity", verb, exported, "--state", node.state()});
    };
    ASSERT_EQ(identity(bootstrap, "export").exit_code, 0);
    EXPECT_EQ(std::filesystem::file_size(exported), 74U);
    EXPECT_EQ(identity(bootstrap, "export").exit_code, 1) << "no file is overwritten";
    EXPECT_EQ(identity(bootstrap, "import").exit_code, 1) << "it has an identity";
    bootstrap.stop();
    Node other(bootstrap_options({}));
    const auto imported = identity(other, "import");
    EXPECT_EQ(imported.exit_code, 0) << imported.output;
    EXPECT_NE(imported.output.find(member), std::string::npos) << imported.output;
    ASSERT_TRUE(other.start()) << other.log();
    EXPECT_EQ(member_of(other), member);
}

TEST_F(Overlay, CommunitiesJoinedAndLeftWhileRunningReachTheOverlay) {
    ASSERT_TRUE(bootstrap.start()) << bootstrap.log();
    Node a(options("a", knows(bootstrap))), b(options("b", knows(bootstrap)));
    ASSERT_TRUE(a.start()) << a.log();
    ASSERT_TRUE(b.start()) << b.log();
    const auto community = key_of("a community made up for this test");
    const auto path = "/api/v1/communities/" + community;
    EXPECT_TRUE(community_row(a, community).is_null());
    for (auto* node : {&a, &b}) {
        ASSERT_EQ(node->put(path, json::object()).status, 200);
        // Told by storage, not found at the next listing: that comes every 20 s.
        EXPECT_TRUE(wait_until([&] { return !community_row(*node, community).is_null(); }, 5));
    }
    EXPECT_TRUE(wait_until([&] { return are_neighbours(a, b, community); }, patience_s));
    EXPECT_TRUE(wait_until([&] { return are_neighbours(b, a, community); }, patience_s));
    ASSERT_EQ(a.remove(path).status, 204);
    EXPECT_TRUE(wait_until([&] { return community_row(a, community).is_null(); }, 5));
    EXPECT_FALSE(are_neighbours(a, b, community));
    EXPECT_FALSE(community_row(b, community).is_null());
}

}  // namespace
}  // namespace warren::test
