// Several network workers on one UDP port: whatever their number does, each datagram reaches one
// that serves its community, and communities come and go on the worker that the kernel steers to.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <sstream>

#include "base/clock.h"
#include "protocol/wire.h"
#include "tests/support/journey.h"
#include "tests/support/overlay_walkers.h"

namespace warren::test {
namespace {

constexpr std::uint32_t workers = 3;

CommunityId community_of(const std::string& hex) {
    return *CommunityId::from_hex_text(hex);
}

// As the kernel steers.
std::uint32_t worker_of(const CommunityId& community) {
    return Reader(community.view()).u32() % workers;
}

// Channels until each worker has two of them.
std::vector<CommunityId> channels_for_all(Node& node) {
    std::vector<CommunityId> out;
    std::vector<int> had(workers);
    while (std::ranges::any_of(had, [](int count) { return count < 2; }) && out.size() < 40) {
        const auto name = "channel-" + std::to_string(out.size());
        const auto id = create_channel(node, name, name);
        EXPECT_FALSE(id.empty());
        if (id.empty()) break;
        out.push_back(community_of(id));
        ++had[worker_of(out.back())];
    }
    return out;
}

// A steady stream of questions, 200 a second, until the end; then it waits for the last answers.
class Load {
public:
    Load(const Endpoint& node, std::vector<CommunityId> communities)
        : walkers_(node, 64, 4711), communities_(std::move(communities)),
          done_(std::async(std::launch::async, [this] { run(); })) {}
    void end() {
        ending_ = true;
        done_.get();
    }
    bool go_on(std::size_t more) {
        const auto goal = asked_ + more;
        return wait_until([&] { return asked_ >= goal; }, 20);
    }
    const OverlayWalkers& walkers() const { return walkers_; }  // after end()

private:
    void run() {
        constexpr Nanoseconds pace = 5_ms;
        auto next = monotonic_now();
        for (; !ending_; ++asked_) {
            wait_until([&] { return monotonic_now() >= next; }, 1);
            next += pace;
            walkers_.ask(communities_[asked_ % communities_.size()]);
            walkers_.listen();
        }
        wait_until(
            [&] {
                walkers_.listen();
                return walkers_.open().empty();
            },
            5);
    }

    OverlayWalkers walkers_;
    std::vector<CommunityId> communities_;
    std::atomic<bool> ending_{false};
    std::atomic<std::size_t> asked_{0};
    std::future<void> done_;
};

std::size_t network_workers(const Node& node) {
    const auto all = node.roster();
    if (!all.is_object()) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(
        all["workers"], [](const json& row) { return row["role"] == "network"; }));
}

TEST(NetworkWorkers, ScaledUnderLoadTheyAnswerEveryDatagram) {
    Node node({.name = "steered"});
    ASSERT_TRUE(node.start()) << node.log();
    Node author(
        {.name = "author", .settings = {"overlay.bootstrap_peers=" + node.overlay_address()}});
    ASSERT_TRUE(author.start()) << author.log();
    const auto channel = create_channel(author, "written elsewhere", "elsewhere");
    std::set<std::string> written;
    Load load(*Endpoint::parse(node.overlay_address()), channels_for_all(node));
    ASSERT_TRUE(load.go_on(100));
    for (const std::size_t count : {3u, 1u, 2u, 3u, 1u}) {
        const auto answer = node.put("/api/v1/workers/network", {{"count", count}});
        ASSERT_EQ(answer.status, 200) << answer.text;
        const auto number = written.size();
        written.insert(persist(author, "/api/v1/channels/" + channel + "/torrents",
                               magnet_entry(number), "entry-" + std::to_string(number), 20)
                           .body.value("record", ""));
        EXPECT_TRUE(
            wait_until([&] { return network_workers(node) == count && node.all_ready(); }, 20))
            << node.roster().dump(1);
        EXPECT_TRUE(load.go_on(150));
    }
    load.end();
    for (const auto& [community, count] : load.walkers().open())
        ADD_FAILURE() << count << " of " << load.walkers().asked()
                      << " not answered, of a community that 3 workers put on network-"
                      << worker_of(community);
    EXPECT_EQ(load.walkers().answered_twice(), 0u);
    EXPECT_TRUE(wait_until([&] { return records_of(node, channel) == written; }, 20));
    for (const auto& row : node.roster()["workers"])
        EXPECT_EQ(row["restarts"], 0) << row.dump();
}

// A gauge of each network worker.
std::vector<int> gauges(Node& node, const std::string& name) {
    std::vector<int> out(workers, -1);
    std::istringstream lines(node.get("/metrics").text);
    for (std::string line; std::getline(lines, line);)
        for (std::uint32_t i = 0; i < workers; ++i) {
            const auto head = "warren_" + name + "{worker=\"network-" + std::to_string(i) + "\"} ";
            if (line.starts_with(head)) out[i] = std::stoi(line.substr(head.size()));
        }
    return out;
}

TEST(NetworkWorkers, CommunitiesComeAndGoOnTheirWorker) {
    // The first walker is the node's bootstrap address, so it hears who walks.
    OverlayWalkers walkers(Endpoint{}, 1, 4712);
    Node node({.name = "joined",
               .settings = {"workers.network.count=" + std::to_string(workers),
                            "overlay.bootstrap_peers=" + walkers.address(0).text()}});
    ASSERT_TRUE(node.start()) << node.log();
    std::vector<int> expected;
    const auto served = [&] { return gauges(node, "overlay_communities") == expected; };
    ASSERT_TRUE(wait_until(
        [&] {
            expected = gauges(node, "overlay_communities");
            return std::ranges::all_of(expected, [](int count) { return count >= 0; }) &&
                   std::ranges::count(expected, 1) == 1;  // the directory
        },
        20));
    const auto communities = channels_for_all(node);
    for (const auto& community : communities)
        ++expected[worker_of(community)];
    EXPECT_TRUE(wait_until(served, 10)) << "each on its worker, and on no other";

    OverlayWalkers strangers(*Endpoint::parse(node.overlay_address()), 16, 4713);
    const auto answered = [&](const CommunityId& community) {
        strangers.ask(community);
        return wait_until(
            [&] {
                strangers.listen();
                return !strangers.open().contains(community);
            },
            5);
    };
    const auto walks = [&](const CommunityId& community, std::size_t more_than) {
        return wait_until(
            [&] {
                walkers.listen();
                return walkers.requests(community) > more_than;
            },
            30);
    };
    for (const auto& community : communities) {
        EXPECT_TRUE(answered(community)) << worker_of(community);
        EXPECT_TRUE(walks(community, 0)) << worker_of(community);
    }

    const auto& left = communities.front();
    const auto path = "/api/v1/communities/" + left.hex();
    ASSERT_EQ(node.request("DELETE", path, "", {{"Content-Type", "application/json"}}).status, 204);
    --expected[worker_of(left)];
    EXPECT_TRUE(wait_until(served, 10));
    walkers.listen();
    std::map<CommunityId, std::size_t> before;
    for (const auto& community : communities)
        before[community] = walkers.requests(community);
    strangers.ask(left);
    for (auto at = communities.begin() + 1; at != communities.end(); ++at) {
        EXPECT_TRUE(answered(*at)) << worker_of(*at);
        EXPECT_TRUE(walks(*at, before[*at])) << worker_of(*at);
    }
    EXPECT_EQ(strangers.open(), (std::map<CommunityId, std::size_t>{{left, 1}}));
    EXPECT_EQ(walkers.requests(left), before[left]) << "it walks on";
}

}  // namespace
}  // namespace warren::test
