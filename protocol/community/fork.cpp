#include "protocol/community/fork.h"

#include <algorithm>

namespace warren::protocol {

bool is_fork(const Link& a, const Link& b) {
    if (a.ref == b.ref) return false;
    const auto& [earlier, later] =
        std::minmax(a, b, [](const Link& x, const Link& y) { return x.ref < y.ref; });
    if (earlier.ref.time == later.ref.time) return true;
    if (later.prev == RecordRef{} || later.prev == earlier.ref) return false;
    return earlier.ref.time >= later.prev.time;
}

// Neighbours are enough: whatever is at odds with a record is so with the one just before it, or
// that one has the same time.
std::optional<std::pair<Link, Link>> find_fork(std::span<const Link> line) {
    const auto found = std::ranges::adjacent_find(line, is_fork);
    if (found == line.end()) return std::nullopt;
    return std::pair(*found, *std::next(found));
}

Result<ForkProof> make_fork_proof(ByteView one, ByteView other) {
    WARREN_TRY(const auto a, decode_record(one));
    WARREN_TRY(const auto b, decode_record(other));
    if (a.community != b.community || a.author != b.author)
        return bad_input("fork proof of two communities or authors");
    if (!is_fork({a.ref(), a.prev}, {b.ref(), b.prev}))
        return bad_input("both records may lie on one line");
    if (b.ref() < a.ref()) std::swap(one, other);
    return ForkProof{to_bytes(one), to_bytes(other)};
}

Bytes encode(const ForkProof& proof) {
    Writer to;
    to.u16(static_cast<std::uint16_t>(proof.first.size()));
    return to.bytes(proof.first).bytes(proof.second).take();
}

Result<ForkProof> decode_fork_proof(ByteView bytes) {
    Reader in(bytes);
    const auto first = in.take(in.u16());
    const auto second = in.rest();
    if (!in.ok()) return bad_input("fork proof cut short");
    WARREN_TRY(auto proof, make_fork_proof(first, second));
    if (!std::ranges::equal(proof.first, first)) return bad_input("fork proof out of order");
    return proof;
}

}  // namespace warren::protocol
