// Records of two members and letters between simulated nodes: what is lost, doubled, late or asked
// of a node that crashed leads to one record that all have, or to a reason.
#include <gtest/gtest.h>

#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

using namespace protocol;

const CommunityId community = channel_community(PublicKey{}, Nonce{});
constexpr Nanoseconds second = 1'000'000'000;
constexpr Weather bad_weather{0.3, 0.1, 0.2};

struct Three {
    World world;
    World::Node &a, &b, &c;

    Three(std::uint64_t seed, Weather weather)
        : world(seed, weather), a(world.add_node()), b(world.add_node()), c(world.add_node()) {
        world.join(a, community);
        world.join(b, community, a.address);
        world.join(c, community, a.address);
    }
    bool meet() {
        return world.run_until(120 * second, [&] { return speaks(a, b) && speaks(b, a); });
    }
    static bool speaks(World::Node& from, World::Node& to) {
        auto* peer = from.overlay->peers().contains(member_id(to.key.view()))
                         ? &from.overlay->peers().at(member_id(to.key.view()))
                         : nullptr;
        const auto* membership = peer ? peer->in(community) : nullptr;
        return membership && membership->slot && membership->trusts_us && peer->proven;
    }
    // What a's storage would give: an agreement with b, signed by a.
    Bytes half(std::string text, GlobalTime time = 5) const {
        const auto payload = encode(Agreement{std::move(text)});
        return signed_packet(
            encode_unsigned({community, RecordKind::Agreement, a.key, time, {}, payload, b.key}));
    }
    static RecordId id_of(Bytes half) {
        half.resize(half.size() + signature_bytes);
        return decode_record(half)->id;
    }
    void propose(const Bytes& bytes, Nanoseconds patience) {
        ASSERT_TRUE(a.overlay->pairs().propose(world.now(), bytes, world.now() + patience).ok());
        world.drain(a);
    }
    Result<void> decide(const RecordId& id, Pairs::Decision decision, std::string_view why = {}) {
        auto out = b.overlay->pairs().decide(world.now(), id, decision, why);
        world.drain(b);
        return out;
    }
    bool settled(const World::Node& node) {
        return world.run_until(300 * second, [&] { return !node.pairs_settled.empty(); });
    }
};

TEST(PairSim, IsSignedByBothWhateverIsLost) {
    for_seeds(60, [](std::uint64_t seed) {
        Three three(seed, bad_weather);
        EXPECT_TRUE(three.meet()) << three.world.report();
        const auto half = three.half("we agree");
        const auto id = Three::id_of(half);
        three.propose(half, 600 * second);
        three.propose(half, 600 * second);  // a retry is the same request
        auto& b = three.b;
        EXPECT_TRUE(three.world.run_until(120 * second, [&] { return !b.pairs_opened.empty(); }));
        three.world.run_for(20 * second);  // a person takes time; the asker asks on
        EXPECT_TRUE(three.decide(id, Pairs::Decision::Accept).ok());
        EXPECT_TRUE(three.settled(three.a)) << three.world.report();
        EXPECT_TRUE(three.decide(id, Pairs::Decision::Accept).ok());
        EXPECT_FALSE(three.decide(id, Pairs::Decision::Refuse).ok());
        EXPECT_TRUE(three.world.run_until(300 * second, [&] {
            return three.world.all_equal(community, 1);
        })) << three.world.report();
        three.world.run_for(60 * second);
        EXPECT_EQ(b.pairs_opened.size(), 1u);
        for (const auto* node : {&three.a, &three.b}) {
            if (node->pairs_settled.size() != 1) {
                ADD_FAILURE() << "settled " << node->pairs_settled.size() << " times";
                continue;
            }
            EXPECT_EQ(node->pairs_settled[0].state, PairState::Signed);
            EXPECT_EQ(node->pairs_settled[0].record.id, id);
        }
        return three.world.event_hash();
    });
}

TEST(PairSim, ARefusalTellsWhy) {
    for_seeds(20, [](std::uint64_t seed) {
        Three three(seed, bad_weather);
        EXPECT_TRUE(three.meet());
        const auto by_user = three.half("no"), by_rule = three.half("never", 6);
        three.propose(by_user, 600 * second);
        auto& b = three.b;
        EXPECT_TRUE(three.world.run_until(120 * second, [&] { return !b.pairs_opened.empty(); }));
        EXPECT_TRUE(three.decide(Three::id_of(by_user), Pairs::Decision::Refuse, "not mine").ok());
        EXPECT_TRUE(three.settled(three.a));
        b.pair_refusal = "you may not";
        three.propose(by_rule, 600 * second);
        auto& told = three.a.pairs_settled;
        EXPECT_TRUE(three.world.run_until(120 * second, [&] { return told.size() == 2; }));
        if (told.size() == 2) {
            EXPECT_EQ(told[0].reason, "not mine");
            EXPECT_EQ(told[1].reason, "you may not");
            EXPECT_EQ(told[1].state, PairState::Refused);
        }
        EXPECT_EQ(b.pairs_opened.size(), 1u);  // what storage refuses, nobody is asked
        EXPECT_EQ(three.a.stores.at(community).size(), 0u);
        return three.world.event_hash();
    });
}

