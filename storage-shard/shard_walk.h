// A walk through all records of a file, a bounded part a call, on a read-only connection of its
// own: for checking, exporting and backing up while the shard goes on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage-shard/retention.h"
#include "storage-shard/shard_file.h"

namespace warren::shard {

// What a stream file of records says in its head (base/stream_file.h).
struct StreamDetails {
    std::optional<Founder> founder;
    GlobalTime floor = 0;
    std::optional<Retention> rule;
};
Bytes encode(const StreamDetails& details);
// A founder is taken only if the community's id binds him.
Result<StreamDetails> decode_stream_details(ByteView bytes, const CommunityId& community);

struct ShardFacts {
    std::uint64_t records = 0;
    GlobalTime oldest = 0, newest = 0, floor = 0;
    std::optional<Retention> rule;
    std::int64_t checked_ms = 0;
};

class ShardWalk {
public:
    // Snapshot: all of the walk sees what was committed before its first part.
    enum class Sees { TheMoment, Snapshot };
    static Result<std::unique_ptr<ShardWalk>> open(const std::string& path,
                                                   const CommunityId& community, Sees sees);

    struct Part {
        std::vector<Bytes> records;  // in order of time and id; only intact ones
        RecordRef last;              // pass as `after` for the next part
        bool more = false;
        std::uint64_t damaged = 0;
        std::string fault;  // the first, in words
    };
    Result<Part> next(const RecordRef& after, std::size_t bytes_max);

    // Of the file as such: pages, trees, lists. Empty: sound. One call reads all of it.
    Result<std::string> structure();
    // The same of what next() does not show: small tables, with no records in them.
    Result<std::string> small_structure();
    // When every key has its own intact body and there are as many of both, each has the other.
    struct Totals {
        std::uint64_t keys = 0, bodies = 0;
    };
    Result<Totals> totals();
    Result<StreamDetails> details();
    Result<std::int64_t> checked_ms() { return read_checked(connection_); }
    Result<ShardFacts> facts();
    void set_deadline(Nanoseconds deadline) { connection_.set_deadline(deadline); }

private:
    explicit ShardWalk(const CommunityId& community, Connection connection)
        : community_(community), connection_(std::move(connection)) {}

    Result<std::string> first_fault(const std::string& pragma);

    CommunityId community_;
    Connection connection_;
    std::optional<Founder> founder_;
    Statement next_;
};

}  // namespace warren::shard
