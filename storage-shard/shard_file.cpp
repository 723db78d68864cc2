// See shard_file.h.
#include "storage-shard/shard_file.h"

#include <algorithm>
#include <limits>

namespace warren::shard {

Result<void> check_file(Connection& connection, Check check) {
    if (check == Check::None) return {};
    WARREN_TRY_VOID(connection.quick_check());
    return connection.checkpoint(Connection::Checkpoint::Truncate);
}

Result<std::optional<Bytes>> read_meta(Connection& connection, std::string_view name) {
    WARREN_TRY(auto statement, connection.prepare("SELECT value FROM meta WHERE name = ?1"));
    Rows rows = statement.rows(name);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<Bytes>{};
    return std::optional<Bytes>{to_bytes(rows.blob(0))};
}

Result<void> write_meta(Connection& connection, std::string_view name, ByteView value) {
    WARREN_TRY(auto statement, connection.prepare("INSERT INTO meta(name, value) VALUES(?1, ?2) "
                                                  "ON CONFLICT DO UPDATE SET value = ?2"));
    return statement.run(name, value);
}

Result<void> check_identity(Connection& connection, const CommunityId& community) {
    WARREN_TRY(auto stored, read_meta(connection, "community"));
    if (!stored) return damaged("the file names no community");
    if (CommunityId::from(*stored) != community)
        return damaged("the file belongs to community " + to_hex(*stored) + ", not " +
                       community.hex());
    return {};
}

Result<std::optional<Founder>> read_founder(Connection& connection) {
    WARREN_TRY(auto key_bytes, read_meta(connection, "founder"));
    WARREN_TRY(auto nonce_bytes, read_meta(connection, "nonce"));
    if (!key_bytes || !nonce_bytes) return std::optional<Founder>{};
    auto key = protocol::PublicKey::from(*key_bytes);
    auto nonce = protocol::Nonce::from(*nonce_bytes);
    if (!key || !nonce) return damaged("the file's founder is malformed");
    return std::optional<Founder>{Founder{*key, *nonce}};
}

Result<std::optional<IntactRecord>> read_body(Connection& connection, ByteView packed,
                                              const CommunityId& community,
                                              std::optional<Founder>& founder) {
    if (!founder && is_by_founder(packed)) {
        WARREN_TRY(founder, read_founder(connection));
    }
    return unpack_body(packed, community, founder);
}

Result<std::int64_t> read_last_body(Connection& connection) {
    WARREN_TRY(auto last, connection.number("SELECT coalesce(max(id), 0) FROM body"));
    WARREN_TRY(auto stored, read_meta(connection, "last_body"));
    const auto given = stored ? static_cast<std::int64_t>(Reader(*stored).u64()) : 0;
    return std::max(last, given);
}

Result<void> write_last_body(Connection& connection, std::int64_t number) {
    return write_meta(connection, "last_body",
                      Writer().u64(static_cast<std::uint64_t>(number)).take());
}

Result<std::int64_t> read_checked(Connection& connection) {
    WARREN_TRY(auto stored, read_meta(connection, "checked_ms"));
    if (!stored) return std::int64_t{0};
    return static_cast<std::int64_t>(Reader(*stored).u64());
}

Result<void> write_checked(Connection& connection, std::int64_t now_ms) {
    return write_meta(connection, "checked_ms",
                      Writer().u64(static_cast<std::uint64_t>(now_ms)).take());
}

Result<std::vector<RecordRef>> read_refs(Statement& refs, const protocol::SyncRange& range,
                                         std::size_t limit) {
    auto capped = std::min<std::size_t>(limit, std::numeric_limits<std::int32_t>::max());
    std::vector<RecordRef> out;
    Rows rows = refs.rows(sql_time(range.lower.time), range.lower.id, sql_time(range.upper.time),
                          range.upper.id, static_cast<std::int64_t>(capped));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        out.push_back({time_of(rows.integer(0)), rows.id<RecordId>(1)});
    }
}

}  // namespace warren::shard
