#include "protocol/community/proof_request.h"

#include <algorithm>
#include <bit>
#include <set>

namespace warren::protocol {

namespace {

bool is_same(const Question& a, const Question& b) {
    return a.member == b.member && a.need.right == b.need.right && a.need.kind == b.need.kind &&
           a.need.time == b.need.time && a.need.by_take == b.need.by_take;
}

}  // namespace

// Who founded decides only whether a grant may name him, so no question depends on it.
std::vector<Question> questions_of(const CommunityType& type, ByteView packet) {
    std::vector<Question> out;
    const auto record = decode_record(packet);
    if (!record) return out;
    const auto claim = claim_of(type, PublicKey{}, *record);
    if (!claim) return out;
    for (const auto& need : claim->needs) {
        const Question one{claim->who(need), need};
        const bool is_new =
            std::ranges::none_of(out, [&](const Question& other) { return is_same(one, other); });
        if (is_new && out.size() < questions_max) out.push_back(one);
    }
    return out;
}

Bytes encode(std::span<const Question> questions) {
    Writer to;
    for (const auto& [member, need] : questions)
        to.bytes(member.view()).u8(need.right).u8(need.kind).u64(need.time).u8(need.by_take);
    return to.take();
}

Result<std::vector<Question>> decode_questions(ByteView bytes) {
    Reader in(bytes);
    std::vector<Question> out;
    while (in.left() > 0 && out.size() < questions_max) {
        Question one;
        one.member.bytes = in.array<PublicKey::size>();
        one.need.right = in.u8();
        one.need.kind = in.u8();
        one.need.time = in.u64();
        const auto by_take = in.u8();
        if (by_take > 1 || !std::has_single_bit(one.need.right) || one.need.right > right::undo)
            return bad_input("a question about a right that there is not");
        one.need.by_take = by_take == 1;
        out.push_back(one);
    }
    if (!in.done() || out.empty()) return bad_input("no questions, too many, or cut short");
    return out;
}

std::vector<RecordRef> proof_of(const Permissions& permissions,
                                std::span<const Question> questions) {
    std::set<RecordRef> out;
    for (const auto& [member, need] : questions) {
        Claim claim;
        claim.ref.time = need.time;
        claim.author = member;
        claim.kind = need.kind;
        claim.needs = {need};
        const auto proof = permissions.proof(claim);
        out.insert(proof.begin(), proof.end());
    }
    return {out.begin(), out.end()};
}

}  // namespace warren::protocol
