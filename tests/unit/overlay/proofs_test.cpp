// Asking for missing proofs: whom, how often, and that no flood of records that wait makes us a
// nuisance to others (R-U8).
#include <gtest/gtest.h>

#include "protocol/community/control_records.h"
#include "protocol/community/proof_request.h"
#include "protocol/overlay_proofs.h"

namespace warren::protocol {
namespace {

constexpr Nanoseconds second = 1'000'000'000;
const CommunityId community = SeededRandom(9).id<CommunityId>();

class ProofsTest : public testing::Test {
protected:
    ProofsTest() : hub_(random_.id<PublicKey>(), {}, random_), proofs_(hub_) {
        hub_.communities[community];
        for (std::uint8_t i = 0; i < 6; ++i) {
            auto* peer = hub_.peers.touch(
                now_, {random_.id<PublicKey>(), Endpoint::ipv4(20, i, 1, 1, 8000), true, false});
            hub_.peers.admit(now_, community, *peer, 30);
            peer->in(community)->trusts_us = true;
            peers_.push_back(peer);
        }
    }
    PublicKey key() {
        auto out = random_.id<PublicKey>();
        std::ranges::copy(view_of("LibNaCLPK:"), out.bytes.begin());
        return out;
    }
    Bytes packet(const PublicKey& author, GlobalTime time, MessageId kind, ByteView payload) {
        auto out =
            encode_unsigned({community, static_cast<RecordKind>(kind), author, time, {}, payload});
        out.resize(out.size() + signature_bytes);
        return out;
    }
    Bytes film(const PublicKey& author, GlobalTime time) {
        TorrentEntry entry;
        entry.infohash = random_.id<Infohash>();
        entry.name = "film";
        entry.files = 1;
        return packet(author, time, 2, encode(entry));
    }
    Bytes grant_of(const PublicKey& whom) {
        return packet(key(), 2, id_of(ControlKind::Authorize),
                      encode_grants({{whom, 2, right::permit}}));
    }
    struct Ask {
        Endpoint to;
        ProofRequest request;
        std::vector<Question> questions;
    };
    // Which requests left since the last call; the views look into what is kept here.
    std::vector<Ask> asks() {
        std::vector<Ask> out;
        for (auto& effect : std::exchange(hub_.effects, {})) {
            if (auto* store = std::get_if<StoreRecords>(&effect)) stores_.push_back(*store);
            auto* sent = std::get_if<SendDatagram>(&effect);
            if (sent == nullptr) continue;
            kept_.push_back(std::move(sent->bytes));
            const auto header = decode_header(kept_.back());
            if (header->message_id != static_cast<std::uint8_t>(OverlayMessage::ProofRequest))
                continue;
            const auto request = decode_proof_request(header->body);
            EXPECT_TRUE(request.ok());
            out.push_back({sent->to, *request, *decode_questions(request->questions)});
        }
        return out;
    }
    std::vector<Ask> run_for(Nanoseconds span) {
        std::vector<Ask> out;
        for (const auto end = now_ + span; now_ < end; now_ += second / 10) {
            proofs_.tick(now_);
            for (auto& ask : asks())
                out.push_back(ask);
        }
        return out;
    }
    void waits(ByteView record, std::size_t from) {
        proofs_.waits(now_, community, record, peers_[from]->member);
    }
    bool answer(const Ask& ask, std::size_t from, const std::vector<Bytes>& packets) {
        SyncRecords message;
        message.session = ask.request.session;
        message.request = ask.request.request;
        for (const auto& one : packets)
            message.packets.push_back(one);
        return proofs_.on_records(now_, *peers_[from], community, message);
    }

    SeededRandom random_{3};
    Hub hub_;
    Proofs proofs_;
    Nanoseconds now_ = 1000 * second;
    std::vector<Peer*> peers_;
    std::deque<Bytes> kept_;
    std::vector<StoreRecords> stores_;
};

TEST_F(ProofsTest, the_sender_is_asked_what_the_record_needs) {
    const auto author = key();
    waits(film(author, 7), 2);
    const auto sent = run_for(second / 2);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].to, peers_[2]->address);
    ASSERT_EQ(sent[0].questions.size(), 1U);
    EXPECT_EQ(sent[0].questions[0].member, author);
    EXPECT_EQ(sent[0].questions[0].need.right, right::permit);
    EXPECT_EQ(sent[0].questions[0].need.kind, 2);
    EXPECT_EQ(sent[0].questions[0].need.time, 7U);
}

TEST_F(ProofsTest, equal_questions_are_one_and_eight_go_in_a_datagram) {
    const auto author = key();
    for (std::size_t from = 0; from < 3; ++from)
        for (int i = 0; i < 5; ++i)
            waits(film(author, 7), from);
    EXPECT_EQ(proofs_.questions(), 1U);
    for (GlobalTime time = 8; time < 15; ++time)
        waits(film(author, time), 0);
    const auto sent = run_for(second / 2);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].questions.size(), 8U);
}

