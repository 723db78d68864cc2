// Equivocation. An author's records are one line: each names the one before it. Two that cannot lie
// on one line prove that it forked: two with one predecessor or one time, and a record dated back
// behind another. A fork is proven and shown, not punished: two devices with one key fork too.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "protocol/record.h"

namespace warren::protocol {

struct Link {
    RecordRef ref, prev;  // prev zero: names none, and so claims nothing
};
// Of one author and community.
bool is_fork(const Link& a, const Link& b);
// The first two that prove one; `line` is sorted by ref. Missing records are no fork.
std::optional<std::pair<Link, Link>> find_fork(std::span<const Link> line);

// Two records as they were signed; whoever has them can check it, and need know nothing else.
// Encoded as u16 length of the first, and both packets, the earlier one first.
struct ForkProof {
    Bytes first, second;
};
inline constexpr std::size_t fork_proof_bytes_max = 2 + 2 * record_bytes_max;
Result<ForkProof> make_fork_proof(ByteView one, ByteView other);
Bytes encode(const ForkProof& proof);
// All but the signatures of both: those the verify workers check, as of any record.
Result<ForkProof> decode_fork_proof(ByteView bytes);

}  // namespace warren::protocol
