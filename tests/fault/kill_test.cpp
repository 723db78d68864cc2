// F-01, F-04, F-05: processes are killed at random moments; nothing acknowledged is lost, requests
// by one id are applied once, and the node goes on without help. The seed is printed; WARREN_SEED
// sets it.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
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

// Publishes in one channel, round by round; what was answered with 201 is to be there for ever.
class Survivor {
public:
    explicit Survivor(Node& node) : node_(node) {}

    // Until all processes of the node die at once.
    void publish_until_killed(Nanoseconds span) {
        if (channel_.empty()) channel_ = create_channel(node_, "Survivor", "survivor");
        ASSERT_FALSE(channel_.empty());
        const auto until = monotonic_now() + span;
        std::atomic<bool> stop{false};
        auto killer = std::async(std::launch::async, [&] {
            wait_until([&] { return monotonic_now() > until; }, 5);
            stop = true;
            node_.kill_everything();
        });
        while (!stop) {
            const auto answer =
                node_.post("/api/v1/channels/" + channel_ + "/torrents", magnet_entry(number_),
                           "n-" + std::to_string(number_), 2);
            if (answer.status == 201) acknowledged_.insert(answer.body["record"]);
            if (answer.status == 201) ++number_;  // else the same key again, in the next round
        }
        killer.get();
    }
    void expect_all_there() {
        std::set<std::string> listed;
        wait_until(
            [&] { return (listed = records_of(node_, channel_)).size() >= acknowledged_.size(); },
            20);
        for (const auto& record : acknowledged_)
            EXPECT_TRUE(listed.contains(record)) << "lost " << record;
        EXPECT_LE(listed.size(), acknowledged_.size() + 1) << "a repeated key was applied twice";
        std::cerr << "acknowledged " << acknowledged_.size() << " listed " << listed.size() << "\n";
    }

private:
    Node& node_;
    std::string channel_;
    std::set<std::string> acknowledged_;
    std::uint64_t number_ = 0;
};

// All processes of the node die at once while it publishes, 30 rounds.
TEST(Kill, TheWholeNodeAtOnce) {
    SeededRandom random(seed());
    Node node({.name = "whole"});
    Survivor survivor(node);
    for (int round = 0; round < 30; ++round) {
        const auto began = monotonic_now();
        ASSERT_TRUE(node.start()) << "round " << round << "\n" << node.log();
        if (round % 10 == 0)
            std::cerr << "round " << round << " start_ms " << (monotonic_now() - began) / 1'000'000
                      << "\n";
        survivor.publish_until_killed(static_cast<Nanoseconds>(100 + random.below(400)) * 1_ms);
    }
    ASSERT_TRUE(node.start());
    survivor.expect_all_there();
}

using Sizes = std::map<std::filesystem::path, std::uintmax_t>;

// Logs of communities' files and of their listings: nothing of a publication's commit is synced
// there. (The node's own file is.)
Sizes unsynced_logs(const Node& node) {
    Sizes out;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(node.state() / "shards")) {
        const auto name = entry.path().filename().string();
        if (name.ends_with("-wal") && name != "node-wal") out[entry.path()] = entry.file_size();
    }
    return out;
}

// As power loss leaves them: of what came after `synced`, a random part of each, or nothing. How
// many bytes were lost.
std::uintmax_t lose_tails(const Node& node, const Sizes& synced, SeededRandom& random) {
    std::uintmax_t lost = 0;
    for (const auto& [path, size] : unsynced_logs(node)) {
        const auto before = synced.find(path);
        const auto least = before == synced.end() ? 0 : std::min(before->second, size);
        const auto kept = random.below(2) == 0 ? least : least + random.below(size - least + 1);
        std::filesystem::resize_file(path, kept);
        std::filesystem::remove(path.string().substr(0, path.string().size() - 3) + "shm");
        lost += size - kept;
    }
    return lost;
}

std::uint64_t replayed(Node& node) {
    const auto text = node.get("/metrics").text;
    const std::string name = "warren_storage_intake_replayed_total{worker=\"storage-0\"} ";
    const auto at = text.find(name);
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + name.size()));
}

// F-09 with real processes: they die, and what no sync brought to the disk goes with the power.
// What was acknowledged comes back from the shared log. (What power loss does to the log itself and
// to each write in turn: intake_loss_test.)
TEST(Kill, PowerGoesWithTheWholeNode) {
    SeededRandom random(seed());
    Node node({.name = "power"});
    Survivor survivor(node);
    std::uintmax_t lost = 0;
    for (int round = 0; round < 8; ++round) {
        ASSERT_TRUE(node.start()) << "round " << round << "\n" << node.log();
        const auto synced = unsynced_logs(node);  // the start replayed and synced them
        survivor.publish_until_killed(static_cast<Nanoseconds>(200 + random.below(300)) * 1_ms);
        lost += lose_tails(node, synced, random);
    }
    EXPECT_GT(lost, 10'000u) << "nothing was at risk, so nothing was shown";
    ASSERT_TRUE(node.start()) << node.log();
    survivor.expect_all_there();
    EXPECT_TRUE(wait_until([&] { return replayed(node) > 0; }, 10)) << "not from the log";
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