TEST_F(ProofsTest, who_is_silent_is_followed_by_others_a_few_times) {
    waits(film(key(), 7), 0);
    const auto sent = run_for(60 * second);
    ASSERT_EQ(sent.size(), 4U);
    std::set<Endpoint> asked;
    for (const auto& ask : sent)
        asked.insert(ask.to);
    EXPECT_EQ(asked.size(), 4U) << "nobody twice while there are others";
    EXPECT_EQ(sent[0].to, peers_[0]->address);
    EXPECT_EQ(proofs_.questions(), 0U);
    EXPECT_EQ(hub_.counters.proofs_given_up, 1U);
}

TEST_F(ProofsTest, who_has_nothing_new_is_followed_at_once) {
    waits(film(key(), 7), 0);
    const auto first = run_for(second / 2);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_TRUE(answer(first[0], 0, {}));
    const auto second_ask = run_for(second / 2);
    ASSERT_EQ(second_ask.size(), 1U);
    EXPECT_NE(second_ask[0].to, peers_[0]->address);
    // Nor is one who gives what we have.
    const auto at = static_cast<std::size_t>(
        std::ranges::find(peers_, second_ask[0].to, &Peer::address) - peers_.begin());
    EXPECT_TRUE(answer(second_ask[0], at, {grant_of(key())}));
    EXPECT_TRUE(asks().empty());
    ASSERT_EQ(stores_.size(), 1U);
    EXPECT_TRUE(proofs_.stored(now_, stores_[0].token, {RecordVerdict::Known}));
    EXPECT_EQ(run_for(second / 2).size(), 1U);
}

TEST_F(ProofsTest, an_answer_is_stored_and_ends_when_the_record_is_judged) {
    for (const auto verdict : {RecordVerdict::Accepted, RecordVerdict::Refused}) {
        const auto author = key();
        const auto record = film(author, 7);
        waits(record, 0);
        const auto sent = run_for(second / 2);
        ASSERT_EQ(sent.size(), 1U);
        EXPECT_TRUE(answer(sent[0], 0, {grant_of(author)}));
        EXPECT_TRUE(asks().empty());
        ASSERT_FALSE(stores_.empty());
        EXPECT_TRUE(stores_.back().solicited);
        EXPECT_EQ(stores_.back().source, source_number(peers_[0]->address));
        EXPECT_TRUE(proofs_.stored(now_, stores_.back().token, {RecordVerdict::Accepted}));
        EXPECT_EQ(proofs_.questions(), 1U) << "it still waits, as far as we know";
        proofs_.judged_again(community, {decode_record(record)->ref(), verdict});
        EXPECT_EQ(proofs_.questions(), 0U);
        EXPECT_TRUE(run_for(30 * second).empty());
    }
}

TEST_F(ProofsTest, only_the_asked_may_answer_with_what_proves_and_no_more_than_the_credit) {
    const auto author = key();
    waits(film(author, 7), 0);
    const auto sent = run_for(second / 2);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(answer(sent[0], 1, {grant_of(author)})) << "taken, and dropped";
    auto guess = sent[0];
    ++guess.request.session;
    EXPECT_FALSE(answer(guess, 0, {grant_of(author)}));
    EXPECT_TRUE(answer(sent[0], 0, {film(author, 5)}));
    EXPECT_TRUE(asks().empty());
    EXPECT_TRUE(stores_.empty());

    waits(film(author, 8), 0);
    const auto more = run_for(second / 2);
    ASSERT_FALSE(more.empty());
    const std::vector<Bytes> much(200, grant_of(author));
    EXPECT_TRUE(answer(more.back(), 0, much));
    EXPECT_TRUE(asks().empty());
    EXPECT_TRUE(stores_.empty());
    EXPECT_GE(hub_.counters.dropped_unsolicited, 3U);
}

TEST_F(ProofsTest, a_flood_of_waiting_records_asks_little_and_leaves_room_for_others) {
    std::size_t sent = 0;
    for (int i = 0; i < 600; ++i) {
        for (int k = 0; k < 100; ++k)
            waits(film(key(), 7), 0);
        proofs_.tick(now_ += second / 10);
        sent += asks().size();
        EXPECT_LE(proofs_.questions(), 64U);
    }
    EXPECT_GT(hub_.counters.dropped_busy, 50'000U);
    EXPECT_LE(sent, 60U * 16 + 32) << "in a minute";
    waits(film(key(), 7), 1);
    bool asked = false;
    for (const auto& ask : run_for(second))
        asked = asked || ask.to == peers_[1]->address;
    EXPECT_TRUE(asked) << "another one's record is not held up";
}

TEST_F(ProofsTest, what_is_left_is_forgotten) {
    waits(film(key(), 7), 0);
    proofs_.leave(community);
    EXPECT_EQ(proofs_.questions(), 0U);
    EXPECT_TRUE(run_for(10 * second).empty());
}

}  // namespace
}  // namespace warren::protocol
