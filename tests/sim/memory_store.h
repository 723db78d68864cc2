// The records of one simulated node's community, and fake signatures: hashes that anybody could
// make, and that the scripts of a simulation make only for keys they hold.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "base/random.h"
#include "protocol/overlay_types.h"
#include "protocol/record.h"

namespace warren::sim {

using protocol::CommunityRoot;
using protocol::PublicKey;
using protocol::Signature;

Signature fake_signature(ByteView signed_bytes);
bool fake_verify(ByteView packet);
PublicKey make_key(Random& random);
Bytes signed_packet(Bytes unsigned_bytes);

// The records of one community, and what reconciliation asks about them.
// Its sums are of sync epoch 0: days do not pass here.
class MemoryStore final : public protocol::RangeView {
public:
    explicit MemoryStore(const CommunityId& community)
        : community_(community), key_(protocol::fingerprint_key(community, 0)) {}

    protocol::RecordVerdict add(ByteView packet);
    CommunityRoot root();
    protocol::FetchedRecords fetch(std::uint64_t session, ByteView selections,
                                   std::size_t bytes_max);
    std::set<RecordRef> refs() const;
    std::size_t size() const { return records_.size(); }

    protocol::RangeSum sum(const protocol::SyncRange& range) override;
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    std::vector<RecordRef> split(const protocol::SyncRange& range, std::size_t parts) override;

private:
    struct Stored {
        Bytes packet;
        protocol::RangeSum value;
    };
    CommunityId community_;
    protocol::SyncKey key_;
    std::map<RecordRef, Stored> records_;
};

}  // namespace warren::sim
