// The evaluator against the plain reference, on random graphs of grants (R-C4).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/unit/community/reference.h"

namespace warren::protocol {
namespace {

// Small worlds, where most records bear on each other and many share a time.
class GraphMaker {
public:
    explicit GraphMaker(std::uint64_t seed) : random_(seed), scribe_(seed + 1) {}

    std::vector<TestRecord> make(std::size_t count) {
        records_.clear();
        kinds_ = {any_kind(), any_kind()};
        while (records_.size() < count)
            records_.push_back(next());
        return std::move(records_);
    }
    SeededRandom& random() { return random_; }

private:
    PublicKey author() { return member(static_cast<unsigned>(random_.below(5)) % 4); }
    GlobalTime time() { return 1 + random_.below(7); }
    ForumKind any_kind() { return static_cast<ForumKind>(2 + random_.below(7)); }
    ForumKind content_kind() { return kinds_[random_.below(kinds_.size())]; }

    std::vector<Grant> grants() {
        std::vector<Grant> out;
        for (auto left = 1 + random_.below(2); left > 0; --left) {
            const auto kind = random_.below(8) == 0 ? static_cast<ForumKind>(ControlKind::Destroy)
                                                    : content_kind();
            auto rights = random_.below(2) == 0 ? 15 : static_cast<int>(1 + random_.below(15));
            // Mostly such as there are; the others are refused whole.
            if (random_.below(16) != 0) {
                rights &= rights_on(*find_message(forum_type, static_cast<MessageId>(kind)));
                rights |= right::authorize;
            }
            const auto first = random_.below(16) == 0 ? 0u : 1u;
            out.push_back(
                grant(member(first + static_cast<unsigned>(random_.below(3))), kind, rights));
        }
        return out;
    }

    TestRecord undo() {
        const auto by = random_.below(2) == 0 ? ControlKind::UndoOwn : ControlKind::UndoOther;
        auto target = scribe_.content(time(), author(), content_kind());
        if (!records_.empty()) target = records_[random_.below(records_.size())];
        if (random_.below(16) == 0) target.kind = static_cast<MessageId>(content_kind());
        const auto whom =
            by == ControlKind::UndoOwn && random_.below(4) != 0 ? target.author : author();
        const auto action = random_.below(3) == 0 ? Undo::Action::Restore : Undo::Action::Undo;
        return scribe_.undo(target.ref.time + random_.below(4), whom, by, target, action);
    }

    TestRecord next() {
        const auto what = random_.below(32);
        if (what < 10) return scribe_.authorize(1 + random_.below(4), author(), grants());
        if (what < 14) return scribe_.revoke(time(), author(), grants());
        if (what < 17)
            return scribe_.settings(time(), author(),
                                    random_.below(2) == 0 ? ForumKind::Note : ForumKind::Page,
                                    static_cast<Policy>(random_.below(2)));
        if (what < 18) return scribe_.destroy(time(), author());
        if (what < 22) return undo();
        return content(content_kind());
    }

    TestRecord content(ForumKind kind) {
        if (kind != ForumKind::Pact)
            return scribe_.content(time(), author(), kind, random_.below(2) == 0 ? "one" : "two");
        const auto first = static_cast<unsigned>(random_.below(4));
        const auto other = (first + 1 + static_cast<unsigned>(random_.below(3))) % 4;
        return scribe_.pact(time(), member(first), member(other));
    }

