// Properties against those who lie about their address, flood, repeat, or come as a crowd of one.
#include <gtest/gtest.h>

#include <set>

#include "protocol/overlay_messages.h"
#include "tests/sim/forger.h"
#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

using namespace protocol;

const CommunityId community = channel_community(PublicKey{}, Nonce{});

// Three nodes that know each other; the first has records.
struct Village {
    World world;
    World::Node &a, &b, &c;

    explicit Village(std::uint64_t seed)
        : world(seed, {}), a(world.add_node()), b(world.add_node()), c(world.add_node()) {
        world.join(a, community);
        world.publish(a, community, 50, 100);
        world.join(b, community, a.address);
        world.join(c, community, b.address);
        world.run_for(20_s);
    }
};

// ---- F-21: what leaves for an address, against what seemed to come from it

struct Ledger {
    struct Account {
        std::size_t in = 0, out = 0;
        bool exceeded = false;
    };
    std::map<Endpoint, Account> accounts;

    explicit Ledger(World& world) {
        world.on_send = [this](const World::Node&, const Endpoint& to, ByteView bytes) {
            auto& account = accounts[to];
            account.out += bytes.size();
            account.exceeded = account.exceeded || account.out > account.in;
            return true;
        };
    }
    void credit(const Endpoint& from, const Forger::Crafted& message) {
        accounts[from].in += message.bytes.size() + (message.asks_introduction ? 16 : 0);
    }
};

TEST(Hostile, unproven_addresses_get_no_more_than_they_sent) {
    for_seeds(4, [](std::uint64_t seed) {
        Village village(seed);
        auto& world = village.world;
        Ledger ledger(world);
        std::size_t replied = 0;
        std::uint16_t port = 2000;
        for (unsigned id = 0; id < 256; ++id) {
            const auto number = static_cast<std::uint8_t>(id);
            auto kinds = Forger(seed, community).messages(number, village.a.address).size();
            auto noises = Forger(seed, community).noise(number).size();
            for (std::size_t kind = 0; kind < kinds + noises; ++kind) {
                // One kind again and again from one spoofed address, as a reflector is used.
                Forger forger(seed + kind, community);
                auto from = Endpoint::ipv4(198, 51, number, 1, ++port);
                std::string name;
                for (int round = 0; round < 8; ++round) {
                    auto crafted = kind < kinds ? forger.messages(number, village.a.address)[kind]
                                                : forger.noise(number)[kind - kinds];
                    name = crafted.name;
                    ledger.credit(from, crafted);
                    world.inject(from, village.a.address, crafted.bytes);
                    world.run_for(200_ms);
                }
                EXPECT_FALSE(ledger.accounts[from].exceeded) << name;
                if (ledger.accounts[from].out > 0) ++replied;
            }
        }
        world.run_for(60_s);
        for (const auto& [address, account] : ledger.accounts)
            if (address.address[0] == 198) {
                EXPECT_FALSE(account.exceeded) << address.text() << " later";
            }
        EXPECT_GE(replied, 2U) << "nothing was answered, so nothing was measured";
        EXPECT_EQ(ledger.accounts.count(Endpoint::ipv4(203, 0, 113, 9, 5000)), 0U)
            << "punctured or walked to a third party";
        EXPECT_EQ(ledger.accounts.count(Endpoint::ipv4(127, 0, 0, 1, 5000)), 0U);
        EXPECT_EQ(village.a.stores.at(community).size(), 50U);
        return world.event_hash();
    });
}

// What a partner may say is what the test above must craft: a message that is understood and not
// in the forger's tables would go unmeasured.
TEST(Hostile, every_understood_message_is_crafted) {
    Village village(seed_of_run());
    auto& world = village.world;
    const auto& counters = village.a.overlay->counters();
    std::size_t understood = 0;
    for (unsigned id = 0; id < 256; ++id) {
        auto before = counters.dropped_unknown_message;
        Forger forger(id, community);
        for (const auto& noise : forger.noise(static_cast<std::uint8_t>(id)))
            world.inject(village.b.address, village.a.address, noise.bytes);
        if (counters.dropped_unknown_message != before) continue;
        ++understood;
        EXPECT_FALSE(forger.messages(static_cast<std::uint8_t>(id), village.a.address).empty())
            << "message " << id;
    }
    EXPECT_GE(understood, 15U);
    EXPECT_LT(understood, 256U);
}

// The ledger sees an excess: whoever really is where it says proves it, and is told more.
TEST(Hostile, proven_addresses_get_more) {
    Village village(seed_of_run());
    Ledger ledger(village.world);
    auto& honest = village.world.add_node();
    village.world.join(honest, community, village.a.address);
    village.world.run_for(10_s);
    EXPECT_TRUE(ledger.accounts[honest.address].exceeded);
}

// ---- floods and repetitions

TEST(Hostile, flood_leaves_memory_bounded_and_partners_served) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    Village village(seed);
    auto& world = village.world;
    Forger forger(seed, community);
    std::vector<Bytes> kinds;
    for (unsigned id = 0; id < 256; ++id)
        for (auto& crafted : forger.messages(static_cast<std::uint8_t>(id), village.a.address))
            kinds.push_back(std::move(crafted.bytes));
    const auto checked = village.a.overlay->counters().signatures_checked;
    for (int i = 0; i < 100'000; ++i) {
        auto bits = forger.random.next();
        auto from = Endpoint::ipv4(
            static_cast<std::uint8_t>(130 + bits % 60), static_cast<std::uint8_t>(bits >> 8),
            static_cast<std::uint8_t>(bits >> 16), static_cast<std::uint8_t>(bits >> 24), 9000);
        auto bytes = kinds[(bits >> 32) % kinds.size()];
        if ((bits >> 60) < 8) bytes[bytes.size() - 1 - (bits >> 40) % 64 % bytes.size()] ^= 1;
        if ((bits >> 60) == 15) bytes.resize((bits >> 40) % bytes.size());
        world.inject(from, village.a.address, bytes);
        if (i % 10 == 0) world.run_for(1_ms);
    }
    EXPECT_LE(village.a.overlay->peers().size(), 300U);
    // The check budget held: 10 s of flood at 2,000 a second, plus what the partners sent.
    EXPECT_LE(village.a.overlay->counters().signatures_checked - checked, 21'000U);
    world.publish(village.b, community, 20, 100);
    EXPECT_TRUE(world.run_until(5_s, [&] { return world.all_equal(community, 70); }));
    world.run_for(60_s);
    EXPECT_LE(village.a.overlay->peers().size(), 4U) << "strangers stay";
}

// R-U7: what was said once is not heard again, however often it is repeated.
TEST(Hostile, repeated_packets_reach_no_handler) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    Village village(seed);
    auto& world = village.world;
    Forger forger(seed, community);
    auto from = Endpoint::ipv4(198, 51, 100, 1, 7000);
    const auto request = forger.request(Style::Old, village.a.address, {});
    world.inject(from, village.a.address, request);
    world.run_for(1_s);
    const auto& counters = village.a.overlay->counters();
    const auto dropped = counters.dropped_duplicate + counters.dropped_source_budget;
    for (int i = 0; i < 10'000; ++i) {
        world.inject(from, village.a.address, request);
        if (i % 100 == 0) world.run_for(100_ms);
    }
    EXPECT_EQ(counters.dropped_duplicate + counters.dropped_source_budget - dropped, 10'000U);
}

}  // namespace
}  // namespace warren::sim
