// How a row of `body` keeps a record: without the bytes that all records of its file share (the
// packet's head with the community's id, and the founder's key where he is the author), and with a
// value that proves the rest. Unpacking gives the exact bytes that were signed.
//   form 0  the packet as it is: rows of version 1, whose first byte is 0; no check value
//   form 1  u8 1, u64 check value, the packet from its message id on
//   form 2  u8 2, u64 check value, message id, the packet from behind its author's key on
#pragma once

#include <optional>

#include "protocol/record.h"

namespace warren::shard {

// Who may write to a channel: its community id binds both (protocol/record.h).
struct Founder {
    protocol::PublicKey key;
    protocol::Nonce nonce;
};

// A genesis keeps its author's key, so that the founder is known from two places of a file.
void pack_body(const protocol::RecordView& record, ByteView packet,
               const std::optional<Founder>& founder, Bytes& out);

struct IntactRecord {
    Bytes packet;
    protocol::RecordView view;  // of the packet
};
// Nothing: these are not the bytes that were stored (R-D5), or the founder is missing.
std::optional<IntactRecord> unpack_body(ByteView packed, const CommunityId& community,
                                        const std::optional<Founder>& founder);
// Without that proof.
bool is_by_founder(ByteView packed);
std::optional<protocol::PublicKey> author_of(ByteView packed,
                                             const std::optional<Founder>& founder);

}  // namespace warren::shard
