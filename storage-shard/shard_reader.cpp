// See shard_reader.h.
#include "storage-shard/shard_reader.h"

#include <algorithm>
#include <unordered_set>

#include "protocol/record_ref.h"
#include "storage-shard/migrations.h"

namespace warren::shard {

namespace {

constexpr std::size_t page_max = 200;
// What the ids of one question may make us scan: ranges that symbols told of have thousands.
constexpr std::size_t scan_max = 65'536;

}  // namespace

std::string cursor_text(const RecordRef& ref) {
    return protocol::ref_text(ref);
}

std::optional<RecordRef> cursor_from(std::string_view text) {
    return protocol::ref_from(text);
}

ShardReader::ShardReader(const CommunityId& community, Connection connection)
    : community_(community), connection_(std::move(connection)) {}

Result<std::unique_ptr<ShardReader>> ShardReader::open(const std::string& path,
                                                       const CommunityId& community) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Read));
    std::unique_ptr<ShardReader> out(new ShardReader(community, std::move(connection)));
    WARREN_TRY_VOID(out->load());
    return out;
}

Result<void> ShardReader::load() {
    WARREN_TRY_VOID(check_version(connection_, FileKind::Community));
    WARREN_TRY_VOID(check_identity(connection_, community_));
    WARREN_TRY(
        contents_,
        connection_.prepare("SELECT key.time, key.id, body.packed FROM key JOIN body ON body.id = "
                            "key.body WHERE (key.time, key.id) < (?1, ?2) AND key.kind = ?3 "
                            "ORDER BY key.time DESC, key.id DESC LIMIT ?4"));
    WARREN_TRY(record_, connection_.prepare(
                            "SELECT body.packed FROM key "
                            "JOIN body ON body.id = key.body WHERE key.time = ?1 AND key.id = ?2"));
    WARREN_TRY(has_, connection_.prepare("SELECT 1 FROM key WHERE time = ?1 AND id = ?2"));
    WARREN_TRY(refs_, connection_.prepare(refs_sql));
    WARREN_TRY(range_, connection_.prepare(
                           "SELECT key.time, key.id, body.packed FROM key JOIN body ON body.id = "
                           "key.body WHERE (key.time, key.id) >= (?1, ?2) AND (key.time, key.id) < "
                           "(?3, ?4) ORDER BY key.time, key.id"));
    WARREN_TRY(lasting_refs_, connection_.prepare(lasting_refs_sql));
    WARREN_TRY(bodies_, connection_.prepare(
                            "SELECT id, packed FROM body WHERE id > ?1 ORDER BY id LIMIT ?2"));
    WARREN_TRY(body_, connection_.prepare("SELECT packed FROM body WHERE id = ?1"));
    WARREN_TRY(relisted_, connection_.prepare("SELECT number, time, id, author, prev_time, prev "
                                              "FROM relist ORDER BY number LIMIT ?1"));
    WARREN_TRY_VOID(undone_.prepare(connection_));
    return {};
}

Result<std::optional<IntactRecord>> ShardReader::body_in(const Rows& rows, int column) {
    return read_body(connection_, rows.blob(column), community_, founder_);
}

Result<ContentsPage> ShardReader::contents(std::string_view after, std::size_t limit) {
    RecordRef from{time_max, {}};
    if (!after.empty()) {
        auto cursor = cursor_from(after);
        if (!cursor) return bad_input("the cursor is not one that a page gave");
        from = *cursor;
    }
    limit = std::clamp<std::size_t>(limit, 1, page_max);
    ContentsPage out;
    Rows rows = contents_.rows(sql_time(from.time), from.id,
                               static_cast<std::int64_t>(protocol::RecordKind::Torrent),
                               static_cast<std::int64_t>(limit + 1));
    RecordRef last;
    for (std::size_t seen = 0;; ++seen) {
        WARREN_TRY(bool more, rows.next());
        if (!more) break;
        if (seen == limit) {
            out.more = true;
            out.next = cursor_text(last);
            break;
        }
        last = {time_of(rows.integer(0)), rows.id<RecordId>(1)};
        WARREN_TRY(auto record, body_in(rows, 2));
        if (!record || record->view.ref() != last) {
            ++out.damaged;
            continue;
        }
        WARREN_TRY(bool undone, undone_.is_undone(record->view));
        if (undone) continue;
        auto entry = protocol::decode_torrent_entry(record->view.payload);
        if (entry) out.rows.push_back({last, std::move(*entry)});
    }
    return out;
}

Result<std::optional<Bytes>> ShardReader::record(const RecordRef& ref) {
    Rows rows = record_.rows(sql_time(ref.time), ref.id);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<Bytes>{};
    WARREN_TRY(auto record, body_in(rows, 0));
    if (!record || record->view.ref() != ref)
        return damaged("a stored record does not match its id");
    return std::optional<Bytes>{std::move(record->packet)};
}

// Cuts when it does not fit; leaves out and counts what is damaged.
void Fetched::add(std::optional<IntactRecord> record, const RecordRef& ref, std::size_t bytes_max) {
    if (!record || record->view.ref() != ref) return void(++damaged);
    cut = bytes + record->packet.size() > bytes_max;
    if (cut) return;
    bytes += record->packet.size();
    packets.push_back(std::move(record->packet));
}

