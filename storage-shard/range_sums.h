// Fingerprints of ranges in microseconds: one (first key, sum) per 64 to 256 records in memory;
// only the two edges of a range are read from the file. Made by one scan, brought up to date after
// each commit.
#pragma once

#include <span>
#include <vector>

#include "protocol/sync.h"

namespace warren::shard {

// Where edges come from: all refs of [lower, upper) in order, at most `limit`.
class RefSource {
public:
    virtual ~RefSource() = default;
    virtual std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) = 0;
};

class RangeSums final : public protocol::RangeView {
public:
    RangeSums(const protocol::SyncKey& key, RefSource& source);

    // While scanning, in ascending order; what lies behind all that came so far.
    void append(const RecordRef& ref);
    // After a commit: what it added, in ascending order. The source must show these already.
    void insert(std::span<const RecordRef> added);
    // After a commit: what it took away.
    void remove(const std::vector<RecordRef>& removed);

    void set_floor(GlobalTime floor) { floor_ = floor; }
    // Sums of those that are never pruned; they outlive this. None: all last.
    void set_lasting(RangeSums* sums) { lasting_ = sums; }

    // As bytes, and back; false: these are none, and nothing changed.
    void save(Writer& to) const;
    bool load(Reader& in);

    const protocol::RangeSum& total() const { return total_; }
    std::size_t buckets() const { return buckets_.size(); }

    protocol::RangeSum sum(const protocol::SyncRange& range) override;
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    std::vector<RecordRef> split(const protocol::SyncRange& range, std::size_t parts) override;
    GlobalTime floor() const override { return floor_; }
    protocol::RangeView& lasting() override { return lasting_ != nullptr ? *lasting_ : *this; }

private:
    struct Bucket {
        RecordRef first;  // lower bound; the very first bucket begins at zero
        protocol::RangeSum sum;
    };
    std::size_t bucket_of(const RecordRef& ref) const;
    RecordRef end_of(std::size_t bucket) const;
    protocol::RangeSum edge(const RecordRef& lower, const RecordRef& upper);
    std::vector<RecordRef> refs_of(std::size_t bucket, std::span<const RecordRef> run);
    void divide(std::size_t bucket, std::span<const RecordRef> run);
    void drop_empty();
    std::vector<RecordRef> split_by_refs(const protocol::SyncRange& range, std::size_t parts);

    protocol::SyncKey key_;
    RefSource& source_;
    std::vector<Bucket> buckets_;
    RecordRef newest_;  // nothing lies behind it
    protocol::RangeSum total_;
    GlobalTime floor_ = 0;
    RangeSums* lasting_ = nullptr;
};

}  // namespace warren::shard
