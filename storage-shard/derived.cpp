// Indexing. See derived.h.
#include "storage-shard/derived.h"

#include <algorithm>

#include "storage-shard/migrations.h"
#include "storage-shard/search_text.h"

namespace warren::shard {

namespace {

constexpr int wal_pages_before_checkpoint = 1000;

std::string fold(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

std::int64_t shown_ms(std::uint64_t seconds) {
    constexpr std::uint64_t seconds_max = std::uint64_t{1} << 40;
    return static_cast<std::int64_t>(std::min(seconds, seconds_max)) * 1000;
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names)
        out += name + "\n";
    return out;
}

}  // namespace

Result<std::unique_ptr<Derived>> Derived::open(const std::string& path) {
    auto first = open_there(path);
    if (first) return first;
    if (first.error().kind != ErrorKind::NotFound) {
        if (first.error().kind != ErrorKind::Io && first.error().kind != ErrorKind::Environment)
            return first;
        remove_database(path);
    }
    WARREN_TRY_VOID(create(path));
    return open_there(path);
}

// Under another name first: readers find a whole file or none.
Result<void> Derived::create(const std::string& path) {
    auto temporary = path + ".new";
    remove_database(temporary);
    {
        WARREN_TRY(auto connection, Connection::open(temporary, Access::Create));
        WARREN_TRY_VOID(migrate(connection, FileKind::Derived));
        WARREN_TRY_VOID(connection.checkpoint(Connection::Checkpoint::Truncate));
    }
    return rename_durably(temporary, path);
}

Result<std::unique_ptr<Derived>> Derived::open_there(const std::string& path) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Write));
    std::unique_ptr<Derived> out(new Derived(std::move(connection)));
    WARREN_TRY_VOID(out->load());
    return out;
}

Result<void> Derived::load() {
    WARREN_TRY_VOID(migrate(connection_, FileKind::Derived));
    WARREN_TRY(find_mark_,
               connection_.prepare("SELECT body, record FROM mark WHERE community = ?1"));
    WARREN_TRY(put_mark_,
               connection_.prepare("INSERT INTO mark(community, body, record) VALUES(?1, "
                                   "?2, ?3) ON CONFLICT DO UPDATE SET body = ?2, record = "
                                   "?3"));
    // Of several records that say what a channel is, the last in total order speaks.
    WARREN_TRY(
        put_channel_,
        connection_.prepare(
            "INSERT INTO channel VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, ?6, ?7) ON CONFLICT DO "
            "UPDATE SET sort_key = ?2, name = ?3, description = ?4, founder = ?5, time = ?6, "
            "record = ?7 WHERE (?6, ?7) > (time, record)"));
    WARREN_TRY(put_announced_,
               connection_.prepare("INSERT INTO announced VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON "
                                   "CONFLICT DO UPDATE SET sort_key = ?2, name = ?3, founder = ?4, "
                                   "nonce = ?5, time = ?6, record = ?7 "
                                   "WHERE (?6, ?7) > (time, record)"));
    WARREN_TRY(put_torrent_,
               connection_.prepare("INSERT INTO torrent VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                                   "?8, ?9) ON CONFLICT DO NOTHING"));
    WARREN_TRY(put_words_,
               connection_.prepare("INSERT INTO words(rowid, title, file_names, tags, channel) "
                                   "VALUES(?1, ?2, ?3, ?4, ?5)"));
    WARREN_TRY(count_torrent_,
               connection_.prepare("UPDATE channel SET torrents = torrents + 1, updated_ms = "
                                   "max(updated_ms, ?2) WHERE id = ?1"));
    WARREN_TRY(find_channel_, connection_.prepare("SELECT name FROM channel WHERE id = ?1"));
    WARREN_TRY(rename_words_,
               connection_.prepare("UPDATE words SET channel = ?2 WHERE rowid IN "
                                   "(SELECT row FROM torrent WHERE community = ?1)"));
    return {};
}

Result<Derived::Mark> Derived::valid_mark(const CommunityId& community, ShardReader& shard) {
    Mark mark;
    {
        Rows rows = find_mark_.rows(community);
        WARREN_TRY(bool found, rows.next());
        if (!found) return mark;
        mark = {rows.integer(0), rows.id<RecordId>(1)};
    }
    WARREN_TRY(auto there, shard.id_of_body(mark.body));
    if (there == mark.record) return mark;
    WARREN_TRY_VOID(remove_all(community));
    return Mark{};
}

Result<CaughtUp> Derived::catch_up(const CommunityId& community, ShardReader& shard,
                                   std::size_t limit) {
    CaughtUp out;
    WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Replicated));
    WARREN_TRY(auto mark, valid_mark(community, shard));
    WARREN_TRY(auto bodies, shard.bodies_after(mark.body, limit));
    out.more = bodies.size() == limit;
    for (const auto& body : bodies) {
        auto record = protocol::decode_record(body.packet);
        mark = {body.row, record ? record->id : RecordId{}};
        if (!record) continue;  // damaged: the shard's own check deals with it
        WARREN_TRY_VOID(index(*record, out));
    }
    if (!bodies.empty()) {
        WARREN_TRY_VOID(put_mark_.run(community, mark.body, mark.record));
    }
    WARREN_TRY_VOID(transaction.commit());
    return out;
}