    SeededRandom random_;
    Scribe scribe_;
    std::array<ForumKind, 2> kinds_{};  // of one graph: few, so that grants meet
    std::vector<TestRecord> records_;
};

// What the changes add up to is what the evaluator says.
using Verdicts = std::map<RecordRef, Verdict>;
void apply_changes(const std::vector<VerdictChange>& changes, Verdicts& verdicts) {
    for (const auto& change : changes) {
        const auto found = verdicts.find(change.record);
        ASSERT_EQ(change.before.has_value(), found != verdicts.end());
        ASSERT_TRUE(!change.before || *change.before == found->second);
        ASSERT_NE(change.before, change.after);
        verdicts[change.record] = change.after;
    }
}

TEST(Graphs, AgreeWithTheReference) {
    constexpr std::uint64_t seed = 41;
    constexpr int graphs = 100'000;
    GraphMaker maker(seed);
    std::map<Verdict, int> seen;
    int ended = 0;
    for (int graph = 0; graph < graphs; ++graph) {
        auto records = maker.make(6 + maker.random().below(14));
        Evaluator evaluator(forum_type, founder);
        Verdicts verdicts;
        for (const auto& record : records)
            apply_changes(evaluator.add(record.view()), verdicts);
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " graph " << graph;
        const auto expected = Reference(records).verdicts();
        ASSERT_EQ(verdicts, expected) << "seed " << seed << " graph " << graph;
        for (const auto& [ref, verdict] : expected)
            ++seen[verdict];
        ended += evaluator.permissions().end() ? 1 : 0;
        if (graph % 16 != 0) continue;
        const auto held = evaluator.verdicts();
        ASSERT_EQ(Verdicts(held.begin(), held.end()), verdicts);
    }
    // The graphs tried everything.
    EXPECT_EQ(seen.size(), 5u);
    for (const auto& [verdict, count] : seen)
        EXPECT_GT(count, graphs / 100) << testing::PrintToString(verdict);
    EXPECT_GT(ended, graphs / 100);
}

// How a node bounds its memory: what is not accepted waits outside until something reaches it.
TEST(Graphs, WhatIsNotAcceptedMayWaitOutside) {
    constexpr std::uint64_t seed = 47;
    GraphMaker maker(seed);
    std::size_t woken = 0;
    for (int graph = 0; graph < 10'000; ++graph) {
        Permissions whole(forum_type, founder), kept(forum_type, founder);
        std::vector<Claim> claims, waiting;
        for (const auto& record : maker.make(18))
            if (auto claim = claim_of(forum_type, founder, record.view()))
                if (claim->is_control()) claims.push_back(*claim);
        for (const auto& newcomer : claims) {
            whole.add(newcomer);
            std::vector<Claim> left{newcomer};
            while (!left.empty()) {
                const auto claim = left.back();
                left.pop_back();
                if (kept.judge(claim) != Verdict::Accepted) {
                    waiting.push_back(claim);
                    continue;
                }
                const auto effects = kept.add(claim);
                const auto reached = std::ranges::stable_partition(
                    waiting, [&](const Claim& one) { return !effects.reach(one); });
                woken += reached.size();
                left.insert(left.end(), reached.begin(), reached.end());
                waiting.erase(reached.begin(), reached.end());
            }
        }
        for (const auto& claim : claims)
            ASSERT_EQ(kept.judge(claim), whole.judge(claim))
                << "seed " << seed << " graph " << graph;
    }
    EXPECT_GT(woken, 1000u);
}

// Whoever has a record and its proof, and nothing else, comes to the same verdict.
TEST(Graphs, ProofsAreEnough) {
    constexpr std::uint64_t seed = 43;
    GraphMaker maker(seed);
    int refused = 0, chained = 0;
    for (int graph = 0; graph < 20'000; ++graph) {
        const auto records = maker.make(18);
        Permissions whole(forum_type, founder);
        std::map<RecordRef, Claim> claims;
        for (const auto& record : records)
            if (auto claim = claim_of(forum_type, founder, record.view())) {
                if (claim->is_control()) whole.add(*claim);
                claims.emplace(record.ref, *claim);
            }
        for (const auto& [ref, claim] : claims) {
            const auto proof = whole.proof(claim);
            Permissions from_proof(forum_type, founder);
            for (const auto& link : proof)
                from_proof.add(claims.at(link));
            const auto verdict = whole.judge(claim);
            ASSERT_EQ(from_proof.judge(claim), verdict) << "seed " << seed << " graph " << graph;
            refused += verdict == Verdict::Refused && !proof.empty() ? 1 : 0;
            chained += proof.size() > 2 ? 1 : 0;
        }
    }
    EXPECT_GT(refused, 1000);
    EXPECT_GT(chained, 1000);
}

}  // namespace
}  // namespace warren::protocol
