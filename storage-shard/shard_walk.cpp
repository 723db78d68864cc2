// See shard_walk.h.
#include "storage-shard/shard_walk.h"

#include "storage-shard/migrations.h"

namespace warren::shard {

namespace {

constexpr std::int64_t rows_max = 1024;  // of one part

std::string fault_at(const RecordRef& ref, std::string_view what) {
    return "record " + ref.id.hex() + " at time " + std::to_string(ref.time) + ": " +
           std::string(what);
}

}  // namespace

Bytes encode(const StreamDetails& details) {
    Writer out;
    out.u64(details.floor).u8(details.founder ? 1 : 0);
    if (details.founder)
        out.bytes(details.founder->key.view()).bytes(details.founder->nonce.view());
    out.u8(details.rule ? 1 : 0);
    if (details.rule) out.bytes(encode(*details.rule));
    return out.take();
}

Result<StreamDetails> decode_stream_details(ByteView bytes, const CommunityId& community) {
    Reader in(bytes);
    StreamDetails out;
    out.floor = in.u64();
    if (in.u8() == 1) {
        Founder founder;
        founder.key.bytes = in.array<protocol::PublicKey::size>();
        founder.nonce.bytes = in.array<protocol::Nonce::size>();
        if (protocol::channel_community(founder.key, founder.nonce) != community)
            return bad_input("the file names a founder that this community does not have");
        out.founder = founder;
    }
    if (in.u8() == 1) {
        WARREN_TRY(out.rule, decode_retention(in.rest()));
    }
    if (!in.done()) return bad_input("the file's details are malformed");
    return out;
}

Result<std::unique_ptr<ShardWalk>> ShardWalk::open(const std::string& path,
                                                   const CommunityId& community, Sees sees) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Read));
    WARREN_TRY_VOID(check_version(connection, FileKind::Community));
    WARREN_TRY_VOID(check_identity(connection, community));
    std::unique_ptr<ShardWalk> out(new ShardWalk(community, std::move(connection)));
    WARREN_TRY(out->next_,
               out->connection_.prepare(
                   "SELECT key.time, key.id, key.kind, body.packed FROM key "
                   "LEFT JOIN body ON body.id = key.body WHERE (key.time, key.id) > (?1, ?2) "
                   "ORDER BY key.time, key.id LIMIT ?3"));
    // From its first read on, this transaction sees one state; writers go on beside it.
    if (sees == Sees::Snapshot) {
        WARREN_TRY_VOID(out->connection_.execute("BEGIN"));
        WARREN_TRY(auto count, out->connection_.number("SELECT count(*) FROM meta"));
        (void)count;
    }
    return out;
}

Result<ShardWalk::Part> ShardWalk::next(const RecordRef& after, std::size_t bytes_max) {
    Part out;
    out.last = after;
    std::size_t bytes = 0;
    Rows rows = next_.rows(sql_time(after.time), after.id, rows_max);
    for (std::int64_t seen = 0;; ++seen) {
        WARREN_TRY(bool found, rows.next());
        if (!found) {
            out.more = seen == rows_max;
            return out;
        }
        RecordRef ref{time_of(rows.integer(0)), rows.id<RecordId>(1)};
        auto packed = rows.blob(3);
        if (bytes + packed.size() > bytes_max && bytes > 0) {
            out.more = true;
            return out;
        }
        out.last = ref;
        WARREN_TRY(auto record, read_body(connection_, packed, community_, founder_));
        bool right = record && record->view.ref() == ref &&
                     static_cast<std::int64_t>(record->view.kind) == rows.integer(2);
        if (right) {
            bytes += record->packet.size();
            out.records.push_back(std::move(record->packet));
            continue;
        }
        ++out.damaged;
        if (out.fault.empty())
            out.fault = fault_at(ref, packed.empty() ? "its body is missing"
                                                     : "its body does not match its key");
    }
}

Result<std::string> ShardWalk::first_fault(const std::string& pragma) {
    auto answer = connection_.word(pragma);
    if (!answer && answer.error().kind != ErrorKind::Damaged) return std::move(answer.error());
    if (!answer) return answer.error().text;
    return *answer == "ok" ? std::string() : *answer;
}

Result<std::string> ShardWalk::structure() {
    return first_fault("PRAGMA integrity_check(1)");
}

Result<std::string> ShardWalk::small_structure() {
    for (const char* table : {"meta", "request", "own_head", "undo", "relist", "fork"}) {
        WARREN_TRY(auto fault, first_fault("PRAGMA quick_check(" + std::string(table) + ")"));
        if (!fault.empty()) return fault;
    }
    return std::string();
}

Result<ShardWalk::Totals> ShardWalk::totals() {
    WARREN_TRY(auto both, connection_.prepare("SELECT (SELECT count(*) FROM key), "
                                              "(SELECT count(*) FROM body)"));
    Rows rows = both.rows();
    WARREN_TRY(bool found, rows.next());
    if (!found) return damaged("the file counts nothing");
    return Totals{static_cast<std::uint64_t>(rows.integer(0)),
                  static_cast<std::uint64_t>(rows.integer(1))};
}

Result<StreamDetails> ShardWalk::details() {
    StreamDetails out;
    WARREN_TRY(out.founder, read_founder(connection_));
    WARREN_TRY(out.floor, read_floor(connection_));
    WARREN_TRY(out.rule, read_retention(connection_));
    return out;
}

Result<ShardFacts> ShardWalk::facts() {
    ShardFacts out;
    WARREN_TRY(auto records, connection_.number("SELECT count(*) FROM key"));
    WARREN_TRY(auto oldest, connection_.number("SELECT min(time) FROM key"));
    WARREN_TRY(auto newest, connection_.number("SELECT max(time) FROM key"));
    out.records = static_cast<std::uint64_t>(records);
    out.oldest = time_of(oldest);
    out.newest = time_of(newest);
    WARREN_TRY(out.floor, read_floor(connection_));
    WARREN_TRY(out.rule, read_retention(connection_));
    WARREN_TRY(out.checked_ms, checked_ms());
    return out;
}

}  // namespace warren::shard
