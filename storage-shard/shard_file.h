// What writers and readers of a community's file share: identity, time as SQLite keeps it, ranges.
#pragma once

#include "protocol/record.h"
#include "protocol/sync.h"
#include "storage-shard/fence.h"
#include "storage-shard/packed_body.h"
#include "storage-shard/range_sums.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

// Quick: after a failed write the file is proven, and its log made durable, before it is trusted
// again.
enum class Check { None, Quick };
Result<void> check_file(Connection& connection, Check check);

// SQLite's integers are signed; records at or past this time are refused.
inline constexpr GlobalTime time_max = (GlobalTime{1} << 63) - 1;
inline std::int64_t sql_time(GlobalTime time) {
    return static_cast<std::int64_t>(time < time_max ? time : time_max);
}
inline GlobalTime time_of(std::int64_t value) {
    return static_cast<GlobalTime>(value);
}

Result<std::optional<Bytes>> read_meta(Connection& connection, std::string_view name);
Result<void> write_meta(Connection& connection, std::string_view name, ByteView value);
// Refuses a file that belongs to another community.
Result<void> check_identity(Connection& connection, const CommunityId& community);
Result<std::optional<Founder>> read_founder(Connection& connection);
// The number of the last row of `body` that was ever given, also when it is gone.
Result<std::int64_t> read_last_body(Connection& connection);
Result<void> write_last_body(Connection& connection, std::int64_t number);
// When all records were last proven, Unix time in ms; 0: not yet.
Result<std::int64_t> read_checked(Connection& connection);
Result<void> write_checked(Connection& connection, std::int64_t now_ms);
// The record of a row of `body`, for readers, who may be open before the founder is known.
Result<std::optional<IntactRecord>> read_body(Connection& connection, ByteView packed,
                                              const CommunityId& community,
                                              std::optional<Founder>& founder);

inline constexpr std::string_view refs_sql =
    "SELECT time, id FROM key WHERE (time, id) >= (?1, ?2) AND (time, id) < (?3, ?4) "
    "ORDER BY time, id LIMIT ?5";
// The same of what is never pruned.
inline constexpr std::string_view lasting_refs_sql =
    "SELECT time, id FROM key INDEXED BY lasting WHERE (kind = 1 OR kind = 34 OR kind >= 208) AND "
    "(time, id) >= (?1, ?2) AND (time, id) < (?3, ?4) ORDER BY time, id LIMIT ?5";
Result<std::vector<RecordRef>> read_refs(Statement& refs, const protocol::SyncRange& range,
                                         std::size_t limit);

}  // namespace warren::shard
