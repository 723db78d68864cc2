// Fetching from several partners at once: what one is giving is not asked of another, what was lost
// is asked for together, and what a partner gave does not go back to it.
#include <set>

#include "tests/unit/overlay/partner_fixture.h"

namespace warren::protocol {
namespace {

class FetchTest : public PartnerTest {
protected:
    void want(const Peer& peer, std::vector<Selection> selections) {
        fetcher_.want(now_, key(peer), session_, selections, Fetcher::Origin::Repair);
    }
    Selection named(const std::vector<Bytes>& packets) const {
        Selection out{times(1, 1000)};
        for (const auto& packet : packets)
            out.ids.push_back(
                short_id(session_key(community_, session_), decode_record(packet)->id));
        std::ranges::sort(out.ids);
        return out;
    }
    void pass(Nanoseconds time) {
        now_ += time;
        fetcher_.tick(now_);
    }
};

TEST_F(FetchTest, ids_in_flight_are_asked_of_one_partner_only) {
    auto &one = add_partner(), &other = add_partner();
    const std::vector<Bytes> packets = {record(10), record(20), record(30)};
    want(one, {named(packets)});
    auto first = fetches();
    ASSERT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0].selections[0].ids, named(packets).ids);
    const auto fourth = record(40);
    want(other, {named({packets[1], fourth})});
    const auto second = fetches();
    ASSERT_EQ(second.size(), 1u);
    EXPECT_EQ(second[0].to, other.address);
    EXPECT_EQ(second[0].selections[0].ids, named({fourth}).ids);
    // Until storage has answered they stay claimed, also when they came.
    give(one, first[0].request, {}, packets);
    want(other, {named(packets)});
    EXPECT_TRUE(fetches().empty());
    commit(RecordVerdict::NotStored);
    want(other, {named(packets)});
    EXPECT_EQ(fetches().size(), 1u);
}

TEST_F(FetchTest, what_a_silent_partner_owes_is_free_once_it_is_given_up) {
    auto &silent = add_partner(), &other = add_partner();
    const auto wanted = named({record(10)});
    want(silent, {wanted});
    std::size_t asked = fetches().size();
    for (int i = 0; i < 100; ++i) {
        pass(500 * millisecond);
        asked += fetches().size();
    }
    EXPECT_EQ(asked, 6u);
    EXPECT_FALSE(fetcher_.busy(key(silent)));
    want(other, {wanted});
    EXPECT_EQ(fetches().size(), 1u);
}

// Two that have the same: each range comes from one of them, and both have their share.
TEST_F(FetchTest, ranges_are_shared_out_between_partners) {
    auto &one = add_partner(), &other = add_partner();
    std::vector<Selection> all;
    for (GlobalTime time = 100; time < 900; time += 100)
        all.push_back(all_of(times(time, time + 100)));
    want(one, all);
    want(other, all);
    std::map<Endpoint, std::size_t> share;
    std::set<GlobalTime> asked;
    for (auto waiting = fetches(); !waiting.empty(); waiting = fetches())
        for (const auto& fetch : waiting) {
            auto& peer = fetch.to == one.address ? one : other;
            ++share[fetch.to];
            std::vector<Bytes> packets;
            for (const auto& selection : fetch.selections) {
                EXPECT_TRUE(asked.insert(selection.range.lower.time).second) << "asked twice";
                packets.push_back(record(selection.range.lower.time + 1));
            }
            give(peer, fetch.request, {}, packets);
            commit();
        }
    EXPECT_EQ(asked.size(), all.size());
    EXPECT_GE(share[one.address], 2u);
    EXPECT_GE(share[other.address], 2u);
}

// A datagram of each of two answers is lost: one FETCH asks for both gaps, and for no more.
TEST_F(FetchTest, what_several_answers_lost_is_asked_for_in_one_datagram) {
    auto& peer = add_partner();
    want(peer, {all_of(times(100, 200)), all_of(times(500, 600))});
    const auto asked = fetches();
    ASSERT_EQ(asked.size(), 2u);
    for (const auto& fetch : asked) {
        const auto from = fetch.selections[0].range.lower.time;
        give(peer, fetch.request, {0, 3, false}, {record(from + 1), record(from + 20)});
        give(peer, fetch.request, {2, 3, false}, {record(from + 70), record(from + 99)});
    }
    commit();
    EXPECT_TRUE(fetches().empty());
    pass(150 * millisecond);
    const auto rest = fetches();
    ASSERT_EQ(rest.size(), 1u);
    ASSERT_EQ(rest[0].selections.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& range = rest[0].selections[i].range;
        const auto from = asked[i].selections[0].range.lower.time;
        EXPECT_EQ(range.lower.time, from + 20);
        EXPECT_EQ(range.upper.time, from + 70);
    }
    give(peer, rest[0].request, {}, {record(130), record(530)});
    commit();
    EXPECT_FALSE(fetcher_.busy(key(peer)));
}

// A rest waits for the answers that are on their way, not for those that are asked for later.
TEST_F(FetchTest, a_rest_waits_only_for_answers_that_were_on_their_way) {
    auto& peer = add_partner();
    want(peer, {all_of(times(100, 200)), all_of(times(500, 600)), all_of(times(700, 800))});
    const auto asked = fetches();
    ASSERT_EQ(asked.size(), 2u);  // the window has room for two
    give(peer, asked[0].request, {0, 2, false}, {record(101)});
    give(peer, asked[1].request, {0, 2, false}, {record(501)});
    give(peer, asked[1].request, {1, 2, false}, {record(590)});
    commit();
    const auto third = fetches();
    ASSERT_EQ(third.size(), 1u);
    EXPECT_EQ(third[0].selections[0].range, times(700, 800));
    pass(fetch_patience);
    std::size_t rests = 0;
    for (const auto& fetch : fetches())
        if (fetch.selections[0].range.lower.time == 101) ++rests;
    EXPECT_EQ(rests, 1u);
}

TEST_F(FetchTest, what_a_partner_gave_does_not_go_back_to_it) {
    auto &peer = add_partner(), &other = add_partner();
    const std::vector<Bytes> theirs = {record(110), record(130)};
    const std::vector<Bytes> all = {record(105), theirs[0], record(120), theirs[1]};
    want(peer, {all_of(times(100, 200))});
    give(peer, fetches().at(0).request, {}, theirs);
    commit();
    const auto served = [&](Peer& to, std::uint64_t session, const Selection& selection,
                            bool cut = false) {
        serving_.on_fetch(now_, to, community_,
                          {session, 1, 16 * 1024, encode_selections({selection})});
        const auto questions = wished<FetchRecords>();
        EXPECT_EQ(questions.size(), 1u);
        serving_.fetched(now_, questions.at(0).token, {all, cut});
        std::vector<Bytes> out;
        for (const auto& one : sent(OverlayMessage::SyncRecords)) {
            const auto message = decode_sync_records(one.body());
            for (const auto packet : message->packets)
                out.push_back(to_bytes(packet));
        }
        return out;
    };
    const auto whole = all_of(times(100, 200));
    EXPECT_EQ(served(peer, session_, whole), (std::vector{all[0], all[2]}));
    // The last one says how far an answer went that was cut.
    EXPECT_EQ(served(peer, session_, whole, true), (std::vector{all[0], all[2], all[3]}));
    EXPECT_EQ(served(peer, session_, named(all)), all) << "what is named is lacking";
    EXPECT_EQ(served(peer, session_ + 1, whole), all) << "it may have lost them since";
    EXPECT_EQ(served(other, session_, whole), all);
}

}  // namespace
}  // namespace warren::protocol