// Defect 13 of the model: an expired request and an accepted one are told alike.
TEST(PairSim, N13AnExpiredRequestIsToldAsAnAcceptedOne) {
    Three three(seed_of_run(), {});
    ASSERT_TRUE(three.meet());
    const auto accepted = three.half("in time", 5), expired = three.half("too late", 6);
    three.propose(expired, 20 * second);
    three.propose(accepted, 600 * second);
    auto& b = three.b;
    ASSERT_TRUE(three.world.run_until(30 * second, [&] { return b.pairs_opened.size() == 2; }));
    ASSERT_TRUE(three.decide(Three::id_of(accepted), Pairs::Decision::Accept).ok());
    auto& told = three.a.pairs_settled;
    ASSERT_TRUE(three.world.run_until(60 * second, [&] { return told.size() == 2; }));
    const auto& good = told[0];
    const auto& bad = told[1];
    EXPECT_EQ(good.state, PairState::Signed);
    EXPECT_EQ(bad.state, PairState::Expired);
    EXPECT_EQ(bad.record.id, Three::id_of(expired));
    for (const auto* row : {&good, &bad}) {
        EXPECT_EQ(row->community, community);
        EXPECT_EQ(row->kind, static_cast<std::uint8_t>(RecordKind::Agreement));
        EXPECT_EQ(row->first, three.a.key);
        EXPECT_EQ(row->second, b.key);
        EXPECT_TRUE(decode_agreement(row->payload).ok());
    }
    EXPECT_FALSE(bad.reason.empty());
    // Too late is too late for the other side too.
    ASSERT_TRUE(three.world.run_until(60 * second, [&] { return b.pairs_settled.size() == 2; }));
    EXPECT_FALSE(three.decide(Three::id_of(expired), Pairs::Decision::Accept).ok());
}

// What was signed is a record: it comes to its first signer even where the answer never does.
TEST(PairSim, CrashesOfEitherSide) {
    for_seeds(20, [](std::uint64_t seed) {
        Three three(seed, {0.1, 0.1, 0.1});
        auto& [world, a, b, c] = three;
        EXPECT_TRUE(three.meet());
        const auto half = three.half("we agree");
        three.propose(half, 600 * second);
        EXPECT_TRUE(world.run_until(120 * second, [&] { return !b.pairs_opened.empty(); }));
        world.restart(b);  // it forgot; it is asked again
        world.join(b, community, a.address);
        EXPECT_TRUE(world.run_until(300 * second, [&] { return b.pairs_opened.size() == 2; }))
            << world.report();
        world.restart(a);
        world.join(a, community, c.address);
        EXPECT_TRUE(three.decide(Three::id_of(half), Pairs::Decision::Accept).ok());
        EXPECT_TRUE(world.run_until(600 * second, [&] { return world.all_equal(community, 1); }))
            << world.report();
        return world.event_hash();
    });
}

TEST(PairSim, TablesAreBounded) {
    Three three(seed_of_run(), {});
    ASSERT_TRUE(three.meet());
    auto& told = three.a.pairs_settled;
    for (GlobalTime time = 1; time <= 20; ++time)
        three.propose(three.half("again", time), 600 * second);
    ASSERT_TRUE(three.world.run_until(
        60 * second, [&] { return told.size() == 20 - Pairs::of_one_member_max; }));
    EXPECT_EQ(told[0].state, PairState::Refused);
    EXPECT_EQ(three.b.pairs_opened.size(), Pairs::of_one_member_max);
    for (GlobalTime time = 100; time < 300; ++time) {
        auto out = three.a.overlay->pairs().propose(three.world.now(), three.half("more", time),
                                                    three.world.now() + 600 * second);
        if (!out.ok()) break;
    }
    three.world.drain(three.a);
    EXPECT_EQ(three.a.overlay->pairs().rows(three.world.now()).size(), Pairs::table_max);
    EXPECT_FALSE(three.a.overlay->pairs()
                     .propose(three.world.now(), three.half("one more", 999),
                              three.world.now() + 600 * second)
                     .ok());
}

