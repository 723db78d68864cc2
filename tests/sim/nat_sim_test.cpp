// Who can reach whom through which NAT boxes, introduced by a public node; hosts of one local
// network; IPv6; partitions; sleeping and leaping clocks (F-15, F-16, F-18).
#include <gtest/gtest.h>

#include "protocol/ipv8.h"
#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

const CommunityId community = protocol::channel_community(PublicKey{}, protocol::Nonce{});
const std::vector<NatKind> kinds = {NatKind::None, NatKind::FullCone, NatKind::RestrictedCone,
                                    NatKind::PortRestricted, NatKind::Symmetric};

// Puncturing opens all but these: a symmetric box uses a port that nobody was told of, which only
// a filter by port minds.
bool should_meet(NatKind a, NatKind b) {
    auto minds_ports = [](NatKind kind) {
        return kind == NatKind::PortRestricted || kind == NatKind::Symmetric;
    };
    return !((a == NatKind::Symmetric && minds_ports(b)) ||
             (b == NatKind::Symmetric && minds_ports(a)));
}

struct Pair {
    World world;
    World::Node &introducer, &a, &b;

    Pair(std::uint64_t seed, const Place& place_a, const Place& place_b, Weather weather = {})
        : world(seed, weather), introducer(world.add_node({NatKind::None, {}, place_a.v6})),
          a(world.add_node(place_a)), b(world.add_node(place_b)) {}
    void start() {
        world.join(introducer, community);
        world.join(a, community, introducer.address);
        world.join(b, community, introducer.address);
    }
    void be_introduced_by_a_register() {
        introducer.settings.bootstrap = true;
        world.restart(introducer);
        world.join(a, community, introducer.address);
        world.join(b, community, introducer.address);
    }
    bool met() { return world.knows(a, b, community) && world.knows(b, a, community); }
};

// The introducer is a peer itself, or only a bootstrap node.
void expect_pairs_meet(bool by_bootstrap_node) {
    for_seeds(20, [&](std::uint64_t seed) {
        std::uint64_t hash = 0;
        for (auto kind_a : kinds)
            for (auto kind_b : kinds) {
                Pair pair(seed, {kind_a, {}, false}, {kind_b, {}, false});
                if (by_bootstrap_node)
                    pair.be_introduced_by_a_register();
                else
                    pair.start();
                pair.world.run_until(60_s, [&] { return pair.met(); });
                EXPECT_EQ(pair.met(), should_meet(kind_a, kind_b))
                    << "kinds " << static_cast<int>(kind_a) << " and " << static_cast<int>(kind_b)
                    << "\n"
                    << pair.world.report();
                hash = hash * 31 + pair.world.event_hash();
            }
        return hash;
    });
}

TEST(Nat, pairs_meet_as_their_boxes_allow) {
    expect_pairs_meet(false);
}

TEST(Nat, pairs_meet_as_their_boxes_allow_by_a_bootstrap_node) {
    expect_pairs_meet(true);
}

// One that does not walk itself is met because it punctures when asked to, and only then.
bool reaches_a_sitter(std::uint64_t seed, bool punctures_pass) {
    Pair pair(seed, {NatKind::PortRestricted, {}, false}, {NatKind::PortRestricted, {}, false});
    pair.b.settings.peers_target = 1;  // the introducer is enough
    pair.world.restart(pair.b);
    pair.world.on_send = [&](const World::Node&, const Endpoint&, ByteView bytes) {
        auto header = protocol::decode_header(bytes);
        auto id = header ? header->message_id : 0;
        return punctures_pass ||
               (id != static_cast<std::uint8_t>(protocol::BaseMessage::PunctureRequest) &&
                id != static_cast<std::uint8_t>(protocol::BaseMessage::NewPunctureRequest));
    };
    pair.start();
    return pair.world.run_until(60_s, [&] { return pair.met(); });
}

TEST(Nat, a_sitter_is_reached_by_its_puncture) {
    EXPECT_TRUE(reaches_a_sitter(seed_of_run(), true));
    EXPECT_FALSE(reaches_a_sitter(seed_of_run(), false));
}

// The introducer only keeps a register, and it asked back long ago: its word still counts.
TEST(Nat, who_a_bootstrap_node_introduces_is_punctured_for) {
    for_seeds(5, [](std::uint64_t seed) {
        Pair pair(seed, {NatKind::PortRestricted, {}, false}, {NatKind::PortRestricted, {}, false});
        pair.introducer.settings.bootstrap = true;
        pair.world.restart(pair.introducer);
        pair.world.join(pair.b, community, pair.introducer.address);
        pair.world.run_for(10_s);
        pair.world.on_send = [&](const World::Node& from, const Endpoint&, ByteView bytes) {
            auto header = protocol::decode_header(bytes);
            bool asks =
                header && header->message_id ==
                              static_cast<std::uint8_t>(protocol::BaseMessage::IntroductionRequest);
            return &from != &pair.b || !asks;  // it does not walk any more
        };
        pair.world.run_for(10_s);
        pair.world.join(pair.a, community, pair.introducer.address);
        EXPECT_TRUE(pair.world.run_until(20_s, [&] {
            return pair.world.knows(pair.a, pair.b, community);
        })) << pair.world.report();
        return pair.world.event_hash();
    });
}

