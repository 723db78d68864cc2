// Properties of the overlay in a simulated network: convergence under loss, repeatability, no
// amplification, bounded memory. A failure prints its seed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "protocol/overlay_messages.h"
#include "tests/sim/overlay_world.h"

namespace warren::sim {
namespace {

using namespace protocol;

std::uint64_t seed_of_run() {
    const char* text = std::getenv("WARREN_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 20'240'611;
}

// What the nodes did, for a failure's report.
std::string report(World& world) {
    std::string out;
    for (auto& node : world.nodes()) {
        out += node->address.text();
        each_counter(node->overlay->counters(), [&](const char* name, std::uint64_t value) {
            if (value != 0) out += std::string(" ") + name + "=" + std::to_string(value);
        });
        out += "\n";
    }
    return out;
}

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
        world.join(node, community);
        node.overlay->add_bootstrap(world.now(), knows.address);
        world.drain(node);
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
        << report(world);
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
            << report(world);
        EXPECT_LE(b.overlay->counters().records_fetched, 4040u) << "seed " << seed << "\n"
                                                                << report(world);
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

// ---- hostile sources

struct Forger {
    SeededRandom random;
    PublicKey key;

    explicit Forger(std::uint64_t seed) : random(seed), key(make_key(random)) {}

    Bytes signed_message(BaseMessage id, ByteView payload) {
        return signed_packet(frame_signed(community, static_cast<std::uint8_t>(id), key,
                                          random.below(65536), payload));
    }
    Bytes request(Style style, const Endpoint& to, bool with_trailer) {
        IntroductionRequest request;
        request.style = style;
        request.destination = to;
        request.identifier = static_cast<std::uint16_t>(random.next());
        Trailer trailer;
        trailer.cookie = random.next();
        trailer.echo = random.next();
        auto extra = encode(trailer);
        if (with_trailer) request.extra = extra;
        auto id = style == Style::Old ? BaseMessage::IntroductionRequest
                                      : BaseMessage::NewIntroductionRequest;
        return signed_message(id, encode(request));
    }
    Bytes response(Style style, const Endpoint& to) {
        IntroductionResponse response;
        response.style = style;
        response.destination = to;
        response.introduced_wan = Endpoint::ipv4(198, 51, 100, 7, 4000);
        auto id = style == Style::Old ? BaseMessage::IntroductionResponse
                                      : BaseMessage::NewIntroductionResponse;
        return signed_message(id, encode(response));
    }
    Bytes puncture_request(Style style, const Endpoint& target) {
        PunctureRequest request{style, target, target, 7};
        auto id =
            style == Style::Old ? BaseMessage::PunctureRequest : BaseMessage::NewPunctureRequest;
        return frame_unsigned(community, static_cast<std::uint8_t>(id), 1, encode(request));
    }
    Bytes record() {
        Bytes payload(80);
        random.fill(payload);
        RecordDraft draft{community, RecordKind::Torrent, key, 5, {}, payload};
        return signed_packet(encode_unsigned(draft));
    }
    Bytes bare(OverlayMessage id, const Bytes& body) {
        return frame_bare(community, static_cast<std::uint8_t>(id), body);
    }
    std::vector<std::pair<std::string, Bytes>> one_of_each(const Endpoint& to) {
        MemoryStore empty(community);
        auto elements = encode_elements(open_sync(empty));
        auto target = Endpoint::ipv4(203, 0, 113, 9, 5000);
        return {
            {"request", request(Style::Old, to, true)},
            {"request without trailer", request(Style::Old, to, false)},
            {"new request", request(Style::New, to, true)},
            {"response", response(Style::Old, to)},
            {"new response", response(Style::New, to)},
            {"puncture request", puncture_request(Style::Old, target)},
            {"puncture request to loopback",
             puncture_request(Style::New, Endpoint::ipv4(127, 0, 0, 1, 5000))},
            {"record", record()},
            {"sync-ranges", bare(OverlayMessage::SyncRanges,
                                 encode(SyncRanges{1, SyncDirection::Request, 1, 0, 1, elements}))},
            {"sync-fetch", bare(OverlayMessage::SyncFetch, encode(SyncFetch{1, 1, 65536, {}}))},
            {"sync-records", bare(OverlayMessage::SyncRecords, encode(SyncRecords{}))},
            {"sync-offer", bare(OverlayMessage::SyncOffer, encode(SyncOffer{}))},
            {"record-offer", bare(OverlayMessage::RecordOffer,
                                  encode(RecordOffer{{RecordRef{1, random.id<RecordId>()}}}))},
            {"swarm-query",
             bare(OverlayMessage::SwarmQuery, encode(SwarmQuery{1, {random.id<Infohash>()}}))},
            {"swarm-reply", bare(OverlayMessage::SwarmReply, encode(SwarmReply{1, 1, 80}))},
        };
    }
};

TEST(Overlay, unproven_addresses_get_no_more_than_they_sent) {
    auto seed = seed_of_run();
    SCOPED_TRACE("WARREN_SEED=" + std::to_string(seed));
    Chain chain(seed, 0);
    auto& world = chain.world;
    world.join(chain.a, community);
    world.publish(chain.a, community, 50, 100);
    chain.start(chain.b, chain.a);
    chain.start(chain.c, chain.b);
    world.run_for(20 * second);
    std::map<Endpoint, std::size_t> out;
    world.on_send = [&](const Endpoint&, const Endpoint& to, ByteView bytes) {
        out[to] += bytes.size();
    };
    Forger names(seed);
    auto kinds = names.one_of_each(chain.a.address).size();
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        // The same kind again and again from one spoofed address, as a reflector would be used.
        Forger forger(seed + kind);
        auto from = Endpoint::ipv4(198, 51, static_cast<std::uint8_t>(kind), 1, 7000);
        std::size_t in = 0, messages = 0;
        std::string name;
        for (int round = 0; round < 10; ++round) {
            auto [label, bytes] = forger.one_of_each(chain.a.address)[kind];
            name = label;
            in += bytes.size();
            ++messages;
            world.inject(from, chain.a.address, bytes);
            world.run_for(second);
        }
        world.run_for(10 * second);
        bool answered = name.find("request") != std::string::npos;
        EXPECT_LE(out[from], in + (answered ? 16 * messages : 0)) << name;
        if (name == "request") {
            EXPECT_GT(out[from], 0U);
        }
    }
    EXPECT_EQ(out.count(Endpoint::ipv4(203, 0, 113, 9, 5000)), 0U) << "punctured a third party";
    EXPECT_EQ(out.count(Endpoint::ipv4(127, 0, 0, 1, 5000)), 0U);
    EXPECT_EQ(out.count(Endpoint::ipv4(198, 51, 100, 7, 4000)), 0U) << "believed a forged response";
    EXPECT_EQ(chain.a.stores.at(community).size(), 50U);
}

TEST(Overlay, flood_leaves_memory_bounded_and_partners_served) {
    auto seed = seed_of_run();
    SCOPED_TRACE("WARREN_SEED=" + std::to_string(seed));
    Chain chain(seed, 0);
    auto& world = chain.world;
    world.join(chain.a, community);
    chain.start(chain.b, chain.a);
    chain.start(chain.c, chain.b);
    world.run_for(10 * second);
    Forger forger(seed);
    auto kinds = forger.one_of_each(chain.a.address);
    for (int i = 0; i < 100'000; ++i) {
        auto bits = forger.random.next();
        auto from = Endpoint::ipv4(
            static_cast<std::uint8_t>(11 + bits % 100), static_cast<std::uint8_t>(bits >> 8),
            static_cast<std::uint8_t>(bits >> 16), static_cast<std::uint8_t>(bits >> 24), 9000);
        auto bytes = kinds[(bits >> 32) % kinds.size()].second;
        if ((bits >> 60) < 8) bytes[bytes.size() - 1 - (bits >> 40) % 64 % bytes.size()] ^= 1;
        if ((bits >> 60) == 15) bytes.resize((bits >> 40) % bytes.size());
        world.inject(from, chain.a.address, bytes);
        if (i % 10 == 0) world.run_for(1'000'000);
    }
    EXPECT_LE(chain.a.overlay->peers().size(), 300U);
    // The check budget held: 10 s of flood at 2,000 a second, plus what the partners sent.
    EXPECT_LE(chain.a.overlay->counters().signatures_checked, 21'000U);
    world.publish(chain.b, community, 20, 100);
    EXPECT_TRUE(world.run_until(5 * second, [&] { return world.all_equal(community, 20); }));
    world.run_for(60 * second);
    EXPECT_LE(chain.a.overlay->peers().size(), 4U) << "strangers stay";
}

}  // namespace
}  // namespace warren::sim
