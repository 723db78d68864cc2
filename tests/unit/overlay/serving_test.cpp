// R-U5: bulk answers go out in turns. Who asks for much more than the others gets no more of a
// storage that is the bottleneck.
#include <gtest/gtest.h>

#include "protocol/community/proof_request.h"
#include "protocol/overlay_fetch.h"
#include "protocol/overlay_serve.h"

namespace warren::protocol {
namespace {

constexpr Nanoseconds millisecond = 1'000'000;
const CommunityId community{};

class ServingTest : public testing::Test {
protected:
    static constexpr std::size_t askers = 20;

    ServingTest()
        : hub_(random_.id<PublicKey>(), {}, random_), proofs_(hub_), gossip_(hub_, proofs_),
          fetcher_(hub_, gossip_, proofs_), serving_(hub_, fetcher_) {
        for (std::size_t i = 0; i < askers; ++i) {
            auto from = Endpoint::ipv4(20, static_cast<std::uint8_t>(i), 1, 1, 8000);
            auto* peer = hub_.peers.touch(now_, {random_.id<PublicKey>(), from, true, false});
            hub_.peers.admit(now_, community, *peer, 30);
            peers_.push_back(peer);
        }
    }
    void ask(std::size_t who) {
        serving_.on_fetch(now_, *peers_[who], community, {1, ++request_, 16 * 1024, {}});
    }
    // Storage answers one question a millisecond, in the order they came.
    void answer_one() {
        now_ += millisecond;
        for (auto& effect : hub_.effects)
            if (auto* fetch = std::get_if<FetchRecords>(&effect)) waiting_.push_back(fetch->token);
        hub_.effects.clear();
        if (waiting_.empty()) return;
        serving_.fetched(now_, waiting_.front(), {{Bytes(1000), Bytes(1000)}});
        waiting_.pop_front();
        for (auto& effect : hub_.effects)
            if (auto* out = std::get_if<SendDatagram>(&effect)) got_[out->to] += out->bytes.size();
    }
    // How much the first nineteen got in a second while the last asked so often.
    std::size_t of_nineteen(std::size_t storm) {
        got_.clear();
        for (int ms = 0; ms < 1000; ++ms) {
            if (ms % 20 == 0)
                for (std::size_t i = 0; i + 1 < askers; ++i)
                    ask(i);
            for (std::size_t i = 0; i < storm; ++i)
                ask(askers - 1);
            answer_one();
        }
        std::size_t out = 0;
        for (std::size_t i = 0; i + 1 < askers; ++i)
            out += got_[peers_[i]->address];
        return out;
    }

    SeededRandom random_{3};
    Hub hub_;
    Proofs proofs_;
    Gossip gossip_;
    Fetcher fetcher_;
    Serving serving_;
    Nanoseconds now_ = 1'000'000'000'000;
    std::uint32_t request_ = 0;
    std::vector<Peer*> peers_;
    std::deque<Token> waiting_;
    std::map<Endpoint, std::size_t> got_;
};

TEST_F(ServingTest, a_storm_by_one_of_twenty_leaves_the_others_nine_tenths) {
    const auto quiet = of_nineteen(0);
    const auto stormy = of_nineteen(50);
    EXPECT_GE(stormy * 10, quiet * 9);
    EXPECT_GT(got_[peers_.back()->address], 0U);
    EXPECT_GT(hub_.counters.dropped_busy, 40'000U) << "its queue is bounded";
}

TEST_F(ServingTest, few_questions_are_with_storage_and_each_has_a_bounded_queue) {
    for (int i = 0; i < 100; ++i)
        ask(0);
    EXPECT_EQ(hub_.effects.size(), 4U) << "of one partner";
    EXPECT_EQ(hub_.counters.dropped_busy, 80U) << "four are out, sixteen of 16 KiB wait";
    for (std::size_t who = 1; who < askers; ++who)
        ask(who);
    EXPECT_EQ(hub_.effects.size(), 16U);
    for (int i = 0; i < 100; ++i)
        answer_one();
    EXPECT_EQ(hub_.counters.records_served, (20 + askers - 1) * 2);
}

TEST_F(ServingTest, a_storage_that_does_not_answer_is_given_up) {
    for (std::size_t who = 0; who < askers; ++who)
        ask(who);
    hub_.effects.clear();
    serving_.tick(now_ += 11'000 * millisecond);
    EXPECT_EQ(hub_.effects.size(), 4U) << "those who waited have their turn";
}

// Questions about rights stand in the same line, and their answers have the same bounds.
TEST_F(ServingTest, proofs_are_served_like_records) {
    const Question one{PublicKey{}, {right::permit, 2, 7}};
    const auto body = encode({&one, 1});
    for (int i = 0; i < 300; ++i)
        serving_.on_proof_request(now_, *peers_[0], community, {7, 9, 1024 * 1024, body});
    ASSERT_EQ(hub_.effects.size(), 4U);
    const auto* asked = std::get_if<GetProof>(&hub_.effects[0]);
    ASSERT_NE(asked, nullptr);
    EXPECT_EQ(asked->questions, body);
    EXPECT_EQ(asked->bytes_max, 64U * 1024) << "whatever was asked for";
    EXPECT_EQ(hub_.counters.dropped_busy, 292U) << "four are out, four of 64 KiB wait";
    const auto token = asked->token;
    hub_.effects.clear();
    serving_.fetched(now_, token, {{Bytes(1000)}});
    const auto* sent = std::get_if<SendDatagram>(&hub_.effects[0]);
    ASSERT_NE(sent, nullptr);
    EXPECT_EQ(sent->to, peers_[0]->address);
    const auto header = decode_header(sent->bytes);
    ASSERT_TRUE(header.ok());
    const auto records = decode_sync_records(header->body);
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->session, 7U);
    EXPECT_EQ(records->request, 9U);
    // However little each asks for, few of them wait.
    for (int i = 0; i < 1000; ++i)
        serving_.on_proof_request(now_, *peers_[1], community, {7, 9, 0, body});
    EXPECT_EQ(hub_.counters.dropped_busy, 292U + 1000 - 256 - 4);
}

}  // namespace
}  // namespace warren::protocol
