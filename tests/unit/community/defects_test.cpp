// What went wrong in Dispersy, as far as it concerns the rules of a community: each mistake that
// its readers found is a test here that Warren does not repeat it. The numbers are those of the
// table in docs/communities.md, which says where the others are tested.
#include <gtest/gtest.h>

#include "protocol/community/fork.h"
#include "tests/unit/community/support.h"

namespace warren::protocol {
namespace {

using enum ForumKind;
const PublicKey anna = member(1), bob = member(2);

Claim claim(const TestRecord& record) {
    return *claim_of(forum_type, founder, record.view());
}

TEST(Defect, N01ARefusalYieldsProofsThatCanBeUsed) {
    Scribe scribe;
    Node node;
    const auto grants = scribe.authorize(1, founder, {grant(anna, Post, 7)});
    const auto revoke = scribe.revoke(2, anna, {grant(bob, Post, 1)});
    const auto post = scribe.content(3, bob, Post);
    node.add_all({grants, revoke, post});
    EXPECT_EQ(node.verdict(post), Verdict::Refused);
    const auto proof = node.evaluator.permissions().proof(claim(post));
    EXPECT_EQ(proof, (std::vector{grants.ref, revoke.ref}));
    Node other;
    other.add_all({revoke, grants, post});
    EXPECT_EQ(other.verdict(post), Verdict::Refused);
}

TEST(Defect, N02EachTypeIsCheckedByItsOwnPolicy) {
    Scribe scribe;
    Node node;
    // Note is public now, page is not: what anna may hand on of one says nothing of the other.
    node.add(scribe.authorize(
        1, founder, {grant(anna, Note, right::authorize), grant(anna, Page, right::authorize)}));
    const auto both = scribe.authorize(
        2, anna, {grant(bob, Note, right::permit), grant(bob, Page, right::permit)});
    const auto note = scribe.authorize(2, anna, {grant(bob, Note, right::permit)});
    node.add_all({both, note});
    EXPECT_EQ(node.verdict(note), Verdict::Accepted);
    EXPECT_EQ(node.verdict(both), Verdict::Waiting);
}

Bytes packet(std::string_view text, std::uint8_t signature, GlobalTime time = 5,
             const RecordRef& prev = {}) {
    const RecordDraft draft{{}, RecordKind::Torrent, anna, time, prev, view_of(text)};
    auto out = encode_unsigned(draft);
    out.resize(out.size() + signature_bytes, signature);
    return out;
}

TEST(Defect, N03OneBodyIsTheWholeBody) {
    const std::string text(500, 'x');
    const auto ending = text.substr(1) + "y";  // differs in the last byte, behind many equal ones
    EXPECT_TRUE(make_fork_proof(packet(text, 1), packet(ending, 1)).ok());
    EXPECT_FALSE(make_fork_proof(packet(text, 1), packet(text, 2)).ok());  // signed twice
}

TEST(Defect, N04ARecordIsSupersededByItsOwnTypeOnly) {
    Scribe scribe;
    Node node;
    const auto vote = scribe.content(2, founder, Vote);
    node.add_all({vote, scribe.content(3, founder, Draw), scribe.content(4, founder, Draw),
                  scribe.content(5, founder, Post)});
    EXPECT_EQ(node.verdict(vote), Verdict::Accepted);
}

TEST(Defect, N05AnIndexOnePastTheLastPolicyIsRejected) {
    const auto last = static_cast<std::uint8_t>(Policy::Linear);
    EXPECT_TRUE(decode_settings(Bytes{4, last}).ok());
    EXPECT_FALSE(decode_settings(Bytes{4, static_cast<std::uint8_t>(last + 1)}).ok());
}

TEST(Defect, N07NoMalformedRecordTripsACheck) {
    SeededRandom random(51);
    Scribe scribe(52);
    for (int graph = 0; graph < 300; ++graph) {
        Node node;
        for (int i = 0; i < 30; ++i) {
            Bytes payload(random.below(160));
            random.fill(payload);
            if (payload.size() >= 76 && random.below(2) == 0) {  // as far as its rights
                payload = encode_grants({grant(bob, Post, 1)});
                payload[74 + random.below(2)] = static_cast<std::uint8_t>(random.next());
            }
            const auto kind = static_cast<MessageId>(random.below(2) == 0 ? random.below(256)
                                                                          : 208 + random.below(6));
            const auto time = random.below(3) == 0 ? random.next() : random.below(9);
            node.add(
                scribe.record(time, member(static_cast<unsigned>(random.below(3))), kind, payload));
        }
        EXPECT_EQ(node.evaluator.verdicts().size(), 30u);
    }
}

// Two devices with the founder's key: neither loses its record, and both can be shown.
TEST(Defect, N09TwoHoldersOfOneKeyCannotClaimOnePlaceUnseen) {
    Scribe scribe;
    auto one = scribe.authorize(5, founder, {grant(anna, Post, 1)});
    auto other = scribe.revoke(5, founder, {grant(anna, Post, 1)});
    one.prev = other.prev = {4, RecordId{{1}}};
    EXPECT_TRUE(is_fork({one.ref, one.prev}, {other.ref, other.prev}));
    Node a, b;
    a.add_all({one, other});
    b.add_all({other, one});
    EXPECT_EQ(a.verdict(one), Verdict::Accepted);
    EXPECT_EQ(a.verdict(other), Verdict::Accepted);
    EXPECT_EQ(a.state_hash(), b.state_hash());
}

TEST(Defect, N10WhatWasUndoneStaysSoAfterASwitchOfPolicy) {
    Scribe scribe;
    Node node;
    const auto note = scribe.content(5, anna, Note), kept = scribe.content(5, anna, Note);
    node.add_all({note, kept, scribe.undo(6, founder, ControlKind::UndoOther, note)});
    node.add(scribe.settings(4, founder, Note, Policy::Linear));
    EXPECT_EQ(node.verdict(note), Verdict::Waiting);
    node.add(scribe.authorize(4, founder, {grant(anna, Note, right::permit)}));
    EXPECT_EQ(node.verdict(note), Verdict::Undone);
    EXPECT_EQ(node.verdict(kept), Verdict::Accepted);
    EXPECT_EQ(node.shown.rows.size(), 1u);
}

TEST(Defect, N11ALateGrantMakesEarlierOnesEffective) {
    Scribe scribe;
    Node node;
    const auto post = scribe.content(9, bob, Post);
    const auto second = scribe.authorize(3, anna, {grant(bob, Post, right::permit)});
    node.add_all({post, second});
    EXPECT_EQ(node.verdict(second), Verdict::Waiting);
    const auto changes = node.add(scribe.authorize(1, founder, {grant(anna, Post, 3)}));
    EXPECT_EQ(changes.size(), 3u);
    EXPECT_EQ(node.verdict(second), Verdict::Accepted);
    EXPECT_EQ(node.verdict(post), Verdict::Accepted);
}

TEST(Defect, N14WhatIsReplacedIsTakenBack) {
    Scribe scribe;
    Node node;
    node.add(scribe.content(2, anna, Vote, "old"));
    node.add(scribe.content(3, anna, Vote, "new"));
    EXPECT_EQ(node.shown.hidden, 1);
    ASSERT_EQ(node.shown.rows.size(), 1u);
    EXPECT_EQ(node.shown.rows.begin()->second, "new");
}

TEST(Defect, N15AGapOfAnySizeCostsNothing) {
    const GlobalTime far = (GlobalTime{1} << 63) - 2;
    Scribe scribe;
    auto record = scribe.authorize(far, founder, {grant(anna, Post, 1)});
    record.prev = {far - 1, RecordId{{1}}};
    Node node;
    node.add(scribe.authorize(1, founder, {grant(anna, Post, 1)}));
    node.add(record);
    EXPECT_EQ(node.evaluator.permissions().size(), 2u);
    EXPECT_EQ(node.evaluator.verdicts().size(), 2u);
}

TEST(Defect, N16AGrantWakesOnlyWhatNeedsIt) {
    Scribe scribe;
    Node node;
    const auto post = scribe.content(5, anna, Post), draw = scribe.content(5, anna, Draw);
    const auto of_bob = scribe.content(5, bob, Post);
    node.add_all({post, draw, of_bob});
    const auto grants = scribe.authorize(1, founder, {grant(anna, Post, right::permit)});
    const auto changes = node.add(grants);
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].record, grants.ref);
    EXPECT_EQ(changes[1].record, post.ref);
}

