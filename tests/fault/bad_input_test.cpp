// Bad input of each kind gets its precise error and changes nothing.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/journey.h"

namespace warren::test {
namespace {

using testing::HasSubstr;

class BadSettings : public testing::Test {
protected:
    Finished check(const std::string& toml) {
        const auto file = std::filesystem::temp_directory_path() / "warren-bad-settings.toml";
        std::ofstream(file) << toml;
        auto out = run_program({Node::program("warrend"), "--check", file});
        std::filesystem::remove(file);
        return out;
    }
};

TEST_F(BadSettings, AGoodFilePasses) {
    EXPECT_EQ(check("[overlay]\nwalk_interval_ms = 600\n").exit_code, 0);
}

TEST_F(BadSettings, ATypoNamesLineColumnAndTheNearestName) {
    const auto out = check("[overlay]\nwalk_intervall_ms = 600\n");
    EXPECT_EQ(out.exit_code, 78);
    EXPECT_THAT(out.output, HasSubstr("warren-bad-settings.toml:2:1"));
    EXPECT_THAT(out.output, HasSubstr("walk_interval_ms"));
}

TEST_F(BadSettings, AWrongTypeSaysWhatToWrite) {
    const auto out = check("[overlay]\nlan = \"yes\"\n");
    EXPECT_EQ(out.exit_code, 78);
    EXPECT_THAT(out.output, HasSubstr(":2:7"));
    EXPECT_THAT(out.output, HasSubstr("true"));
}

TEST_F(BadSettings, OutOfBoundsNamesTheBounds) {
    const auto out = check("[workers.verify]\ncount = 0\n");
    EXPECT_EQ(out.exit_code, 78);
    EXPECT_THAT(out.output, HasSubstr(":2:"));
    EXPECT_THAT(out.output, HasSubstr("1"));
    EXPECT_THAT(out.output, HasSubstr("64"));
}

TEST_F(BadSettings, BrokenTomlNamesLineAndColumn) {
    const auto out = check("[overlay\n");
    EXPECT_EQ(out.exit_code, 78);
    EXPECT_THAT(out.output, HasSubstr("warren-bad-settings.toml:1:"));
}

class BadRequests : public testing::Test {
protected:
    static void SetUpTestSuite() {
        node = new Node({.name = "bad-input"});
        ASSERT_TRUE(node->start()) << node->log();
        channel = create_channel(*node, "Good", "good");
        ASSERT_FALSE(channel.empty());
        ASSERT_TRUE(wait_until(  // listings follow the commit
            [] { return node->get("/api/v1/channels").body["items"].size() == 1; }, 10));
    }
    static void TearDownTestSuite() {
        delete node;
        node = nullptr;
    }
    // The answer is a problem document with this status, and no listing changed.
    void refused(const HttpAnswer& answer, int status, const std::string& part) {
        EXPECT_EQ(answer.status, status) << answer.text;
        EXPECT_EQ(answer.body.value("status", 0), status) << answer.text;
        EXPECT_THAT(answer.body.value("detail", "") + answer.body.value("title", "") + answer.text,
                    HasSubstr(part));
        EXPECT_EQ(node->get("/api/v1/channels").body["items"].size(), 1u);
        EXPECT_EQ(node->get("/api/v1/downloads").body["items"].size(), 0u);
    }
    HttpAnswer raw(const std::string& path, const std::string& body) {
        return node->request("POST", path, body, {{"Content-Type", "application/json"}});
    }

