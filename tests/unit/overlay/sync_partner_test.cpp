// When sessions begin, how often an offer is repeated, and how much of our storage's time a partner
// has.
#include "tests/unit/overlay/partner_fixture.h"

namespace warren::protocol {
namespace {

OverlaySettings plenty_of_bytes() {
    OverlaySettings out;
    out.reply_burst_bytes = 1e9;
    return out;
}

class SyncPartnerTest : public PartnerTest {
protected:
    SyncPartnerTest() : PartnerTest(plenty_of_bytes()) {}

    CommunityRoot root_of(std::uint64_t records) { return {{records, records, records}, records}; }
    // Until storage is asked to open a session; the time that passed.
    std::optional<Reconcile> await_opening(Nanoseconds patience) {
        for (const auto end = now_ + patience; now_ < end; now_ += 10 * millisecond) {
            sync_.tick(now_);
            for (const auto& asked : wished<GetRoot>())
                sync_.own_root(now_, asked.token, root_of(100));
            for (auto& wish : wished<Reconcile>())
                if (wish.opening) return wish;
        }
        return std::nullopt;
    }
    void answer(const Reconcile& wish, const std::vector<Selection>& offers = {}) {
        const auto body = encode(SyncBody{});
        const auto none = encode_selections({});
        const auto offered = encode_selections(offers);
        sync_.reconciled(now_, wish.token, {body, none, offered});
    }
};

TEST_F(SyncPartnerTest, sessions_of_equals_get_rarer_up_to_half_a_minute) {
    auto& peer = add_partner();
    sync_.on_root(now_, community_, peer);
    std::vector<Nanoseconds> begins;
    for (int i = 0; i < 6; ++i) {
        const auto opening = await_opening(100 * second);
        ASSERT_TRUE(opening);
        begins.push_back(now_);
        answer(*opening);  // nothing to ask: equal
    }
    std::vector<Nanoseconds> waits;
    for (std::size_t i = 1; i < begins.size(); ++i)
        waits.push_back((begins[i] - begins[i - 1] + second / 2) / second);
    EXPECT_EQ(waits, (std::vector<Nanoseconds>{5, 10, 20, 30, 30}));
}

TEST_F(SyncPartnerTest, where_roots_are_equal_no_session_begins) {
    auto& peer = add_partner();
    peer.in(community_)->root = root_of(100);
    sync_.on_root(now_, community_, peer);
    EXPECT_FALSE(await_opening(100 * second));
    EXPECT_TRUE(peer.in(community_)->in_sync);
    // One record more, and it is not what is on its way to us.
    peer.in(community_)->root = root_of(101);
    sync_.on_root(now_, community_, peer);
    EXPECT_TRUE(await_opening(10 * second));
}

class OfferTest : public SyncPartnerTest {
protected:
    OfferTest() : peer_(add_partner()) {
        sync_.on_root(now_, community_, peer_);
        const auto opening = await_opening(10 * second);
        session_ = opening ? opening->session : 0;
        if (opening) answer(*opening, {{times(10, 20), {1, 2, 3}}, {times(50, 60), {4}}});
    }
    // How often the offer is sent in that time.
    std::size_t offers(Nanoseconds time) {
        std::size_t out = 0;
        for (const auto end = now_ + time; now_ < end; now_ += 20 * millisecond) {
            out += sent(OverlayMessage::SyncOffer).size();
            sync_.tick(now_);
        }
        return out;
    }
    void fetch(const SyncRange& range) {
        const auto selections = encode_selections({{range, {1}}});
        peer_.in(community_)->fetched_from_us = now_;
        sync_.on_fetch(peer_, community_, {session_, 1, 1000, selections});
    }

    Peer& peer_;
};

TEST_F(OfferTest, an_offer_that_nobody_takes_is_repeated_twice_and_the_session_ends) {
    EXPECT_EQ(offers(5 * second), 3u);
    EXPECT_EQ(wished<SyncEnded>().size(), 1u);
}

TEST_F(OfferTest, an_offer_that_is_taken_is_not_repeated) {
    EXPECT_EQ(offers(300 * millisecond), 1u);
    fetch(times(50, 60));
    EXPECT_EQ(offers(5 * second), 0u);
    EXPECT_EQ(wished<SyncEnded>().size(), 1u);
}

TEST_F(OfferTest, while_the_partner_fetches_something_else_the_offer_waits) {
    EXPECT_EQ(offers(300 * millisecond), 1u);
    for (int i = 0; i < 20; ++i) {
        fetch(times(500, 600));
        EXPECT_EQ(offers(300 * millisecond), 0u);
    }
    EXPECT_GE(offers(1 * second), 1u);
}

// Each answer has 48 sums: about 0.7 ms of storage. A second is saved up, then a tenth of the time.
TEST_F(SyncPartnerTest, a_partner_has_its_share_of_storage_and_no_more) {
    auto &greedy = add_partner(), &modest = add_partner();
    std::vector<SyncElement> elements;
    for (GlobalTime time = 1; time <= 48; ++time)
        elements.push_back({.range = times(time, time + 1), .mode = SyncMode::Fingerprint});
    const auto body = encode(SyncBody{0, elements});
    const auto none = encode_selections({});
    std::uint32_t sequence = 0;
    const auto answered = [&](Peer& peer, int questions) {
        std::size_t out = 0;
        for (int i = 0; i < questions; ++i) {
            sync_.on_ranges(now_, peer, community_,
                            {session_, SyncDirection::Request, ++sequence, 0, 1, body});
            for (const auto& wish : wished<Reconcile>()) {
                EXPECT_TRUE(wish.responder);
                sync_.reconciled(now_, wish.token, {body, none, none});
                ++out;
            }
            hub_.effects.clear();
        }
        return out;
    };
    const auto burst = answered(greedy, 5000);
    EXPECT_GE(burst, 1300u);
    EXPECT_LE(burst, 1450u);
    EXPECT_EQ(answered(modest, 10), 10u);
    now_ += second;
    const auto later = answered(greedy, 5000);
    EXPECT_GE(later, 130u);
    EXPECT_LE(later, 150u);
    EXPECT_GT(hub_.counters.dropped_reply_budget, 8000u);
}

}  // namespace
}  // namespace warren::protocol