// Both stay in both sets, so that there is nothing to send again.
TEST(Defect, N17AConflictLeavesNodesWithOneSet) {
    Scribe scribe;
    const auto one = scribe.content(5, founder, Post, "one");
    const auto other = scribe.content(5, founder, Post, "other");
    EXPECT_TRUE(is_fork({one.ref, {}}, {other.ref, {}}));
    Node a, b;
    a.add_all({one, other});
    b.add_all({other, one});
    EXPECT_EQ(a.state_hash(), b.state_hash());
    EXPECT_TRUE(a.add(other).empty());
    EXPECT_TRUE(b.add(one).empty());
}

TEST(Defect, N19AGrantWithoutEffectIsRefusedAtOnce) {
    Scribe scribe;
    const std::vector useless{
        scribe.authorize(5, anna, {grant(bob, Vote, right::permit)}),      // anybody may vote
        scribe.authorize(5, anna, {grant(founder, Post, right::permit)}),  // he may everything
        scribe.authorize(5, anna, {grant(bob, Genesis, right::authorize)}),
        scribe.authorize(5, anna, {Grant{bob, 77, right::permit}}),  // there is no such message
        scribe.authorize(5, anna, {Grant{bob, id_of(ControlKind::Revoke), right::permit}}),
        scribe.authorize(5, anna, {}),
    };
    for (const auto& record : useless)
        EXPECT_FALSE(claim_of(forum_type, founder, record.view()));
    // By somebody without rights: for the waiting room, where nobody relays it.
    Node node;
    const auto strange = scribe.authorize(5, anna, {grant(bob, Post, right::permit)});
    node.add(strange);
    EXPECT_EQ(node.verdict(strange), Verdict::Waiting);
}

}  // namespace
}  // namespace warren::protocol