// Nothing happens for half an hour, and nobody is left to introduce them again: what is published
// then goes at once, for the ways through both boxes were kept open.
TEST(Nat, ways_stay_open_while_all_is_quiet) {
    for_seeds(5, [](std::uint64_t seed) {
        Pair pair(seed, {NatKind::PortRestricted, {}, false}, {NatKind::PortRestricted, {}, false});
        pair.start();
        EXPECT_TRUE(pair.world.run_until(30_s, [&] { return pair.met(); }));
        pair.world.leave(pair.introducer);
        pair.world.run_for(1800_s);
        const auto before = pair.b.stores.at(community).size();
        pair.world.publish(pair.a, community, 1, 100);
        EXPECT_TRUE(pair.world.run_until(1_s, [&] {
            return pair.b.stores.at(community).size() > before;
        })) << pair.world.report();
        return pair.world.event_hash();
    });
}

TEST(Nat, hosts_of_one_local_network_meet_inside) {
    auto settings = simulated_settings();
    settings.lan = true;
    World world(seed_of_run(), {}, settings);
    auto& introducer = world.add_node();
    auto& a = world.add_node({NatKind::PortRestricted, {}, false});
    auto& b = world.add_node({NatKind::None, world.internet().lan_of(a.host), false});
    world.join(introducer, community);
    world.join(a, community, introducer.address);
    world.join(b, community, introducer.address);
    EXPECT_TRUE(world.run_until(60_s, [&] {
        return world.knows(a, b, community) && world.knows(b, a, community);
    })) << world.report();
}

TEST(Nat, ipv6_hosts_meet) {
    Pair pair(seed_of_run(), {NatKind::None, {}, true}, {NatKind::None, {}, true});
    pair.start();
    EXPECT_TRUE(pair.world.run_until(30_s, [&] { return pair.met(); })) << pair.world.report();
}

// ---- partitions and clocks

struct Halves {
    World world;
    explicit Halves(std::uint64_t seed) : world(seed, {0.01, 0, 0, 0}) {
        world.join(world.add_node(), community);
        while (world.nodes().size() < 12)
            world.join(world.add_node(), community, world.nodes().front()->address);
        world.run_for(30_s);
        for (std::size_t i = 6; i < 12; ++i)
            world.internet().set_side(world.nodes()[i]->host, 1);
        world.publish(*world.nodes().front(), community, 20, 100);
        world.publish(*world.nodes().back(), community, 20, 100);
        world.run_for(120_s);  // long enough to forget each other
    }
};

TEST(Partition, heals_by_the_common_bootstrap_address) {
    for_seeds(10, [](std::uint64_t seed) {
        Halves halves(seed);
        EXPECT_FALSE(halves.world.all_equal(community, 40));
        halves.world.internet().heal();
        EXPECT_TRUE(halves.world.run_until(60_s, [&] {
            return halves.world.all_equal(community, 40);
        })) << halves.world.report();
        return halves.world.event_hash();
    });
}

TEST(Partition, stays_while_nothing_passes) {
    Halves halves(seed_of_run());
    halves.world.run_for(60_s);
    EXPECT_FALSE(halves.world.all_equal(community, 40));
}

// F-16: eight hours of sleep; F-15: the monotonic clock leaps while the node runs.
TEST(Clock, sleepers_and_leapers_are_back_in_half_a_minute) {
    for_seeds(10, [](std::uint64_t seed) {
        World world(seed, {0.01, 0, 0, 0});
        world.join(world.add_node(), community);
        while (world.nodes().size() < 12)
            world.join(world.add_node(), community, world.nodes().front()->address);
        world.run_for(30_s);
        auto& sleeper = *world.nodes()[3];
        auto& leaper = *world.nodes()[4];
        world.doze(sleeper, 120_s);
        world.run_for(121_s);
        world.leap(sleeper, 8 * 3600_s);
        world.leap(leaper, 8 * 3600_s);
        std::map<Nanoseconds, std::size_t> sent;  // by second
        const auto begun = world.now();
        world.on_send = [&](const World::Node& node, const Endpoint&, ByteView) {
            if (&node == &sleeper) ++sent[(world.now() - begun) / 1_s];
            return true;
        };
        EXPECT_TRUE(world.run_until(30_s, [&] {
            return world.present(sleeper, community) >= 8 && world.present(leaper, community) >= 8;
        })) << world.report();
        for (const auto& [second, count] : sent)
            EXPECT_LE(count, 200U) << "a storm in second " << second;
        return world.event_hash();
    });
}

}  // namespace
}  // namespace warren::sim
