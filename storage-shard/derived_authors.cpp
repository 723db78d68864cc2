// Who wrote what. See derived_reader.h.
#include <charconv>
#include <limits>

#include "storage-shard/derived_reader.h"
#include "storage-shard/derived_snapshot.h"

namespace warren::shard {

namespace {

constexpr std::size_t page_max = 1000;

// Above every row.
AuthorCursor top() {
    AuthorCursor out;
    out.community.bytes.fill(0xff);
    out.prev_time = time_max;
    out.prev = std::numeric_limits<std::int64_t>::max();
    out.ref.time = time_max;
    return out;
}

}  // namespace

std::string cursor_text(const AuthorCursor& cursor) {
    return to_hex(Writer()
                      .bytes(cursor.community.view())
                      .u64(cursor.prev_time)
                      .u64(static_cast<std::uint64_t>(cursor.prev))
                      .u64(cursor.ref.time)
                      .bytes(cursor.ref.id.view())
                      .take());
}

std::optional<AuthorCursor> author_cursor_from(std::string_view text) {
    auto raw = from_hex(text);
    constexpr std::size_t bytes = CommunityId::size + 3 * 8 + RecordId::size;
    if (!raw || raw->size() != bytes) return std::nullopt;
    Reader reader(*raw);
    AuthorCursor out;
    out.community = *CommunityId::from(reader.take(CommunityId::size));
    out.prev_time = reader.u64();
    out.prev = static_cast<std::int64_t>(reader.u64());
    out.ref.time = reader.u64();
    out.ref.id = *RecordId::from(reader.take(RecordId::size));
    return out;
}

Result<void> DerivedReader::prepare_authors() {
    WARREN_TRY(author_, connection_.prepare("SELECT number, key, records, forks FROM author WHERE "
                                            "member = ?1"));
    WARREN_TRY(
        written_,
        connection_.prepare(
            "SELECT community, prev_time, prev, time, record, kind, (prev_time > 0 AND (SELECT "
            "count(*) FROM (SELECT 1 FROM written o WHERE o.author = w.author AND o.community = "
            "w.community AND o.prev_time = w.prev_time AND o.prev = w.prev LIMIT 2)) > 1) FROM "
            "written w WHERE author = ?1 AND (community, prev_time, prev, time, record) < "
            "(?2, ?3, ?4, ?5, ?6) ORDER BY community DESC, prev_time DESC, prev DESC, time DESC, "
            "record DESC LIMIT ?7"));
    return {};
}

Result<std::optional<AuthorPage>> DerivedReader::author(const MemberId& member,
                                                        const std::optional<AuthorCursor>& after,
                                                        std::size_t limit) {
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    AuthorPage out;
    std::int64_t number = 0;
    {
        Rows rows = author_.rows(member);
        WARREN_TRY(bool found, rows.next());
        if (!found) return std::optional<AuthorPage>{};
        number = rows.integer(0);
        out.key = rows.id<protocol::PublicKey>(1);
        out.records = static_cast<std::uint64_t>(rows.integer(2));
        out.forks = static_cast<std::uint64_t>(rows.integer(3));
    }
    auto from = after.value_or(top());
    Rows rows = written_.rows(number, from.community, sql_time(from.prev_time), from.prev,
                              sql_time(from.ref.time), from.ref.id,
                              static_cast<std::int64_t>(std::min(limit, page_max)));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return std::optional<AuthorPage>{std::move(out)};
        AuthoredRecord record;
        record.at = {rows.id<CommunityId>(0),
                     time_of(rows.integer(1)),
                     rows.integer(2),
                     {time_of(rows.integer(3)), rows.id<RecordId>(4)}};
        record.kind = static_cast<protocol::RecordKind>(rows.integer(5));
        record.forked = rows.integer(6) != 0;
        out.rows.push_back(record);
    }
}

}  // namespace warren::shard
