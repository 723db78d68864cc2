// One community is one file, written through one connection: this one. Decides what becomes of a
// record (the signature was checked before), allots time and predecessor to records of this node,
// and keeps the range sums. All calls block; one thread at a time (the shard's strand).
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/record.h"
#include "storage-shard/range_sums.h"
#include "storage-shard/shard_file.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

// Keys share their head (a tag); the tail differs.
struct PublicKeyHash {
    std::size_t operator()(const protocol::PublicKey& key) const {
        std::size_t out = 0;
        std::memcpy(&out, key.bytes.data() + key.bytes.size() - sizeof out, sizeof out);
        return out;
    }
};

enum class Verdict { Accepted, Known, Waiting, Refused };

struct ShardOptions {
    Epoch epoch;  // of the opener; an older one is refused, also later
    std::uint64_t bytes_max = std::uint64_t{256} << 20;
    // After a failed write the file is proven before it is trusted again.
    Check check = Check::None;
};

struct PublishRequest {
    RequestId id;
    protocol::RecordKind kind = protocol::RecordKind::Torrent;
    protocol::PublicKey author;
    ByteView payload;
};
struct PreparedPublish {
    std::optional<RecordRef> done;  // this request was committed before: nothing to sign
    Bytes to_sign;
};

struct ShardRoot {
    std::uint64_t count = 0;
    GlobalTime newest = 0;
    protocol::RangeSum sum;
};

class Shard final : private RefSource {
public:
    // Makes the file under a temporary name and renames it, so that it exists whole or not at all.
    // Exists: somebody was faster.
    static Result<void> create(const std::string& path, const CommunityId& community,
                               const std::optional<Founder>& founder);
    static Result<std::unique_ptr<Shard>>
    open(const std::string& path, const CommunityId& community, const ShardOptions& options);
    // For a file that is put away: one file afterwards, no log beside it.
    Result<void> checkpoint_for_close();

    // One commit. A verdict for each packet, in their order; an error means that none was stored.
    Result<std::vector<Verdict>> store(std::span<const ByteView> packets, Durability durability);

    // Publishing in two steps, for signing happens elsewhere. One publish at a time per shard.
    Result<PreparedPublish> prepare_publish(const PublishRequest& request);
    Result<RecordRef> commit_publish(const RequestId& request, ByteView packet,
                                     std::int64_t now_ms);

    ShardRoot root() const { return {sums_.total().count, newest_, sums_.total()}; }
    protocol::RangeView& ranges() { return sums_; }
    // Reads of ranges() cannot return errors; they are kept here. Taken once.
    std::optional<Error> take_range_error() { return std::exchange(range_error_, std::nullopt); }

    const std::optional<Founder>& founder() const { return founder_; }
    // True after a write failed in the file system: close, open again with Check::Quick.
    bool failed() const { return failed_; }
    // Two records of one author with the same predecessor, seen since open: shown, not punished.
    std::uint64_t forks() const { return forks_; }
    // Checkpoints when the log has grown; call after answering.
    Result<void> maintain();

private:
    struct Batch {
        std::vector<RecordRef> added;
        std::vector<protocol::RecordView> records;
        std::optional<Founder> founder;
        std::int64_t last_body = 0;
    };
    struct Head {
        RecordRef ref, prev;
    };

    Shard(const CommunityId& community, Connection connection);
    Result<void> load(const ShardOptions& options);
    Result<void> prepare_statements();
    Result<void> scan_keys();
    Result<Transaction> begin(Durability durability);
    Result<std::vector<Verdict>> store_all(std::span<const ByteView> packets,
                                           Durability durability);
    Result<RecordRef> commit_one(const RequestId& request, ByteView packet, std::int64_t now_ms);
    template <typename T>
    Result<T> watched(Result<T> result);

    Verdict permission(const protocol::RecordView& record, std::optional<Founder>& founder) const;
    Result<Verdict> add(const protocol::RecordView& record, ByteView packet, Batch& batch);
    void apply(Batch& batch);
    Result<void> write_founder(const Batch& batch);
    void note_author(const protocol::RecordView& record);

    Result<std::optional<RecordRef>> earlier_result(const RequestId& request);
    Result<RecordRef> own_head(const protocol::PublicKey& author);
    Result<RecordRef> find_newest_of(const protocol::PublicKey& author);
    Result<GlobalTime> advance_clock();

    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;

    CommunityId community_;
    Connection connection_;
    Statement insert_key_, insert_body_, refs_, newest_between_;
    Statement find_request_, insert_request_, prune_requests_, find_head_, put_head_;
    Epoch epoch_;
    std::optional<Founder> founder_;
    RangeSums sums_;
    std::int64_t last_body_ = 0;
    GlobalTime newest_ = 0;
    GlobalTime clock_ = 0;
    std::unordered_map<protocol::PublicKey, RecordRef, PublicKeyHash> own_heads_;
    // Of authors seen since open; bounded.
    std::unordered_map<protocol::PublicKey, Head, PublicKeyHash> heads_;
    std::uint64_t forks_ = 0;
    std::optional<Error> range_error_;
    bool failed_ = false;
};

// A write that the file system failed says nothing about what is in the file: trust ends here
// (R-D4).
template <typename T>
Result<T> Shard::watched(Result<T> result) {
    if (!result && result.error().kind == ErrorKind::Io) failed_ = true;
    return result;
}

}  // namespace warren::shard
