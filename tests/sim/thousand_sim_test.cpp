// A thousand nodes in one process: they all find their place, and what one says reaches all.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <iostream>

#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

const CommunityId community = protocol::channel_community(PublicKey{}, protocol::Nonce{});
constexpr std::size_t nodes = 1000, peers_wanted = 10, records = 5;

TEST(Thousand, all_find_peers_and_hear_of_records) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    const auto begun = std::chrono::steady_clock::now();
    World world(seed, {0.01, 0.005, 0.01, 0, 10'000'000, 120'000'000});
    world.join(world.add_node(), community);
    while (world.nodes().size() < nodes) {
        world.join(world.add_node(), community, world.nodes().front()->address);
        world.run_for(5_ms);
    }
    world.run_for(10_s);
    std::size_t at_home = 0;
    for (auto& node : world.nodes())
        if (world.verified(*node, community).size() >= peers_wanted) ++at_home;
    EXPECT_EQ(at_home, nodes);
    world.publish(*world.nodes().back(), community, records, 100);
    EXPECT_TRUE(world.run_until(60_s, [&] { return world.all_equal(community, records); }));
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::cerr << nodes << " nodes, " << world.events() << " events, "
              << world.now() / 1'000'000'000 - 1000 << " s of their time in " << took.count()
              << " s, RSS at most " << used.ru_maxrss / 1024 << " MiB\n";
    EXPECT_LE(used.ru_maxrss / 1024, 1024);
}

}  // namespace
}  // namespace warren::sim
