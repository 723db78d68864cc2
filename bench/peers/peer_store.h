// What a remote peer of a benchmark keeps of one community, and how it is asked about it.
#pragma once

#include <optional>
#include <vector>

#include "protocol/overlay_types.h"

namespace warren::bench {

class PeerStore {
public:
    virtual ~PeerStore() = default;

    struct Answer {  // encoded, as the storage worker does
        Bytes answers, wants, offers;
    };
    // None: what came cannot be read.
    virtual std::optional<Answer> reconcile(const protocol::Reconcile& wish) = 0;
    virtual protocol::CommunityRoot root() = 0;
    virtual protocol::FetchedRecords fetch(std::uint64_t session, ByteView selections,
                                           std::size_t bytes_max) = 0;
    virtual std::vector<protocol::RecordVerdict> store(const std::vector<Bytes>& packets) = 0;

protected:
    static std::optional<Answer> answer(protocol::RangeView& view, protocol::SyncEpoch epoch,
                                        const protocol::Reconcile& wish,
                                        const std::vector<protocol::SyncElement>& elements);
};

}  // namespace warren::bench
