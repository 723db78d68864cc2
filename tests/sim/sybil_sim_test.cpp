// F-20: an attacker of 10,000 identities in sixteen nets gets few of the neighbour slots, and those
// who are honest still hear of records in time: for an hour in which every identity introduces
// itself again and again, to nodes that were there before and to one that comes in the middle.
#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "tests/sim/sybils.h"

namespace warren::sim {
namespace {

const CommunityId community = protocol::channel_community(PublicKey{}, protocol::Nonce{});
constexpr std::size_t honest = 40, records = 10;

struct Town {
    World world;
    Sybils sybils;

    Town(std::uint64_t seed, Sybils::Plan plan)
        : world(seed, {0.01, 0, 0, 0, 10'000'000, 80'000'000}),
          sybils(world, community, plan, seed) {
        world.join(world.add_node(), community);
        while (world.nodes().size() < honest)
            join();
        world.run_for(60_s);
    }
    World::Node& join() {
        auto& node = world.add_node();
        world.join(node, community, world.nodes().front()->address);
        return node;
    }
    std::size_t sybils_at(World::Node& node) {
        const auto all = world.verified(node, community);
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const Peer* peer) {
            return Sybils::is_one(peer->address);
        }));
    }
    double share_of(World::Node& node) {
        const auto all = world.verified(node, community).size();
        return static_cast<double>(sybils_at(node)) /
               static_cast<double>(std::max<std::size_t>(all, 1));
    }
    double share_of_slots() {
        double sum = 0;
        for (auto& node : world.nodes())
            sum += share_of(*node);
        return sum / static_cast<double>(world.nodes().size());
    }
    Nanoseconds time_of_records() {
        const auto begun = world.now();
        world.publish(*world.nodes().back(), community, records, 100);
        EXPECT_TRUE(world.run_until(60_s, [&] { return world.all_equal(community, records); }));
        return world.now() - begun;
    }
};

TEST(Sybil, ten_thousand_identities_get_a_fifth_of_the_slots_at_most) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    Town calm(seed, {});
    calm.join();
    calm.world.run_for(60_s);
    const auto calm_time = calm.time_of_records();

    Town town(seed, {});
    town.sybils.attack();
    World::Node* newcomer = nullptr;
    for (int minute = 1; minute <= 60; ++minute) {
        town.world.run_for(60_s);
        EXPECT_LE(town.share_of_slots(), 0.2) << "after " << minute << " minutes";
        // Who has just come must see a /16 press before it counts as a crowd: one slot for each.
        if (newcomer != nullptr && minute <= 35) {
            EXPECT_LE(town.sybils_at(*newcomer), 8U) << "after " << minute << " minutes";
        }
        if (newcomer != nullptr && minute > 35) {
            EXPECT_LE(town.share_of(*newcomer), 0.2) << "after " << minute << " minutes";
        }
        if (minute == 30) newcomer = &town.join();
    }
    EXPECT_GT(town.sybils.proven(), 30'000U) << "the attacker proved few addresses";
    // A look is every 50 ms, so that is what the times are good to.
    EXPECT_LE(town.time_of_records(), 2 * calm_time + 100_ms);
}

// Against as many nets as identities the limits by net do not help: the share is what the
// attacker's number makes it, so what helps above are those limits.
TEST(Sybil, as_many_nets_as_identities_get_more) {
    Town town(seed_of_run(), {200, 200, 1, 60});
    town.sybils.attack();
    town.world.run_for(60_s);
    EXPECT_GT(town.share_of_slots(), 0.2);
}

}  // namespace
}  // namespace warren::sim
