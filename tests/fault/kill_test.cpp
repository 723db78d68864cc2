// F-01, F-04, F-05: processes are killed at random moments; nothing acknowledged is lost, requests
// by one id are applied once, and the node goes on without help. The seed is printed; WARREN_SEED
// sets it.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "tests/support/journey.h"

namespace warren::test {
namespace {

std::uint64_t seed() {
    const char* given = std::getenv("WARREN_SEED");
    const auto out = given ? std::strtoull(given, nullptr, 10) : SystemRandom().next() % 1'000'000;
    std::cerr << "seed " << out << " (repeat with WARREN_SEED=" << out << ")\n";
    return out;
}

// A process that runs no more: absent, or a zombie that its new parent has yet to collect.
bool is_dead(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line)) return true;
    return line.substr(line.rfind(')') + 2, 1) == "Z";
}

// Each role of B dies 20 times in all while B takes part in the journey and publishes.
TEST(Kill, WorkersOfANodeDuringTheJourney) {
    SeededRandom random(seed());
    Node a({.name = "a"});
    make_content(a.share() / "Long Take", 7, 24 << 20);
    ASSERT_TRUE(a.start()) << a.log();
    const auto channel = create_channel(a, "Takes", "takes-1");
    const auto published = publish_folder(a, channel, "Long Take", "takes-2");
    ASSERT_FALSE(published.infohash.empty());

    Node b({.name = "b",
            .settings = {"overlay.bootstrap_peers=" + a.overlay_address(),
                         "torrent.download_limit=4000000"}});
    ASSERT_TRUE(b.start()) << b.log();
    const auto own = create_channel(b, "B's own", "own-1");
    ASSERT_FALSE(own.empty());

    std::atomic<bool> done{false};
    std::set<std::string> acknowledged;
    std::size_t keys = 0;
    auto publisher = std::async(std::launch::async, [&] {
        while (!done) {
            const auto key = "entry-" + std::to_string(keys);
            const auto answer =
                persist(b, "/api/v1/channels/" + own + "/torrents", magnet_entry(keys), key, 30);
            EXPECT_EQ(answer.status, 201) << answer.text;
            if (answer.status != 201) return;
            acknowledged.insert(answer.body["record"]);
            ++keys;
            ::poll(nullptr, 0, 20);
        }
    });
    auto journey = std::async(std::launch::async, [&] {
        return find(b, "long take", 60) == published.infohash &&
               download(b, published.infohash, "Long Take", 120);
    });
    const std::vector<std::string> roles = {"network", "torrent", "verify",
                                            "sign",    "storage", "api"};
    for (int kill = 0; kill < 20; ++kill) {
        ::poll(nullptr, 0, static_cast<int>(100 + random.below(700)));
        const auto& role = roles[static_cast<std::size_t>(kill) % roles.size()];
        const auto pid = b.worker(role);
        std::cerr << "kill " << kill << " " << role << " " << pid << "\n";
        if (pid > 0) ::kill(pid, SIGKILL);
    }
    EXPECT_TRUE(journey.get()) << "the journey did not end right";
    done = true;
    publisher.get();
    EXPECT_TRUE(wait_until([&] { return b.all_ready(); }, 40)) << b.roster().dump(1);
    EXPECT_TRUE(same_tree(a.share() / "Long Take", b.downloads() / "Long Take"));
    EXPECT_GT(acknowledged.size(), 10u);
    std::set<std::string> listed;
    EXPECT_TRUE(wait_until(
        [&] { return (listed = records_of(b, own)).size() >= acknowledged.size(); }, 20));
    EXPECT_EQ(listed, acknowledged) << "every 201 is there, and no id was applied twice";
}

// All processes of the node die at once while it publishes, 30 rounds.
TEST(Kill, TheWholeNodeAtOnce) {
    SeededRandom random(seed());
    Node node({.name = "whole"});
    std::string channel;
    std::set<std::string> acknowledged;
    std::uint64_t number = 0;
    for (int round = 0; round < 30; ++round) {
        const auto began = monotonic_now();
        ASSERT_TRUE(node.start()) << "round " << round << "\n" << node.log();
        if (round % 10 == 0)
            std::cerr << "round " << round << " start_ms " << (monotonic_now() - began) / 1'000'000
                      << "\n";
        if (channel.empty()) channel = create_channel(node, "Survivor", "survivor");
        ASSERT_FALSE(channel.empty());
        const auto until =
            monotonic_now() + static_cast<Nanoseconds>(100 + random.below(400)) * 1_ms;
        std::atomic<bool> stop{false};
        auto killer = std::async(std::launch::async, [&] {
            wait_until([&] { return monotonic_now() > until; }, 5);
            stop = true;
            node.kill_everything();
        });
        while (!stop) {
            const auto answer = node.post("/api/v1/channels/" + channel + "/torrents",
                                          magnet_entry(number), "n-" + std::to_string(number), 2);
            if (answer.status == 201) acknowledged.insert(answer.body["record"]);
            if (answer.status == 201) ++number;  // else the same key again, in the next round
        }
        killer.get();
    }
    ASSERT_TRUE(node.start());
    std::set<std::string> listed;
    wait_until([&] { return (listed = records_of(node, channel)).size() >= acknowledged.size(); },
               20);
    for (const auto& record : acknowledged)
        EXPECT_TRUE(listed.contains(record)) << "lost " << record;
    EXPECT_LE(listed.size(), acknowledged.size() + 1) << "a repeated key was applied twice";
    std::cerr << "acknowledged " << acknowledged.size() << " listed " << listed.size() << "\n";
}

TEST(Kill, TheSupervisorTakesAllItsChildrenAlong) {
    Node node({.name = "orphans"});
    ASSERT_TRUE(node.start()) << node.log();
    const auto workers = node.workers();
    ASSERT_GE(workers.size(), 6u);
    const auto began = monotonic_now();
    ::kill(node.pid(), SIGKILL);
    EXPECT_TRUE(wait_until([&] { return std::ranges::all_of(workers, is_dead); }, 1));
    std::cerr << "children gone after " << (monotonic_now() - began) / 1'000'000 << " ms\n";
    node.kill_everything();
    ASSERT_TRUE(node.start()) << "restart without help";
}

}  // namespace
}  // namespace warren::test
