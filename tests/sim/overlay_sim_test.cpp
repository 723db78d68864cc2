// A chain of three nodes: records converge under loss, are pushed, fetched once and found again.
#include <gtest/gtest.h>

#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

using namespace protocol;

const CommunityId community = channel_community(PublicKey{}, Nonce{});
constexpr Nanoseconds second = 1'000'000'000;

struct Case {
    std::size_t records = 0;
    std::size_t payload_bytes = 0;
    double loss = 0;
};

struct Chain {
    World world;
    World::Node &a, &b, &c;

    Chain(std::uint64_t seed, double loss)
        : world(seed, {loss, loss / 10}), a(world.add_node()), b(world.add_node()),
          c(world.add_node()) {
        for (auto& node : world.nodes())
            node->stores.try_emplace(community, community);
    }
    void start(World::Node& node, World::Node& knows) {
        world.join(node, community, knows.address);
    }
};

class Journey : public testing::TestWithParam<Case> {};

// C knows only B, B only A; C comes late. First what was there before, then what is new.
TEST_P(Journey, everyone_ends_with_the_same_records) {
    auto seed = seed_of_run();
    SCOPED_TRACE("WARREN_SEED=" + std::to_string(seed));
    auto [records, payload_bytes, loss] = GetParam();
    Chain chain(seed, loss);
    auto& world = chain.world;
    world.join(chain.a, community);
    world.publish(chain.a, community, records, payload_bytes);
    chain.start(chain.b, chain.a);
    world.run_for(5 * second);
    chain.start(chain.c, chain.b);
    auto started = world.now();
    ASSERT_TRUE(world.run_until(300 * second,
                                [&] {
                                    return world.all_equal(community, records) &&
                                           chain.c.overlay->sync_overview(community).peers_in_sync >
                                               0;
                                }))
        << "a " << chain.a.stores.at(community).size() << " b "
        << chain.b.stores.at(community).size() << " c " << chain.c.stores.at(community).size()
        << "\n"
        << world.report();
    RecordProperty("virtual_ms", static_cast<int>((world.now() - started) / 1'000'000));

    world.publish(chain.a, community, 5, payload_bytes);
    world.publish(chain.c, community, 5, payload_bytes);
    ASSERT_TRUE(
        world.run_until(120 * second, [&] { return world.all_equal(community, records + 10); }));
    // In sync they stay quiet: no more sessions than the pace allows.
    world.run_for(60 * second);
    auto before = chain.a.overlay->counters().sync_sessions;
    world.run_for(120 * second);
    EXPECT_LE(chain.a.overlay->counters().sync_sessions - before, 2U * 4U);
    EXPECT_EQ(chain.a.overlay->counters().dropped_malformed, 0U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Journey,
                         testing::Values(Case{0, 100, 0}, Case{1, 100, 0}, Case{100, 100, 0},
                                         Case{3000, 100, 0}, Case{60, 4000, 0}, Case{1, 100, 0.2},
                                         Case{100, 100, 0.2}, Case{3000, 100, 0.2},
                                         Case{60, 4000, 0.2}));

TEST(Overlay, pushes_arrive_at_once_without_loss) {
    Chain chain(seed_of_run(), 0);
    auto& world = chain.world;
    world.join(chain.a, community);
    chain.start(chain.b, chain.a);
    chain.start(chain.c, chain.b);
    world.run_for(10 * second);
    world.publish(chain.a, community, 10, 100);
    EXPECT_TRUE(world.run_until(second / 2, [&] { return world.all_equal(community, 10); }));
    world.publish(chain.b, community, 3, 5000);
    EXPECT_TRUE(world.run_until(second, [&] { return world.all_equal(community, 13); }));
}

TEST(Overlay, both_sides_hold_what_the_other_lacks) {
    Chain chain(seed_of_run(), 0.05);
    auto& world = chain.world;
    for (auto& node : world.nodes()) {
        world.join(*node, community);
        world.publish(*node, community, 700, 60);
    }
    chain.start(chain.b, chain.a);
    chain.start(chain.c, chain.b);
    EXPECT_TRUE(world.run_until(120 * second, [&] { return world.all_equal(community, 2100); }));
}

// Whoever leads compares again while the other still fetches: what is on its way is not asked
// twice.
TEST(Overlay, records_are_fetched_once) {
    for (std::uint64_t i = 0; i < 4; ++i) {  // keys decide who leads
        const auto seed = seed_of_run() + i;
        Chain chain(seed, 0);
        auto& [world, a, b, c] = chain;
        world.join(a, community);
        world.publish(a, community, 4000, 100);
        chain.start(b, a);
        ASSERT_TRUE(
            world.run_until(120 * second, [&] { return b.stores.at(community).size() == 4000; }))
            << "seed " << seed << "\n"
            << world.report();
        EXPECT_LE(b.overlay->counters().records_fetched, 4040u) << "seed " << seed << "\n"
                                                                << world.report();
    }
}

TEST(Overlay, restarted_node_is_met_again) {
    Chain chain(seed_of_run(), 0);
    auto& world = chain.world;
    world.join(chain.a, community);
    chain.start(chain.b, chain.a);
    world.join(chain.c, community);
    world.run_for(10 * second);
    world.restart(chain.a);  // knows nobody now; B remembers it
    world.publish(chain.a, community, 20, 100);
    EXPECT_TRUE(
        world.run_until(30 * second, [&] { return chain.b.stores.at(community).size() == 20; }));
}

TEST(Overlay, same_seed_same_events) {
    auto run = [](std::uint64_t seed) {
        Chain chain(seed, 0.1);
        chain.world.join(chain.a, community);
        chain.world.publish(chain.a, community, 200, 100);
        chain.start(chain.b, chain.a);
        chain.start(chain.c, chain.b);
        chain.world.run_for(60 * second);
        return chain.world.event_hash();
    };
    auto seed = seed_of_run();
    EXPECT_EQ(run(seed), run(seed));
    EXPECT_NE(run(seed), run(seed + 1));
}

TEST(Overlay, swarms_are_found_among_partners) {
    Chain chain(seed_of_run(), 0);
    auto& world = chain.world;
    world.join(chain.a, community);
    chain.start(chain.b, chain.a);
    world.run_for(10 * second);
    auto infohash = chain.a.random.id<Infohash>();
    chain.a.swarms[infohash] = 6881;
    chain.b.overlay->wanted_swarms(world.now(), {chain.b.random.id<Infohash>(), infohash});
    world.drain(chain.b);
    world.run_for(second);
    auto expected = chain.a.address;
    expected.port = 6881;
    ASSERT_EQ(chain.b.torrent_peers.size(), 1U);
    EXPECT_EQ(chain.b.torrent_peers[infohash], std::set<Endpoint>{expected});
}

}  // namespace
}  // namespace warren::sim