    static Node* node;
    static std::string channel;
};
Node* BadRequests::node = nullptr;
std::string BadRequests::channel;

TEST_F(BadRequests, NoToken) {
    for (const std::string path : {"/api/v1/status", "/api/v1/nothing", "/", "/metrics"})
        EXPECT_EQ(node->request("GET", path, "", {}, 5, false).status, 401) << path;
    EXPECT_EQ(
        node->request("GET", "/api/v1/status", "", {{"Authorization", "Bearer wrong"}}, 5, false)
            .status,
        401);
}

TEST_F(BadRequests, MalformedJsonNamesLineAndColumn) {
    refused(raw("/api/v1/channels", "{\"name\":\n  nope}"), 400, "line 2");
}

TEST_F(BadRequests, DeepJson) {
    refused(raw("/api/v1/channels", std::string(200'000, '[')), 400, "deep");
}

TEST_F(BadRequests, UnknownMember) {
    refused(node->post("/api/v1/channels", {{"name", "x"}, {"colour", "red"}}), 400, "colour");
}

TEST_F(BadRequests, MissingMember) {
    refused(node->post("/api/v1/channels", json::object()), 400, "name");
}

TEST_F(BadRequests, MalformedMagnet) {
    refused(node->post("/api/v1/downloads", {{"magnet", "magnet:?xt=urn:btih:xyz"}}), 400,
            "magnet");
}

TEST_F(BadRequests, MalformedTorrent) {
    refused(node->post("/api/v1/downloads", {{"torrent", "bm90IGEgdG9ycmVudA=="}}), 422, "torrent");
    refused(node->post("/api/v1/downloads", {{"torrent", "***"}}), 400, "base64");
}

TEST_F(BadRequests, UnknownIds) {
    refused(node->get("/api/v1/channels/" + std::string(40, '0')), 404, "channel");
    refused(node->get("/api/v1/downloads/" + std::string(40, '0')), 404, "download");
    refused(node->post("/api/v1/channels/" + std::string(40, '0') + "/torrents",
                       {{"magnet", "magnet:?xt=urn:btih:" + std::string(40, 'a')}, {"name", "x"}}),
            404, "");
    refused(node->get("/api/v1/channels/xyz"), 400, "40");
}

TEST_F(BadRequests, OutsideTheShareRoot) {
    for (const std::string path : {"../state/api_token", "/etc", "not-there"}) {
        const auto answer =
            node->post("/api/v1/channels/" + channel + "/torrents", {{"path", path}});
        EXPECT_GE(answer.status, 400) << path << answer.text;
        EXPECT_LT(answer.status, 500) << path << answer.text;
        EXPECT_TRUE(node->get("/api/v1/channels/" + channel + "/contents").body["items"].empty());
    }
}

TEST_F(BadRequests, WrongMethodHostOriginAndType) {
    EXPECT_EQ(node->request("DELETE", "/api/v1/status", "", {}).status, 405);
    EXPECT_EQ(node->request("GET", "/api/v1/status", "", {{"Host", "evil.example"}}).status, 421);
    EXPECT_EQ(
        node->request("GET", "/api/v1/status", "", {{"Origin", "http://evil.example"}}).status,
        403);
    EXPECT_EQ(node->request("POST", "/api/v1/channels", "{\"name\":\"x\"}",
                            {{"Content-Type", "text/plain"}})
                  .status,
              415);
}

TEST(BadStart, ATakenPortIsNamed) {
    Node first({.name = "first"});
    ASSERT_TRUE(first.start()) << first.log();
    const auto state = std::filesystem::temp_directory_path() / "warren-taken-port";
    const auto out = run_program(
        {Node::program("warrend"), "--state", state, "--set", "api.listen=" + first.api_address(),
         "--set", "overlay.listen=127.0.0.1:0", "--set", "torrent.listen=127.0.0.1:0"});
    EXPECT_EQ(out.exit_code, 69) << out.output;
    EXPECT_THAT(out.output, HasSubstr("api.listen"));
    EXPECT_THAT(out.output, HasSubstr(first.api_address()));
    std::filesystem::remove_all(state);
}

TEST(BadStart, ASecondNodeOnOneStateDirectoryTouchesNothing) {
    Node first({.name = "first"});
    ASSERT_TRUE(first.start()) << first.log();
    const auto roster = first.roster();
    const auto out = run_program({Node::program("warrend"), "--state", first.state()}, 5);
    EXPECT_EQ(out.exit_code, 75) << out.output;
    EXPECT_EQ(first.roster(), roster);
    EXPECT_EQ(first.get("/api/v1/status").status, 200);
}

TEST(BadStart, ALostKeyIsNotReplacedInSilence) {
    Node node({.name = "lost-key"});
    ASSERT_TRUE(node.start()) << node.log();
    ASSERT_FALSE(create_channel(node, "Mine", "mine").empty());
    node.stop();
    std::size_t keys = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(node.state() / "keys"))
        if (entry.is_regular_file())
            ++keys, std::filesystem::rename(entry.path(), node.folder() / "saved-key");
    ASSERT_EQ(keys, 1u);
    EXPECT_FALSE(node.start(3));
    EXPECT_THAT(node.log(), HasSubstr("key"));
    EXPECT_TRUE(std::filesystem::is_empty(node.state() / "keys")) << "a new identity was made";
    node.kill_everything();
}

// Killed before its key was written: the next start is as good as the first.
TEST(BadStart, AFirstStartThatWasCutShortIsNoLostKey) {
    Node node({.name = "cut-short"});
    std::filesystem::create_directories(node.state());
    std::filesystem::permissions(node.state(), std::filesystem::perms::owner_all);
    std::ofstream(node.state() / "epoch") << "3\n";
    ASSERT_TRUE(node.start()) << node.log();
    EXPECT_FALSE(create_channel(node, "Mine", "mine").empty());
}

}  // namespace
}  // namespace warren::test
