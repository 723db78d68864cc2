// Equivocation: lines of honest authors are never forks, and forks are found and proven whatever
// came first (R-C3).
#include "protocol/community/fork.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/community/support.h"

namespace warren::protocol {
namespace {

Link link_at(GlobalTime time, std::uint8_t id, const RecordRef& prev = {}) {
    return {{time, RecordId{{id}}}, prev};
}

TEST(Fork, TwoThatCannotLieOnOneLine) {
    const auto first = link_at(3, 1);
    const auto second = link_at(7, 2, first.ref);
    EXPECT_FALSE(is_fork(first, second));
    EXPECT_FALSE(is_fork(second, second));
    EXPECT_TRUE(is_fork(second, link_at(9, 3, first.ref)));  // one predecessor
    EXPECT_TRUE(is_fork(second, link_at(7, 3)));             // one time
    EXPECT_TRUE(is_fork(second, link_at(5, 3)));             // dated back behind it
    EXPECT_TRUE(is_fork(link_at(5, 3, first.ref), second));  // the same, with a predecessor
    EXPECT_FALSE(is_fork(second, link_at(9, 3, {8, {}})));   // one between is missing
    EXPECT_FALSE(is_fork(first, link_at(9, 3)));             // naming none claims nothing
    EXPECT_FALSE(is_fork(second, link_at(2, 3)));
}

// A line, perhaps forked once; records may be missing.
std::vector<Link> random_line(SeededRandom& random, bool forked) {
    std::vector<Link> out;
    Link head;
    const auto next = [&](const RecordRef& prev) {
        return Link{{prev.time + 1 + random.below(3), random.id<RecordId>()}, prev};
    };
    for (int i = 0; i < 12; ++i)
        out.push_back(head = next(head.ref));
    if (forked) {
        auto other = out[random.below(11)];  // the head has no successor to be at odds with
        for (auto more = 1 + random.below(3); more > 0; --more)
            out.push_back(other = next(other.ref));
    }
    return out;
}

// The slow way: each with each.
bool has_fork(const std::vector<Link>& line) {
    return std::ranges::any_of(line, [&](const Link& a) {
        return std::ranges::any_of(line, [&](const Link& b) { return is_fork(a, b); });
    });
}

TEST(Fork, IsFoundAmongNeighboursInEveryLine) {
    SeededRandom random(21);
    int found = 0;
    for (int i = 0; i < 20'000; ++i) {
        const bool forked = random.below(2) == 0;
        auto line = random_line(random, forked);
        std::erase_if(line, [&](const Link&) { return random.below(4) == 0; });
        if (random.below(4) == 0 && !line.empty()) line[random.below(line.size())].prev = {};
        std::ranges::sort(line, {}, &Link::ref);
        const auto fork = find_fork(line);
        ASSERT_EQ(fork.has_value(), has_fork(line)) << "case " << i;
        ASSERT_TRUE(forked || !fork) << "case " << i;
        if (!fork) continue;
        ++found;
        EXPECT_TRUE(is_fork(fork->first, fork->second));
    }
    EXPECT_GT(found, 5000);
}

Bytes packet(const PublicKey& author, GlobalTime time, const RecordRef& prev, std::string_view text,
             std::uint8_t signature = 1) {
    const RecordDraft draft{{}, RecordKind::Torrent, author, time, prev, view_of(text)};
    auto out = encode_unsigned(draft);
    out.resize(out.size() + signature_bytes, signature);
    return out;
}

TEST(Fork, ProofIsTheSameFromBothSides) {
    const RecordRef prev{4, RecordId{{9}}};
    const auto a = packet(member(1), 5, prev, "a");
    const auto b = packet(member(1), 8, prev, "b");
    const auto proof = make_fork_proof(b, a);
    ASSERT_TRUE(proof.ok());
    EXPECT_EQ(proof->first, a);
    EXPECT_EQ(encode(*proof), encode(*make_fork_proof(a, b)));
    const auto got = decode_fork_proof(encode(*proof));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->second, b);
}

TEST(Fork, ProofRefusesWhatProvesNothing) {
    const RecordRef prev{4, RecordId{{9}}};
    const auto a = packet(member(1), 5, prev, "a");
    const auto record = *decode_record(a);
    EXPECT_FALSE(make_fork_proof(a, a).ok());
    EXPECT_FALSE(make_fork_proof(a, packet(member(1), 5, prev, "a", 2)).ok());  // signed twice
    EXPECT_FALSE(make_fork_proof(a, packet(member(2), 8, prev, "b")).ok());
    EXPECT_FALSE(make_fork_proof(a, packet(member(1), 8, record.ref(), "b")).ok());
    EXPECT_FALSE(make_fork_proof(a, Bytes{1, 2, 3}).ok());

    const auto b = packet(member(1), 8, prev, "b");
    const auto swapped = encode(ForkProof{b, a});
    EXPECT_FALSE(decode_fork_proof(swapped).ok());
    auto bytes = encode(ForkProof{a, b});
    EXPECT_LE(bytes.size(), fork_proof_bytes_max);
    SeededRandom random(5);
    for (int i = 0; i < 5000; ++i) {
        auto changed = bytes;
        changed[random.below(changed.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
        changed.resize(changed.size() - random.below(2) * random.below(changed.size()));
        const auto proof = decode_fork_proof(changed);
        EXPECT_EQ(proof ? encode(*proof) : changed, changed);
    }
}

}  // namespace
}  // namespace warren::protocol
