// The records of one community as a remote peer holds them: sorted, complete from the start, never
// changed. Sums are prefix sums, so that the peer costs little beside the node that is measured.
#pragma once

#include <vector>

#include "bench/peers/peer_store.h"
#include "protocol/record.h"
#include "protocol/sync.h"

namespace warren::bench {

class RecordSet final : public PeerStore, public protocol::RangeView {
public:
    RecordSet(const CommunityId& community, const std::vector<Bytes>& packets);

    std::size_t size() const { return records_.size(); }

    std::optional<Answer> reconcile(const protocol::Reconcile& wish) override;
    protocol::CommunityRoot root() override;
    protocol::FetchedRecords fetch(std::uint64_t session, ByteView selections,
                                   std::size_t bytes_max) override;
    // It has all there is: what others push is known here, or nothing that it keeps.
    std::vector<protocol::RecordVerdict> store(const std::vector<Bytes>& packets) override {
        return {packets.size(), protocol::RecordVerdict::Known};
    }

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
    void rekey(protocol::SyncEpoch epoch);  // the side that leads chooses it

    CommunityId community_;
    protocol::SyncEpoch epoch_ = 0;
    std::vector<Stored> records_;
    std::vector<protocol::RangeSum> sums_;  // of the first n records
};

}  // namespace warren::bench