// Only the first signer himself may ask, and only the one who is named is asked.
TEST(PairSim, NobodyAsksForAnother) {
    Three three(seed_of_run(), {});
    ASSERT_TRUE(three.meet());
    const auto half = three.half("in a's name");
    EXPECT_FALSE(three.c.overlay->pairs().propose(three.world.now(), half, 60 * second).ok());
    const Fragment piece{{5, Three::id_of(half)}, 0, 1, half};
    const auto body = encode(PairRequest{7, 60, piece});
    const auto datagram =
        frame_bare(community, static_cast<std::uint8_t>(DirectMessage::PairRequest), body);
    ASSERT_TRUE(
        three.world.run_until(120 * second, [&] { return Three::speaks(three.c, three.b); }));
    three.world.inject(three.c.address, three.b.address, datagram);
    three.world.inject(three.a.address, three.c.address, datagram);
    three.world.run_for(10 * second);
    EXPECT_TRUE(three.b.pairs_opened.empty());
    EXPECT_TRUE(three.c.pairs_opened.empty());
    three.world.inject(three.a.address, three.b.address, datagram);
    three.world.run_for(10 * second);
    EXPECT_EQ(three.b.pairs_opened.size(), 1u);
}

struct LetterSim : testing::Test {
    void send(Three& three, const World::Node& to, const std::string& text,
              Nanoseconds patience = 30 * second) {
        const auto now = three.world.now();
        ASSERT_TRUE(
            three.a.overlay->letters()
                .send(now, {++last_ref, community, member_id(to.key.view()), text, now + patience})
                .ok());
        three.world.drain(three.a);
    }
    static bool done(Three& three, std::size_t count) {
        return three.world.run_until(120 * second,
                                     [&] { return three.a.letters_done.size() == count; });
    }
    std::uint64_t last_ref = 0;
};

TEST_F(LetterSim, ComeOnceWhateverIsLostAndDoubled) {
    for_seeds(40, [this](std::uint64_t seed) {
        Three three(seed, bad_weather);
        EXPECT_TRUE(three.meet());
        send(three, three.b, "hello");
        send(three, three.b, "again");
        EXPECT_TRUE(done(three, 2)) << three.world.report();
        for (const auto& one : three.a.letters_done)
            EXPECT_EQ(one.fate, LetterFate::Delivered);
        three.world.run_for(30 * second);
        EXPECT_EQ(three.b.letters.size(), 2u);
        EXPECT_TRUE(three.c.letters.empty());
        for (const auto& letter : three.b.letters)
            EXPECT_EQ(letter.from, member_id(three.a.key.view()));
        return three.world.event_hash();
    });
}

TEST_F(LetterSim, UndeliverableSaysWhy) {
    Three three(seed_of_run(), {});
    ASSERT_TRUE(three.meet());
    auto& stranger = three.world.add_node();  // in no community
    send(three, stranger, "anybody?", 5 * second);
    ASSERT_TRUE(done(three, 1));
    EXPECT_EQ(three.a.letters_done.back().fate, LetterFate::NoPath);
    three.world.internet().set_side(three.b.host, 1);
    send(three, three.b, "are you there?", 5 * second);
    ASSERT_TRUE(done(three, 2));
    EXPECT_EQ(three.a.letters_done.back().fate, LetterFate::NoAnswer);
    three.world.internet().heal();
    for (int i = 0; i < 12; ++i)
        send(three, three.b, "flood");
    ASSERT_TRUE(done(three, 14));
    EXPECT_EQ(std::ranges::count(three.a.letters_done, LetterFate::TooMany, &LetterDone::fate), 2);
    EXPECT_EQ(three.b.letters.size(), 10u);
}

// A copy of another's letter, or one that is addressed to somebody else, is none.
TEST_F(LetterSim, CannotBePassedOn) {
    Three three(seed_of_run(), {});
    ASSERT_TRUE(three.meet());
    ASSERT_TRUE(three.world.run_until(120 * second, [&] {
        return Three::speaks(three.b, three.c) && Three::speaks(three.c, three.b);
    }));
    Bytes sent;
    three.world.on_send = [&](const World::Node& from, const Endpoint&, ByteView bytes) {
        const bool is_letter =
            bytes.size() > prefix_bytes &&
            bytes[prefix_bytes] == static_cast<std::uint8_t>(DirectMessage::Letter);
        if (&from == &three.a && is_letter) sent = to_bytes(bytes);
        return true;
    };
    send(three, three.b, "for b only");
    ASSERT_TRUE(done(three, 1));
    ASSERT_FALSE(sent.empty());
    three.world.inject(three.b.address, three.c.address, sent);  // not by b
    three.world.inject(three.a.address, three.c.address, sent);  // not to c
    three.world.inject(three.a.address, three.b.address, sent);  // a copy
    three.world.run_for(10 * second);
    EXPECT_TRUE(three.c.letters.empty());
    EXPECT_EQ(three.b.letters.size(), 1u);
}

}  // namespace
}  // namespace warren::sim
