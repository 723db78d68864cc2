// The roster file is JSON that says what the command line needs.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "supervisor/keys.h"
#include "supervisor/roster_file.h"

namespace warren::supervisor {
namespace {

TEST(RosterFile, IsJsonWhateverItHolds) {
    NodeFacts node{.pid = 12,
                   .version = "1",
                   .state = "degraded",
                   .epoch = 3,
                   .started_ms = 5,
                   .run_dir = "/r \"x\"",
                   .state_dir = "/s",
                   .config = "",
                   .api = "127.0.0.1:1",
                   .overlay = "0.0.0.0:2",
                   .overlay_v6 = "[::]:3"};
    process::Roster roster{{.role = process::Role::Api,
                            .index = 1,
                            .epoch = 1ull << 33,
                            .state = process::WorkerState::Down,
                            .inbox = "",
                            .tap = "ipc:///t",
                            .pid = 0,
                            .restarts = 2,
                            .reason = "a\\b\n\x01"}};
    process::SlotMap slots;
    auto json = nlohmann::json::parse(roster_json(node, roster, slots));
    EXPECT_EQ(json["pid"], 12);
    EXPECT_EQ(json["run_dir"], "/r \"x\"");
    EXPECT_EQ(json["api"], "127.0.0.1:1");
    EXPECT_EQ(json["overlay_v6"], "[::]:3");
    EXPECT_EQ(json["slots"]["workers"].size(), 64u);
    const auto& row = json["workers"][0];
    EXPECT_EQ(row["role"], "api");
    EXPECT_EQ(row["state"], "down");
    EXPECT_EQ(row["epoch"], 1ull << 33);
    EXPECT_EQ(row["reason"], "a\\b\n\x01");
    EXPECT_TRUE(nlohmann::json::parse(roster_json(node, {}, slots))["workers"].empty());
}

TEST(Keys, AreFreshAndWhole) {
    auto one = make_key_pair(), two = make_key_pair();
    ASSERT_TRUE(one && two);
    EXPECT_NE(one->public_key, two->public_key);
    EXPECT_NE(one->secret_key, two->secret_key);
    EXPECT_NE(one->secret_key, (std::array<std::uint8_t, 32>{}));
}

}  // namespace
}  // namespace warren::supervisor
