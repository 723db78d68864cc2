// The records of one community as a remote peer holds them: sorted, complete from the start, never
// changed. Sums are prefix sums, so that the peer costs little beside the node that is measured.
#pragma once

#include <vector>

#include "protocol/overlay_types.h"
#include "protocol/record.h"
#include "protocol/sync.h"

namespace warren::bench {

class RecordSet final : public protocol::RangeView {
public:
    RecordSet(const CommunityId& community, const std::vector<Bytes>& packets);

    std::size_t size() const { return records_.size(); }
    protocol::SyncEpoch epoch() const { return epoch_; }
    void rekey(protocol::SyncEpoch epoch);  // the side that leads chooses it
    protocol::CommunityRoot root() const;
    // What a FETCH selects, as many as fit.
    protocol::FetchedRecords fetch(std::uint64_t session, ByteView selections,
                                   std::size_t bytes_max) const;

    protocol::RangeSum sum(const protocol::SyncRange& range) override;
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    std::vector<RecordRef> split(const protocol::SyncRange& range, std::size_t parts) override;

private:
    struct Stored {
        RecordRef ref;
        Bytes packet;
    };
    struct Span {
        std::size_t first = 0, last = 0;
    };
    Span span_of(const protocol::SyncRange& range) const;

    CommunityId community_;
    protocol::SyncEpoch epoch_ = 0;
    std::vector<Stored> records_;
    std::vector<protocol::RangeSum> sums_;  // of the first n records
};

}  // namespace warren::bench
