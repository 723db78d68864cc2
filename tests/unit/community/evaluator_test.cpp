// Verdicts, rule by rule, and that no order of arrival changes them.
#include "protocol/community/evaluator.h"

#include <gtest/gtest.h>

#include "tests/unit/community/support.h"

namespace warren::protocol {
namespace {

using enum ForumKind;
const PublicKey anna = member(1), bob = member(2), carl = member(3);
constexpr Rights all_rights = 15;

struct EvaluatorTest : testing::Test {
    Scribe scribe;
    Node node;

    Verdict added(const TestRecord& record) {
        node.add(record);
        return node.verdict(record);
    }
};
using Permission = EvaluatorTest;
using Moderation = EvaluatorTest;
using End = EvaluatorTest;
using LastFew = EvaluatorTest;

TEST_F(Permission, FounderMayAndOthersWait) {
    EXPECT_EQ(added(scribe.content(1, founder, Post)), Verdict::Accepted);
    EXPECT_EQ(added(scribe.content(1, anna, Post)), Verdict::Waiting);
    EXPECT_EQ(added(scribe.content(1, anna, Note)), Verdict::Accepted);
    EXPECT_EQ(added(scribe.content(1, anna, Page)), Verdict::Waiting);
    EXPECT_EQ(added(scribe.content(1, anna, Vote)), Verdict::Accepted);
    EXPECT_EQ(added(scribe.content(1, anna, Genesis)), Verdict::Refused);
    EXPECT_EQ(added(scribe.content(1, founder, Post, "\xff")), Verdict::Refused);
    EXPECT_EQ(added(scribe.record(1, founder, 99)), Verdict::Refused);
}

TEST_F(Permission, GivesCountAfterTheirTimeAndTakesAtIt) {
    const auto before = scribe.content(5, anna, Post), after = scribe.content(6, anna, Post);
    const auto last = scribe.content(8, anna, Post), late = scribe.content(9, anna, Post);
    node.add_all({before, after, last, late});
    EXPECT_EQ(added(scribe.authorize(5, founder, {grant(anna, Post, right::permit)})),
              Verdict::Accepted);
    EXPECT_EQ(added(scribe.revoke(9, founder, {grant(anna, Post, right::permit)})),
              Verdict::Accepted);
    EXPECT_EQ(node.verdict(before), Verdict::Waiting);
    EXPECT_EQ(node.verdict(after), Verdict::Accepted);
    EXPECT_EQ(node.verdict(last), Verdict::Accepted);
    EXPECT_EQ(node.verdict(late), Verdict::Refused);
}

TEST_F(Permission, RevokeBeatsGrantOfOneTime) {
    const auto post = scribe.content(7, anna, Post);
    node.add_all({scribe.revoke(5, founder, {grant(anna, Post, right::permit)}),
                  scribe.authorize(5, founder, {grant(anna, Post, right::permit)}), post});
    EXPECT_EQ(node.verdict(post), Verdict::Refused);
    node.add(scribe.authorize(6, founder, {grant(anna, Post, right::permit)}));
    EXPECT_EQ(node.verdict(post), Verdict::Accepted);
}

TEST_F(Permission, WhoTakesFromEachOtherAtOneTimeBothLose) {
    const auto by_anna = scribe.revoke(5, anna, {grant(bob, Post, all_rights)});
    const auto by_bob = scribe.revoke(5, bob, {grant(anna, Post, all_rights)});
    const auto posts = std::vector{scribe.content(5, anna, Post), scribe.content(6, bob, Post)};
    node.add_all({by_anna, by_bob, posts[0], posts[1],
                  scribe.authorize(1, founder,
                                   {grant(anna, Post, all_rights), grant(bob, Post, all_rights)})});
    EXPECT_EQ(node.verdict(by_anna), Verdict::Accepted);
    EXPECT_EQ(node.verdict(by_bob), Verdict::Accepted);
    EXPECT_EQ(node.verdict(posts[0]), Verdict::Refused);
    EXPECT_EQ(node.verdict(posts[1]), Verdict::Refused);
}

TEST_F(Permission, NobodyRaisesHimself) {
    node.add(scribe.authorize(1, founder, {grant(anna, Post, right::permit | right::authorize)}));
    EXPECT_EQ(added(scribe.authorize(2, anna, {grant(bob, Post, right::permit)})),
              Verdict::Accepted);
    for (const auto& whom : {anna, bob}) {
        for (const int rights : {4, 8, 5, 15})
            EXPECT_EQ(added(scribe.authorize(3, anna, {grant(whom, Post, rights)})),
                      Verdict::Waiting);
        EXPECT_EQ(added(scribe.authorize(3, anna, {grant(whom, Page, right::permit)})),
                  Verdict::Waiting);
    }
    EXPECT_EQ(added(scribe.revoke(3, anna, {grant(bob, Post, right::permit)})), Verdict::Waiting);
    EXPECT_EQ(added(scribe.authorize(3, bob, {grant(carl, Post, right::permit)})),
              Verdict::Waiting);
    // All items have to be right.
    EXPECT_EQ(added(scribe.authorize(
                  4, anna, {grant(bob, Post, right::permit), grant(bob, Page, right::permit)})),
              Verdict::Waiting);
}

TEST_F(Permission, WhatSomebodyGaveStaysWhenHeIsRevoked) {
    const auto post = scribe.content(9, bob, Post);
    node.add_all({scribe.authorize(1, founder, {grant(anna, Post, all_rights)}),
                  scribe.authorize(2, anna, {grant(bob, Post, right::permit)}), post});
    node.add(scribe.revoke(3, founder, {grant(anna, Post, all_rights)}));
    EXPECT_EQ(node.verdict(post), Verdict::Accepted);
    node.add(scribe.revoke(2, founder, {grant(anna, Post, right::authorize)}));
    EXPECT_EQ(node.verdict(post), Verdict::Waiting);
}

TEST_F(Permission, SettingsSwitchForEverybody) {
    const auto open = scribe.settings(3, founder, Page, Policy::Public);
    const auto early = scribe.content(3, anna, Page), page = scribe.content(4, anna, Page);
    node.add_all({open, early, page});
    EXPECT_EQ(node.verdict(early), Verdict::Waiting);
    EXPECT_EQ(node.verdict(page), Verdict::Accepted);
    const auto changes = node.add(scribe.settings(4, founder, Page, Policy::Linear));
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[1].record, page.ref);
    EXPECT_EQ(changes[1].before, Verdict::Accepted);
    EXPECT_EQ(changes[1].after, Verdict::Waiting);
    EXPECT_TRUE(node.shown.rows.empty());
    EXPECT_EQ(added(scribe.settings(5, anna, Page, Policy::Public)), Verdict::Waiting);
    EXPECT_EQ(added(scribe.settings(5, founder, Post, Policy::Public)), Verdict::Refused);
}

TEST_F(Moderation, OwnAndOthersEachHaveTheirSay) {
    node.add(scribe.authorize(1, founder, {grant(anna, Note, right::undo)}));
    const auto note = scribe.content(2, bob, Note);
    EXPECT_EQ(added(note), Verdict::Accepted);
    node.add(scribe.undo(3, anna, ControlKind::UndoOther, note));
    EXPECT_EQ(node.verdict(note), Verdict::Undone);
    EXPECT_TRUE(node.shown.rows.empty());
    node.add(scribe.undo(4, bob, ControlKind::UndoOwn, note, Undo::Action::Restore));
    EXPECT_EQ(node.verdict(note), Verdict::Undone);
    node.add(scribe.undo(5, anna, ControlKind::UndoOther, note, Undo::Action::Restore));
    EXPECT_EQ(node.verdict(note), Verdict::Accepted);
    EXPECT_EQ(node.shown.rows.size(), 1u);
    node.add(scribe.undo(6, bob, ControlKind::UndoOwn, note));
    node.add(scribe.undo(6, bob, ControlKind::UndoOwn, note, Undo::Action::Restore));
    EXPECT_EQ(node.verdict(note), Verdict::Undone);  // undo beats restore of one time
}

TEST_F(Moderation, OnlyByThoseWhoMay) {
    const auto note = scribe.content(2, bob, Note);
    node.add(note);
    EXPECT_EQ(added(scribe.undo(3, anna, ControlKind::UndoOther, note)), Verdict::Waiting);
    // In form it is a right one; it finds no record of hers.
    EXPECT_EQ(added(scribe.undo(3, anna, ControlKind::UndoOwn, note)), Verdict::Accepted);
    EXPECT_EQ(node.verdict(note), Verdict::Accepted);
    const auto post = scribe.content(2, founder, Post);
    EXPECT_EQ(added(scribe.undo(3, anna, ControlKind::UndoOwn, post)), Verdict::Waiting);
    auto as_page = note;
    as_page.kind = static_cast<MessageId>(Page);
    EXPECT_EQ(added(scribe.undo(4, founder, ControlKind::UndoOther, as_page)), Verdict::Accepted);
    EXPECT_EQ(node.verdict(note), Verdict::Accepted);  // another kind than it says
    EXPECT_EQ(added(scribe.undo(2, bob, ControlKind::UndoOwn, note)), Verdict::Refused);
    const auto grants = scribe.authorize(3, founder, {grant(anna, Post, 1)});
    EXPECT_EQ(added(scribe.undo(4, founder, ControlKind::UndoOwn, grants)), Verdict::Refused);
}

TEST_F(Moderation, TargetMayComeLaterOrNever) {
    const auto note = scribe.content(2, bob, Note);
    EXPECT_EQ(added(scribe.undo(3, founder, ControlKind::UndoOther, note)), Verdict::Accepted);
    EXPECT_EQ(added(note), Verdict::Undone);
    EXPECT_TRUE(node.shown.rows.empty());
}

TEST_F(LastFew, OnlyTheNewestOfAnAuthorStay) {
    const auto old = scribe.content(2, anna, Vote), now = scribe.content(3, anna, Vote);
    EXPECT_EQ(added(now), Verdict::Accepted);
    EXPECT_EQ(added(old), Verdict::Superseded);
    EXPECT_EQ(added(scribe.content(9, bob, Vote)), Verdict::Accepted);
    EXPECT_EQ(node.verdict(now), Verdict::Accepted);
    node.add(scribe.undo(4, anna, ControlKind::UndoOwn, now));
    EXPECT_EQ(node.verdict(now), Verdict::Undone);
    EXPECT_EQ(node.verdict(old), Verdict::Superseded);
}

TEST_F(LastFew, CountWithinTheirSubject) {
    const auto old = scribe.content(2, anna, Mark, "x old"),
               other = scribe.content(3, anna, Mark, "y");
    node.add_all({other, old});
    EXPECT_EQ(node.verdict(old), Verdict::Accepted);
    const auto now = scribe.content(4, anna, Mark, "x now");
    EXPECT_EQ(added(now), Verdict::Accepted);
    EXPECT_EQ(node.verdict(old), Verdict::Superseded);
    EXPECT_EQ(node.verdict(other), Verdict::Accepted);
}

TEST_F(LastFew, RefusedOnesDoNotCount) {
    const auto grants = scribe.authorize(1, founder, {grant(anna, Draw, right::permit)});
    std::vector<TestRecord> draws;
    for (GlobalTime time : {2u, 3u, 4u, 5u})
        draws.push_back(scribe.content(time, anna, Draw));
    node.add(grants);
    node.add_all(draws);
    EXPECT_EQ(node.verdict(draws[1]), Verdict::Superseded);
    EXPECT_EQ(node.verdict(draws[2]), Verdict::Accepted);
    node.add(scribe.revoke(5, founder, {grant(anna, Draw, right::permit)}));
    EXPECT_EQ(node.verdict(draws[3]), Verdict::Refused);
    EXPECT_EQ(node.verdict(draws[1]), Verdict::Accepted);
    EXPECT_EQ(node.verdict(draws[0]), Verdict::Superseded);
}

TEST_F(End, IsProvenByTheGrantsAlone) {
    const auto destroy_id = id_of(ControlKind::Destroy);
    const Grant may{anna, destroy_id, right::permit};
    const auto genesis = scribe.content(1, founder, Genesis);
    const auto post = scribe.content(2, founder, Post);
    const auto grants = scribe.authorize(3, founder, {may, grant(bob, Post, all_rights)});
    const auto destroy = scribe.destroy(5, anna);
    node.add_all({genesis, post, destroy});
    EXPECT_EQ(node.verdict(destroy), Verdict::Waiting);
    node.add(grants);
    EXPECT_EQ(node.verdict(destroy), Verdict::Accepted);
    EXPECT_EQ(node.verdict(post), Verdict::Refused);
    EXPECT_EQ(node.verdict(genesis), Verdict::Accepted);
    const auto& permissions = node.evaluator.permissions();
    EXPECT_EQ(permissions.end(), destroy.ref);
    const auto proof = permissions.proof(*claim_of(forum_type, founder, post.view()));
    EXPECT_EQ(proof, (std::vector{grants.ref, destroy.ref}));

    Node stranger;  // has nothing but the proof
    stranger.add_all({destroy, grants});
    EXPECT_EQ(stranger.evaluator.permissions().end(), destroy.ref);

    node.add(scribe.revoke(4, founder, {may}));
    EXPECT_EQ(permissions.end(), std::nullopt);
    EXPECT_EQ(node.verdict(post), Verdict::Accepted);
}

// Everything at once, with many ties.
std::vector<TestRecord> busy_community(Scribe& scribe) {
    std::vector<TestRecord> out{
        scribe.content(1, founder, Genesis),
        scribe.authorize(1, founder,
                         {grant(anna, Post, all_rights), grant(anna, Draw, all_rights),
                          grant(bob, Page, all_rights), grant(bob, Vote, 14)}),
        scribe.authorize(2, anna, {grant(bob, Post, 3), grant(carl, Draw, 1)}),
        scribe.authorize(3, bob, {grant(carl, Post, 1)}),
        scribe.revoke(4, anna, {grant(bob, Post, 2)}),
        scribe.authorize(4, bob, {grant(carl, Post, 1), grant(anna, Page, 7)}),
        scribe.revoke(5, founder, {grant(anna, Post, 15)}),
        scribe.authorize(5, founder, {grant(anna, Post, 1)}),
        scribe.settings(3, bob, Page, Policy::Public),
        scribe.settings(6, bob, Page, Policy::Linear),
        scribe.settings(4, carl, Note, Policy::Linear),
        scribe.settings(5, founder, Note, Policy::Linear),
        scribe.authorize(6, anna, {grant(carl, Page, 1)}),
        scribe.revoke(7, carl, {grant(bob, Page, 1)}),
    };
    for (GlobalTime time = 2; time < 8; time += 2)
        for (const auto& author : {anna, bob, carl})
            for (const auto kind : {Post, Note, Page, Vote, Draw})
                out.push_back(scribe.content(time, author, kind));
    const auto count = out.size();
    for (std::size_t i = 14; i < count; i += 4) {
        const auto target = out[i];
        out.push_back(scribe.undo(7, target.author, ControlKind::UndoOwn, target));
        out.push_back(scribe.undo(8, bob, ControlKind::UndoOther, target));
        out.push_back(
            scribe.undo(8, founder, ControlKind::UndoOther, target, Undo::Action::Restore));
    }
    return out;
}

TEST(State, TenThousandOrdersGiveOneHash) {
    constexpr std::uint64_t seed = 31;
    Scribe scribe(seed);
    SeededRandom random(seed);
    auto records = busy_community(scribe);
    Node first;
    first.add_all(records);
    std::map<Verdict, int> seen;
    for (const auto& [ref, verdict] : first.evaluator.verdicts())
        ++seen[verdict];
    EXPECT_EQ(seen.size(), 5u);  // the set tries every verdict
    for (int order = 0; order < 10'000; ++order) {
        shuffle(records, random);
        Node node;
        node.add_all(records);
        ASSERT_EQ(node.state_hash(), first.state_hash()) << "seed " << seed << " order " << order;
    }
}

}  // namespace
}  // namespace warren::protocol
