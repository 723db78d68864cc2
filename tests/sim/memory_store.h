// The records of one simulated node's community, and fake signatures: hashes that anybody could
// make, and that the scripts of a simulation make only for keys they hold.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "protocol/community/evaluator.h"
#include "protocol/community/fork.h"
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

    // From now on records are judged, as by real storage: those that are not accepted stay outside
    // of the sums until something makes them acceptable. Before, whatever is well signed is taken.
    void judge_by(const PublicKey& founder);
    // Content before that time is forgotten, and not taken any more.
    void set_floor(GlobalTime floor);

    protocol::RecordVerdict add(ByteView packet, bool pushed = false);
    // Those that waited outside and were judged again since the last call; of those let in that had
    // been pushed, the packets.
    struct Again {
        std::vector<protocol::JudgedAgain> records;
        std::vector<Bytes> let_in;
    };
    Again take_again() { return std::exchange(again_, {}); }
    // The answer to questions about rights: the founding record and those that decide.
    protocol::FetchedRecords prove(ByteView questions, std::size_t bytes_max) const;
    // What this node's next record gets. A record from the far future does not drag it (R-C2).
    GlobalTime next_time() const { return clock_ + 1; }
    // Of all records from `floor` on and their verdicts: equal where nodes agree.
    std::uint64_t state_hash(GlobalTime floor = 0) const;
    // What this author is known here to have said, in order.
    std::vector<protocol::Link> line_of(const PublicKey& author) const;
    CommunityRoot root();
    protocol::FetchedRecords fetch(std::uint64_t session, ByteView selections,
                                   std::size_t bytes_max);
    std::set<RecordRef> refs() const;
    std::size_t size() const { return records_.size(); }

    protocol::RangeSum sum(const protocol::SyncRange& range) override;
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    std::vector<RecordRef> split(const protocol::SyncRange& range, std::size_t parts) override;
    GlobalTime floor() const override { return floor_; }
    protocol::RangeView& lasting() override { return lasting_ ? *lasting_ : *this; }

private:
    struct Stored {
        Bytes packet;
        protocol::RangeSum value;
        bool pushed = false;
    };
    protocol::RecordVerdict judge(const protocol::RecordView& record, Stored stored);
    void put(const RecordRef& ref, Stored stored);
    void take(const RecordRef& ref);

    CommunityId community_;
    protocol::SyncKey key_;
    std::map<RecordRef, Stored> records_;
    std::map<RecordRef, Stored> outside_;  // judged, and not accepted
    std::unique_ptr<protocol::Evaluator> evaluator_;
    std::unique_ptr<MemoryStore> lasting_;  // what is never pruned
    Again again_;
    GlobalTime clock_ = 0, floor_ = 0;
};

}  // namespace warren::sim
