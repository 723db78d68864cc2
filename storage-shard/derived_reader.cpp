// Search and listings. See derived.h.
#include <algorithm>

#include "storage-shard/derived.h"
#include "storage-shard/migrations.h"
#include "storage-shard/search_text.h"

namespace warren::shard {

namespace {

constexpr std::size_t search_limit_max = 100;
constexpr std::size_t search_bytes_max = 512;
constexpr std::size_t page_max = 200;
constexpr Nanoseconds search_time_max = 50_ms;

}  // namespace

std::string cursor_text(const ChannelCursor& cursor) {
    return to_hex(view_of(cursor.sort_key)) + "." + cursor.id.hex();
}

std::optional<ChannelCursor> channel_cursor_from(std::string_view text) {
    auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    auto key = from_hex(text.substr(0, dot));
    auto id = CommunityId::from_hex_text(text.substr(dot + 1));
    if (!key || !id) return std::nullopt;
    return ChannelCursor{std::string(text_of(*key)), *id};
}

Result<std::unique_ptr<DerivedReader>> DerivedReader::open(const std::string& path) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Read));
    std::unique_ptr<DerivedReader> out(new DerivedReader(std::move(connection)));
    WARREN_TRY_VOID(out->load());
    return out;
}

Result<void> DerivedReader::load() {
    WARREN_TRY_VOID(check_version(connection_, FileKind::Derived));
    // A word in the title weighs most, then tags, the channel's name, file names.
    WARREN_TRY(
        search_,
        connection_.prepare(
            "SELECT t.community, t.time, t.record, t.infohash, t.name, t.size, t.files, "
            "t.tags, t.created_ms, coalesce(c.name, ''), bm25(words, 10.0, 2.0, 5.0, 3.0) AS "
            "score FROM words JOIN torrent t ON t.row = words.rowid LEFT JOIN channel c ON "
            "c.id = t.community WHERE words MATCH ?1 ORDER BY score, t.row LIMIT ?2"));
    WARREN_TRY(channels_,
               connection_.prepare("SELECT id, name, description, founder, torrents, updated_ms, "
                                   "sort_key FROM channel WHERE (sort_key, id) > (?1, ?2) "
                                   "ORDER BY sort_key, id LIMIT ?3"));
    WARREN_TRY(announced_, connection_.prepare("SELECT id, name, founder, nonce, sort_key FROM "
                                               "announced WHERE (sort_key, id) > (?1, ?2) "
                                               "ORDER BY sort_key, id LIMIT ?3"));
    WARREN_TRY(channel_, connection_.prepare("SELECT id, name, description, founder, torrents, "
                                             "updated_ms, sort_key FROM channel WHERE id = ?1"));
    WARREN_TRY(mark_, connection_.prepare("SELECT body FROM mark WHERE community = ?1"));
    return {};
}

Result<std::vector<FoundTorrent>> DerivedReader::search(std::string_view text, std::size_t limit) {
    if (text.size() > search_bytes_max)
        return bad_input("the search text is longer than 512 bytes");
    if (!is_utf8(text)) return bad_input("the search text is not UTF-8");
    std::vector<FoundTorrent> out;
    auto expression = match_expression(text);
    if (!expression) return out;
    struct Deadline {
        Connection& connection;
        ~Deadline() { connection.set_deadline(0); }
    } deadline{connection_};
    connection_.set_deadline(monotonic_now() + search_time_max);
    limit = std::clamp<std::size_t>(limit, 1, search_limit_max);
    Rows rows = search_.rows(*expression, static_cast<std::int64_t>(limit));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        FoundTorrent found;
        found.community = rows.id<CommunityId>(0);
        found.ref = {time_of(rows.integer(1)), rows.id<RecordId>(2)};
        found.infohash = rows.id<Infohash>(3);
        found.name = rows.text(4);
        found.size = static_cast<std::uint64_t>(rows.integer(5));
        found.files = static_cast<std::uint32_t>(rows.integer(6));
        found.tags = rows.text(7);
        found.created_ms = rows.integer(8);
        found.channel = rows.text(9);
        found.rank = rows.real(10);
        out.push_back(std::move(found));
    }
}

namespace {

ListedChannel channel_from(const Rows& rows) {
    ListedChannel out;
    out.id = rows.id<CommunityId>(0);
    out.name = rows.text(1);
    out.description = rows.text(2);
    out.founder = rows.id<protocol::PublicKey>(3);
    out.torrents = static_cast<std::uint64_t>(rows.integer(4));
    out.updated_ms = rows.integer(5);
    out.sort_key = rows.text(6);
    return out;
}

}  // namespace

Result<std::vector<ListedChannel>>
DerivedReader::channels(const std::optional<ChannelCursor>& after, std::size_t limit) {
    std::vector<ListedChannel> out;
    auto from = after.value_or(ChannelCursor{});
    Rows rows = channels_.rows(from.sort_key, from.id,
                               static_cast<std::int64_t>(std::min(limit, page_max + 1)));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        out.push_back(channel_from(rows));
    }
}

Result<std::vector<ListedChannel>>
DerivedReader::announced(const std::optional<ChannelCursor>& after, std::size_t limit) {
    std::vector<ListedChannel> out;
    auto from = after.value_or(ChannelCursor{});
    Rows rows = announced_.rows(from.sort_key, from.id,
                                static_cast<std::int64_t>(std::min(limit, page_max + 1)));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        ListedChannel listed;
        listed.id = rows.id<CommunityId>(0);
        listed.name = rows.text(1);
        listed.founder = rows.id<protocol::PublicKey>(2);
        listed.nonce = rows.id<protocol::Nonce>(3);
        listed.sort_key = rows.text(4);
        listed.announced_only = true;
        out.push_back(std::move(listed));
    }
}

Result<std::optional<ListedChannel>> DerivedReader::channel(const CommunityId& id) {
    Rows rows = channel_.rows(id);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<ListedChannel>{};
    return std::optional<ListedChannel>{channel_from(rows)};
}

Result<std::uint64_t> DerivedReader::indexed(const CommunityId& community) {
    WARREN_TRY(auto body, mark_.number(community));
    return static_cast<std::uint64_t>(body.value_or(0));
}

}  // namespace warren::shard
