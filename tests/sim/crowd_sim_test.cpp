// Properties of a crowd in one community: who joins is quickly among peers, who stays keeps peers
// though others come and go, and what was parted finds together again.
#include <gtest/gtest.h>

#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

const CommunityId community = protocol::channel_community(PublicKey{}, protocol::Nonce{});
constexpr std::size_t peers_wanted = 10;
const Weather ordinary{0.02, 0.005, 0.02, 0.001, 10'000'000, 120'000'000};

// All know the first node only.
struct Crowd {
    World world;

    Crowd(std::uint64_t seed, std::size_t count, OverlaySettings settings = simulated_settings())
        : world(seed, ordinary, std::move(settings)) {
        world.join(world.add_node(), community);
        while (world.nodes().size() < count)
            join();
    }
    World::Node& first() { return *world.nodes().front(); }
    World::Node& join() {
        auto& node = world.add_node();
        world.join(node, community, first().address);
        return node;
    }
};

// ---- joining

std::size_t peers_after_five_seconds(Crowd& crowd) {
    crowd.world.run_for(20_s);
    auto& newcomer = crowd.join();
    crowd.world.run_until(5_s,
                          [&] { return crowd.world.present(newcomer, community) >= peers_wanted; });
    return crowd.world.present(newcomer, community);
}

TEST(Crowd, newcomer_has_ten_peers_in_five_seconds) {
    for_seeds(100, [](std::uint64_t seed) {
        Crowd crowd(seed, 25);
        EXPECT_GE(peers_after_five_seconds(crowd), peers_wanted) << crowd.world.report();
        return crowd.world.event_hash();
    });
}

TEST(Crowd, newcomer_that_walks_slowly_does_not) {
    auto settings = simulated_settings();
    settings.walk_interval = 5_s;
    Crowd crowd(seed_of_run(), 25, settings);
    EXPECT_LT(peers_after_five_seconds(crowd), peers_wanted);
}

// ---- churn

// The share of time in which a node that stays has ten peers that are there.
double time_with_peers(std::uint64_t seed, OverlaySettings settings, std::uint64_t& hash) {
    Crowd crowd(seed, 1, std::move(settings));
    auto& world = crowd.world;
    world.churn({community, 30_s, 30, [&] { return crowd.first().address; }});
    auto& watched = crowd.join();
    world.run_for(20_s);
    std::size_t good = 0;
    constexpr std::size_t looks = 60;
    for (std::size_t i = 0; i < looks; ++i) {
        world.run_for(500_ms);
        if (world.present(watched, community) >= peers_wanted) ++good;
    }
    hash = world.event_hash();
    return static_cast<double>(good) / looks;
}

TEST(Crowd, sessions_of_thirty_seconds_leave_ten_peers) {
    for_seeds(100, [](std::uint64_t seed) {
        std::uint64_t hash = 0;
        auto share = time_with_peers(seed, simulated_settings(), hash);
        EXPECT_GE(share, 0.95);
        return hash;
    });
}

}  // namespace
}  // namespace warren::sim
