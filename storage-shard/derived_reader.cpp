// Opening and listings. See derived_reader.h.
#include "storage-shard/derived_reader.h"

#include <sys/stat.h>

#include "storage-shard/derived_snapshot.h"
#include "storage-shard/migrations.h"

namespace warren::shard {

namespace {

// What one directory can make a node list; more is found by search and by id.
constexpr std::int64_t announced_max = 100'000;

std::uint64_t inode_of(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

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

ListedChannel announced_from(const Rows& rows) {
    ListedChannel out;
    out.id = rows.id<CommunityId>(0);
    out.name = rows.text(1);
    out.founder = rows.id<protocol::PublicKey>(2);
    out.nonce = rows.id<protocol::Nonce>(3);
    out.sort_key = rows.text(4);
    out.announced_only = true;
    return out;
}

Result<std::vector<ListedChannel>> all_of(Rows rows, ListedChannel (*from)(const Rows&)) {
    std::vector<ListedChannel> out;
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        out.push_back(from(rows));
    }
}

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
    auto inode = inode_of(path);
    WARREN_TRY(auto connection, Connection::open(path, Access::Read));
    std::unique_ptr<DerivedReader> out(new DerivedReader(std::move(connection), path));
    out->inode_ = inode;
    WARREN_TRY_VOID(out->load());
    return out;
}

bool DerivedReader::is_current() const {
    return inode_of(path_) == inode_;
}

Result<void> DerivedReader::load() {
    WARREN_TRY_VOID(check_version(connection_, FileKind::Derived));
    WARREN_TRY_VOID(add_fit_function(connection_));
    WARREN_TRY_VOID(prepare_listings());
    WARREN_TRY_VOID(prepare_authors());
    WARREN_TRY_VOID(prepare_items());
    return prepare_search();
}

Result<void> DerivedReader::prepare_listings() {
    WARREN_TRY(state_, connection_.prepare("SELECT (SELECT value FROM state WHERE name = "
                                           "'generation'), value FROM state WHERE name = "
                                           "'change'"));
    WARREN_TRY(channels_, connection_.prepare("SELECT id, name, description, founder, torrents, "
                                              "updated_ms, sort_key FROM channel WHERE change > "
                                              "?1"));
    WARREN_TRY(announced_, connection_.prepare("SELECT id, name, founder, nonce, sort_key FROM "
                                               "announced WHERE change > ?1 LIMIT ?2"));
    WARREN_TRY(channel_, connection_.prepare("SELECT id, name, description, founder, torrents, "
                                             "updated_ms, sort_key FROM channel WHERE id = ?1"));
    // Anybody may vote for any id: what is not announced is not told.
    WARREN_TRY(standings_,
               connection_.prepare("SELECT s.channel, s.up, s.down, s.subscribers FROM standing s "
                                   "JOIN announced a ON a.id = s.channel WHERE s.change > ?1 "
                                   "LIMIT ?2"));
    WARREN_TRY(mark_, connection_.prepare("SELECT body FROM mark WHERE community = ?1"));
    return {};
}

Result<Changes> DerivedReader::changes(const Seen& seen) {
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    Changes out;
    {
        Rows rows = state_.rows();
        WARREN_TRY(bool found, rows.next());
        if (!found) return damaged("the derived file has no state");
        out.now = {rows.integer(0), rows.integer(1)};
    }
    if (out.now == seen) return out;
    out.whole = out.now.generation != seen.generation;
    auto since = out.whole ? std::int64_t{-1} : seen.change;
    WARREN_TRY(out.channels, all_of(channels_.rows(since), channel_from));
    WARREN_TRY(out.announced, all_of(announced_.rows(since, announced_max), announced_from));
    Rows rows = standings_.rows(since, announced_max);
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        const auto count = [&](int column) {
            return static_cast<std::uint64_t>(rows.integer(column));
        };
        out.standings.push_back({rows.id<CommunityId>(0), {count(1), count(2), count(3)}});
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
