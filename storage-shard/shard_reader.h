// Reads of a community's file, on a read-only connection of its own beside the writer: they never
// wait for a commit, and they never checkpoint. Every body's hash is checked before it leaves
// (R-D5).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage-shard/shard_file.h"
#include "storage-shard/undone.h"

namespace warren::shard {

struct ContentRow {
    RecordRef ref;
    protocol::TorrentEntry entry;
    bool edited = false;  // `entry` has what an edit says
};
struct ContentsPage {
    std::vector<ContentRow> rows;  // newest first
    std::uint64_t damaged = 0;     // bodies that did not match their id; left out
    bool more = false;
    std::string next;  // pass as `after` for the following page
};
struct StoredBody {
    std::int64_t row = 0;  // in order of arrival; those that left leave gaps
    Bytes packet;          // empty: damaged
    bool shown = true;     // false: stored, but its verdict is not "accepted"
};
// A record whose listing has to be looked at again.
struct Relisted {
    std::int64_t number = 0;
    RecordRef ref, prev;
    protocol::PublicKey author;
    Bytes packet;  // empty: it left the file
    bool undone = false;
};
struct Fetched {
    std::vector<Bytes> packets;
    std::uint64_t damaged = 0;  // bodies that did not match their id; left out
    std::size_t bytes = 0;      // of the packets
    bool cut = false;           // more was asked for than bytes_max or the work limit allowed
    void add(std::optional<IntactRecord> record, const RecordRef& ref, std::size_t bytes_max);
};

class ShardReader {
public:
    static Result<std::unique_ptr<ShardReader>> open(const std::string& path,
                                                     const CommunityId& community);
    void set_deadline(Nanoseconds deadline) { connection_.set_deadline(deadline); }
    Result<void> set_cache_kib(int kib) { return connection_.set_cache_kib(kib); }

    Result<ContentsPage> contents(std::string_view after, std::size_t limit);
    Result<std::optional<Bytes>> record(const RecordRef& ref);
    Result<Fetched> fetch(const std::vector<protocol::Selection>& selections, std::uint64_t session,
                          std::size_t bytes_max);
    Result<std::vector<StoredBody>> bodies_after(std::int64_t row, std::size_t limit);
    // In the order in which they changed; until Shard::forget_relisted.
    Result<std::vector<Relisted>> relisted(std::size_t limit);
    // Whether a row of this number was given: if it is not there, it left.
    Result<bool> gave(std::int64_t row);
    // Control records before this one, newest first.
    Result<std::vector<Bytes>> controls(const RecordRef& before, std::size_t limit);
    // Proofs that authors' lines forked, one of each, encoded (protocol/community/fork.h).
    Result<std::vector<Bytes>> fork_proofs(std::size_t limit);
    Result<bool> has(const RecordRef& ref);
    Result<std::optional<RecordId>> id_of_body(std::int64_t row);
    Result<std::uint64_t> count();
    Result<GlobalTime> newest();
    Result<std::optional<Founder>> founder() { return read_founder(connection_); }

private:
    ShardReader(const CommunityId& community, Connection connection);
    Result<void> load();

    Result<std::optional<IntactRecord>> body_in(const Rows& rows, int column);
    // Adds what a selection names; false: no more may be added.
    Result<bool> fetch_named(const protocol::Selection& selection, const protocol::SyncKey& key,
                             std::size_t bytes_max, std::size_t& scanned, Fetched& to);
    Result<bool> fetch_range(const protocol::SyncRange& range, std::size_t bytes_max, Fetched& to);

    CommunityId community_;
    Connection connection_;
    std::optional<Founder> founder_;
    Statement contents_, record_, has_, refs_, lasting_refs_, range_, bodies_, body_, relisted_;
    Undone undone_;
};

std::string cursor_text(const RecordRef& ref);
std::optional<RecordRef> cursor_from(std::string_view text);

}  // namespace warren::shard
