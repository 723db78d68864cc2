// Properties against those who lie about their address, flood, repeat, or come as a crowd of one.
#include <gtest/gtest.h>
#include <malloc.h>

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
    // They take part in IPv8's own communities too.
    void join_ipv8() {
        for (const auto& well_known : {discovery_community, dht_community})
            for (auto& node : world.nodes())
                world.join(*node, well_known, b.address);
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

// One kind again and again from one spoofed address, as a reflector is used; then the next kind.
// Returns from how many addresses something was answered.
std::size_t forge_all(Village& village, Ledger& ledger, const CommunityId& where,
                      std::uint64_t seed) {
    auto& world = village.world;
    std::size_t replied = 0;
    std::uint16_t port = 2000;
    for (unsigned id = 0; id < 256; ++id) {
        const auto number = static_cast<std::uint8_t>(id);
        auto kinds = Forger(seed, where).messages(number, village.a.address).size();
        auto noises = Forger(seed, where).noise(number).size();
        for (std::size_t kind = 0; kind < kinds + noises; ++kind) {
            Forger forger(seed + kind, where);
            auto from = Endpoint::ipv4(198, where.bytes[0], number, 1, ++port);
            std::string name;
            for (int round = 0; round < 4; ++round) {
                auto crafted = kind < kinds ? forger.messages(number, village.a.address)[kind]
                                            : forger.noise(number)[kind - kinds];
                name = crafted.name;
                ledger.credit(from, crafted);
                world.inject(from, village.a.address, crafted.bytes);
                world.run_for(200_ms);
            }
            EXPECT_FALSE(ledger.accounts[from].exceeded) << where.hex() << " " << name;
            if (ledger.accounts[from].out > 0) ++replied;
        }
    }
    return replied;
}

const CommunityId everywhere[] = {community, discovery_community, dht_community};

TEST(Hostile, unproven_addresses_get_no_more_than_they_sent) {
    for_seeds(100, [](std::uint64_t seed) {
        Village village(seed);
        village.join_ipv8();
        auto& world = village.world;
        Ledger ledger(world);
        for (const auto& where : everywhere)
            EXPECT_GE(forge_all(village, ledger, where, seed), 2U)
                << "nothing was answered, so nothing was measured";
        world.run_for(60_s);
        for (const auto& [address, account] : ledger.accounts)
            if (address.address[0] == 198) {
                EXPECT_FALSE(account.exceeded) << address.text() << " later";
            }
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
    village.join_ipv8();
    auto& world = village.world;
    const auto& counters = village.a.overlay->counters();
    std::size_t understood = 0;
    for (const auto& where : everywhere)
        for (unsigned id = 0; id < 256; ++id) {
            auto before = counters.dropped_unknown_message;
            Forger forger(id, where);
            for (const auto& noise : forger.noise(static_cast<std::uint8_t>(id)))
                world.inject(village.b.address, village.a.address, noise.bytes);
            if (counters.dropped_unknown_message != before) continue;
            ++understood;
            EXPECT_FALSE(forger.messages(static_cast<std::uint8_t>(id), village.a.address).empty())
                << where.hex() << " message " << id;
        }
    EXPECT_GE(understood, 45U);
    EXPECT_LT(understood, 256U);
}

// R-U10: whatever goes wrong, the answer, if there is one, goes to where the packet came from, and
// says nothing about us in words.
TEST(Hostile, errors_tell_nobody_anything) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    Village village(seed);
    village.join_ipv8();
    auto& world = village.world;
    std::set<Endpoint> told;
    std::size_t talkative = 0;
    world.on_send = [&](const World::Node& node, const Endpoint& to, ByteView bytes) {
        if (&node != &village.a) return true;
        told.insert(to);
        const std::string text(bytes.begin(), bytes.end());
        for (const auto* word : {"arren", "ersion", "rror", "/home", "/tmp", "/usr", ".cpp", "GCC"})
            if (text.find(word) != text.npos) ++talkative;
        return true;
    };
    std::set<Endpoint> known = {village.b.address, village.c.address};
    std::uint16_t port = 2000;
    for (const auto& where : everywhere)
        for (unsigned id = 0; id < 256; ++id) {
            const auto number = static_cast<std::uint8_t>(id);
            Forger forger(seed + id, where);
            auto probes = forger.messages(number, village.a.address);
            for (auto& noise : forger.noise(number))
                probes.push_back(std::move(noise));
            for (auto& probe : probes) {
                auto broken = probe.bytes;
                broken.resize(forger.random.below(broken.size()));
                probe.bytes[forger.random.below(probe.bytes.size())] ^= 0x20;
                const auto from = Endpoint::ipv4(198, 51, number, 1, ++port);
                known.insert(from);
                for (const auto& source : {from, village.b.address}) {
                    world.inject(source, village.a.address, broken);
                    world.inject(source, village.a.address, probe.bytes);
                }
                world.run_for(20_ms);
            }
        }
    world.run_for(30_s);
    for (const auto& to : told)
        EXPECT_TRUE(known.contains(to)) << to.text();
    EXPECT_EQ(talkative, 0U);
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

std::size_t heap_in_use() {
    return ::mallinfo2().uordblks;
}

// R-U2: a million sources, each heard once, take no memory, and who is honest is heard.
TEST(Hostile, a_million_spoofed_sources_leave_memory_flat) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    Village village(seed);
    auto& world = village.world;
    Forger forger(seed, community);
    const auto request = forger.request(Style::Old, village.a.address, {});
    std::size_t most = 0, sent = 0, honest = 0;
    const auto before = heap_in_use();
    for (std::size_t i = 0; i < 1'000'000; ++i) {
        const auto bits = forger.random.next();
        const auto from = Endpoint::ipv4(
            static_cast<std::uint8_t>(20 + bits % 90), static_cast<std::uint8_t>(bits >> 8),
            static_cast<std::uint8_t>(bits >> 16), static_cast<std::uint8_t>(bits >> 24), 9000);
        auto bytes = request;
        std::copy_n(reinterpret_cast<const std::uint8_t*>(&bits), 8, bytes.end() - 8);
        village.a.overlay->datagram(world.now(), from, bytes);
        if (i % 100 != 0) continue;
        world.drain(village.a);
        world.run_for(10_ms);
        most = std::max(most, heap_in_use());
        if (i % 10'000 != 0) continue;
        world.publish(village.b, community, 1, 100);
        ++sent;
        world.run_for(500_ms);
        honest += village.a.stores.at(community).size() == 50 + sent ? std::size_t{1} : 0;
    }
    EXPECT_GE(honest, sent * 99 / 100) << "of " << sent;
    EXPECT_LE(most - std::min(most, before), std::size_t{8} << 20);
}

// R-U7: what was said once is not heard again, however often it is repeated and by whom.
TEST(Hostile, repeated_packets_reach_no_handler) {
    const auto seed = seed_of_run();
    SCOPED_TRACE(how_to_repeat(seed));
    Village village(seed);
    village.join_ipv8();
    auto& world = village.world;
    std::vector<Bytes> signed_packets;
    for (const auto& where : everywhere) {
        Forger forger(seed, where);
        for (unsigned id = 0; id < 256; ++id)
            for (auto& crafted :
                 forger.messages(static_cast<std::uint8_t>(id), village.a.address)) {
                if (crafted.bytes.size() < 150) continue;  // not signed: nothing to be repeated
                world.inject(village.b.address, village.a.address, crafted.bytes);
                world.run_for(1_s);
                signed_packets.push_back(std::move(crafted.bytes));
            }
    }
    ASSERT_GE(signed_packets.size(), 12U);
    world.run_for(5_s);
    const auto& counters = village.a.overlay->counters();
    const auto records = counters.records_received;
    const auto checked = counters.signatures_checked;
    const auto stored = village.a.stores.at(community).size();
    std::size_t stirred = 0;
    for (int i = 0; i < 100'000; ++i) {
        const auto net = static_cast<std::uint8_t>(i % 200);
        const auto from = i % 2 == 0 ? village.b.address : Endpoint::ipv4(198, net, 100, 1, 7000);
        village.a.overlay->datagram(
            world.now(), from, signed_packets[static_cast<std::size_t>(i) % signed_packets.size()]);
        stirred += village.a.overlay->take_effects().size();
        if (i % 250 == 249) world.run_for(1_s);  // under ten minutes in all
    }
    EXPECT_EQ(stirred, 0U);
    EXPECT_EQ(counters.records_received, records);
    EXPECT_EQ(village.a.stores.at(community).size(), stored);
    // What is checked meanwhile, its two partners said anew.
    EXPECT_LE(counters.signatures_checked - checked, 2'000U);
}

}  // namespace
}  // namespace warren::sim
