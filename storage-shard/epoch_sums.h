// The range sums of a shard, keyed for the current epoch (protocol/sync.h): made by one scan when
// first asked for, then brought up to date after each commit. A partner whose clock is on
// the other side of an epoch's end asks for another one, so a second set is kept for a while.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "storage-shard/range_sums.h"

namespace warren::shard {

// Where they come from: the shard's keys.
class KeySource : public RefSource {
public:
    // All refs, in ascending order.
    virtual Result<void> scan(const std::function<void(const RecordRef&)>& visit) = 0;
};

class EpochSums {
public:
    // `lasting`: the keys of those that are never pruned; null: all last.
    EpochSums(const CommunityId& community, KeySource& source, KeySource* lasting = nullptr)
        : community_(community), source_(source), lasting_(lasting) {}

    // Unavailable: far epochs are made once in ten minutes, for each costs a scan.
    Result<RangeSums*> at(protocol::SyncEpoch epoch, std::int64_t unix_s);
    Result<RangeSums*> current(std::int64_t unix_s) {
        return at(protocol::sync_epoch(community_, unix_s), unix_s);
    }

    // The current ones as they are now, for who opens the file next; and back. False: they are not
    // these any more, or damaged, and are made from the keys.
    Bytes save() const;
    bool load(ByteView saved);

    // Once current() succeeded: of the newest epoch that was current.
    const protocol::RangeSum& total() const { return current_->sums.total(); }
    protocol::SyncEpoch epoch() const { return current_->epoch; }

    // After a commit; the source must show it already. `lasting`: those of them that last.
    void insert(const std::vector<RecordRef>& added, const std::vector<RecordRef>& lasting = {});
    void remove(const std::vector<RecordRef>& removed, const std::vector<RecordRef>& lasting = {});
    void set_floor(GlobalTime floor);

private:
    struct Kept {
        protocol::SyncEpoch epoch;
        RangeSums sums, lasting;
    };
    std::unique_ptr<Kept> empty(protocol::SyncEpoch epoch);
    Result<std::unique_ptr<Kept>> make(protocol::SyncEpoch epoch);

    CommunityId community_;
    KeySource& source_;
    KeySource* lasting_;
    GlobalTime floor_ = 0;
    std::unique_ptr<Kept> current_, other_;
    std::int64_t far_made_s_ = 0;
};

}  // namespace warren::shard