Result<bool> ShardReader::fetch_named(const protocol::Selection& selection,
                                      const protocol::SyncKey& key, std::size_t bytes_max,
                                      std::size_t& scanned, Fetched& to) {
    std::unordered_set<std::uint64_t> wanted(selection.ids.begin(), selection.ids.end());
    auto budget = scan_max - std::min(scanned, scan_max);
    auto& among = selection.lasting ? lasting_refs_ : refs_;
    WARREN_TRY(auto refs, read_refs(among, selection.range, budget));
    scanned += refs.size();
    for (const auto& ref : refs) {
        if (selection.all == 0 && wanted.erase(protocol::short_id(key, ref.id)) == 0) continue;
        Rows rows = record_.rows(sql_time(ref.time), ref.id);
        WARREN_TRY(bool found, rows.next());
        if (!found) continue;  // it went meanwhile
        WARREN_TRY(auto record, body_in(rows, 0));
        to.add(std::move(record), ref, bytes_max);
        if (to.cut) return false;
    }
    return scanned < scan_max;
}

Result<bool> ShardReader::fetch_range(const protocol::SyncRange& range, std::size_t bytes_max,
                                      Fetched& to) {
    Rows rows = range_.rows(sql_time(range.lower.time), range.lower.id, sql_time(range.upper.time),
                            range.upper.id);
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return true;
        const RecordRef ref{time_of(rows.integer(0)), rows.id<RecordId>(1)};
        WARREN_TRY(auto record, body_in(rows, 2));
        to.add(std::move(record), ref, bytes_max);
        if (to.cut) return false;
    }
}

Result<Fetched> ShardReader::fetch(const std::vector<protocol::Selection>& selections,
                                   std::uint64_t session, std::size_t bytes_max) {
    Fetched out;
    auto key = protocol::session_key(community_, session);
    std::size_t scanned = 0;
    bool more = true;
    for (const auto& selection : selections) {
        if (selection.all > 0 && !selection.lasting) {  // most: read as they lie
            WARREN_TRY(more, fetch_range(selection.range, bytes_max, out));
        } else {
            WARREN_TRY(more, fetch_named(selection, key, bytes_max, scanned, out));
        }
        if (more) continue;
        out.cut = true;
        break;
    }
    return out;
}

Result<std::vector<StoredBody>> ShardReader::bodies_after(std::int64_t row, std::size_t limit) {
    std::vector<StoredBody> out;
    WARREN_TRY(const bool any_undone, undone_.any());
    Rows rows = bodies_.rows(row, static_cast<std::int64_t>(limit));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        WARREN_TRY(auto record, body_in(rows, 1));
        bool undone = false;
        if (record && any_undone) {
            WARREN_TRY(undone, undone_.is_undone(record->view));
        }
        out.push_back({rows.integer(0), record ? std::move(record->packet) : Bytes{}, !undone});
    }
}

Result<std::vector<Relisted>> ShardReader::relisted(std::size_t limit) {
    std::vector<Relisted> out;
    Rows rows = relisted_.rows(static_cast<std::int64_t>(limit));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) break;
        Relisted one;
        one.number = rows.integer(0);
        one.ref = {time_of(rows.integer(1)), rows.id<RecordId>(2)};
        one.author = rows.id<protocol::PublicKey>(3);
        one.prev = {time_of(rows.integer(4)), rows.id<RecordId>(5)};
        out.push_back(std::move(one));
    }
    for (auto& one : out) {
        WARREN_TRY(auto packet, record(one.ref));
        if (!packet) continue;
        one.packet = std::move(*packet);
        WARREN_TRY(auto view, protocol::decode_record(one.packet));
        WARREN_TRY(one.undone, undone_.is_undone(view));
    }
    return out;
}

Result<bool> ShardReader::gave(std::int64_t row) {
    WARREN_TRY(auto last, read_last_body(connection_));
    return row <= last;
}

Result<std::vector<Bytes>> ShardReader::controls(const RecordRef& before, std::size_t limit) {
    WARREN_TRY(auto statement,
               connection_.prepare(
                   "SELECT body.packed FROM key INDEXED BY lasting JOIN body ON body.id = key.body "
                   "WHERE (kind = 1 OR kind = 34 OR kind >= 208) AND kind >= 208 AND "
                   "(key.time, key.id) < (?1, ?2) ORDER BY key.time DESC, key.id DESC LIMIT ?3"));
    std::vector<Bytes> out;
    Rows rows = statement.rows(sql_time(before.time), before.id, static_cast<std::int64_t>(limit));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        WARREN_TRY(auto record, body_in(rows, 0));
        if (record) out.push_back(std::move(record->packet));
    }
}

Result<std::vector<Bytes>> ShardReader::fork_proofs(std::size_t limit) {
    WARREN_TRY(auto statement, connection_.prepare("SELECT proof FROM fork LIMIT ?1"));
    std::vector<Bytes> out;
    Rows rows = statement.rows(static_cast<std::int64_t>(limit));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        out.push_back(to_bytes(rows.blob(0)));
    }
}

Result<bool> ShardReader::has(const RecordRef& ref) {
    WARREN_TRY(auto found, has_.number(sql_time(ref.time), ref.id));
    return found.has_value();
}

Result<std::optional<RecordId>> ShardReader::id_of_body(std::int64_t row) {
    Rows rows = body_.rows(row);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<RecordId>{};
    WARREN_TRY(auto record, body_in(rows, 0));
    return record ? std::optional<RecordId>{record->view.id} : std::optional<RecordId>{RecordId{}};
}

Result<std::uint64_t> ShardReader::count() {
    WARREN_TRY(auto rows, connection_.number("SELECT count(*) FROM key"));
    return static_cast<std::uint64_t>(rows);
}

Result<GlobalTime> ShardReader::newest() {
    WARREN_TRY(auto time, connection_.number("SELECT coalesce(max(time), 0) FROM key"));
    return time_of(time);
}

}  // namespace warren::shard