Result<void> Derived::forget(const CommunityId& community) {
    WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Replicated));
    WARREN_TRY_VOID(remove_all(community));
    return transaction.commit();
}

Result<void> Derived::remove_all(const CommunityId& community) {
    for (const char* sql :
         {"DELETE FROM words WHERE rowid IN (SELECT row FROM torrent WHERE community = ?1)",
          "DELETE FROM torrent WHERE community = ?1", "DELETE FROM channel WHERE id = ?1",
          "DELETE FROM mark WHERE community = ?1"}) {
        WARREN_TRY(auto statement, connection_.prepare(sql));
        WARREN_TRY_VOID(statement.run(community));
    }
    if (community == protocol::directory_community())
        return connection_.execute("DELETE FROM announced");
    return {};
}

Result<void> Derived::maintain() {
    if (connection_.wal_pages() < wal_pages_before_checkpoint) return {};
    return connection_.checkpoint(Connection::Checkpoint::Passive);
}

Result<void> Derived::index(const protocol::RecordView& record, CaughtUp& out) {
    switch (record.kind) {
    case protocol::RecordKind::ChannelGenesis: return index_genesis(record);
    case protocol::RecordKind::Torrent: return index_torrent(record);
    case protocol::RecordKind::ChannelAnnounced: return index_announced(record, out);
    }
    return {};
}

Result<void> Derived::index_genesis(const protocol::RecordView& record) {
    auto genesis = protocol::decode_channel_genesis(record.payload);
    if (!genesis) return {};
    WARREN_TRY(auto before, channel_name(record.community));
    WARREN_TRY_VOID(put_channel_.run(record.community, fold(genesis->name), genesis->name,
                                     genesis->description, record.author, sql_time(record.time),
                                     record.id));
    WARREN_TRY(auto after, channel_name(record.community));
    if (before.empty() || before == after) return {};
    return rename_words_.run(record.community, index_text(after));
}

Result<void> Derived::index_announced(const protocol::RecordView& record, CaughtUp& out) {
    auto announced = protocol::decode_channel_announced(record.payload);
    if (!announced) return {};
    out.announced.push_back(
        {announced->channel, {record.author, announced->nonce}, announced->name});
    return put_announced_.run(announced->channel, fold(announced->name), announced->name,
                              record.author, announced->nonce, sql_time(record.time), record.id);
}

Result<void> Derived::index_torrent(const protocol::RecordView& record) {
    auto entry = protocol::decode_torrent_entry(record.payload);
    if (!entry) return {};
    WARREN_TRY_VOID(put_torrent_.run(
        record.community, sql_time(record.time), record.id, entry->infohash, entry->name,
        static_cast<std::int64_t>(entry->size), static_cast<std::int64_t>(entry->files),
        entry->tags, shown_ms(entry->created_s)));
    if (connection_.changes() == 0) return {};
    auto row = connection_.last_rowid();
    WARREN_TRY(auto channel, channel_name(record.community));
    WARREN_TRY_VOID(put_words_.run(row, index_text(entry->name),
                                   index_text(joined(entry->file_names)), index_text(entry->tags),
                                   index_text(channel)));
    return count_torrent_.run(record.community, shown_ms(entry->created_s));
}

Result<std::string> Derived::channel_name(const CommunityId& channel) {
    Rows rows = find_channel_.rows(channel);
    WARREN_TRY(bool found, rows.next());
    return found ? rows.text(0) : std::string();
}

}  // namespace warren::shard
