// Taking a community out again, or what was pruned of it, a bounded number of rows at a time:
// nobody waits for more than one step. What a crash leaves half done is marked, and goes on. See
// derived.h.
#include <algorithm>

#include "storage-shard/derived.h"

namespace warren::shard {

namespace {

constexpr std::size_t leftover_rows = 256;

std::int64_t doom_of(Derived::Then then) {
    return static_cast<std::int64_t>(then) + 1;
}

}  // namespace

Result<void> Derived::prepare_removal() {
    WARREN_TRY(torrents_of_, connection_.prepare("SELECT row FROM torrent WHERE community = ?1 "
                                                 "ORDER BY row LIMIT ?2"));
    WARREN_TRY(created_, connection_.prepare("SELECT created_ms FROM torrent WHERE row = ?1"));
    WARREN_TRY(remove_torrent_, connection_.prepare("DELETE FROM torrent WHERE row = ?1"));
    WARREN_TRY(authors_of_, connection_.prepare("SELECT author, records, forks FROM author_in "
                                                "WHERE community = ?1 LIMIT 1"));
    WARREN_TRY(remove_written_,
               connection_.prepare(
                   "DELETE FROM written WHERE (author, community, prev_time, prev, time, record) "
                   "IN (SELECT author, community, prev_time, prev, time, record FROM written "
                   "WHERE author = ?1 AND community = ?2 LIMIT ?3)"));
    WARREN_TRY(remove_in_, connection_.prepare("DELETE FROM author_in WHERE community = ?1 AND "
                                               "author = ?2"));
    WARREN_TRY(next_author_,
               connection_.prepare("SELECT author FROM author_in WHERE community = ?1 "
                                   "AND author >= ?2 ORDER BY author LIMIT 1"));
    WARREN_TRY(below_,
               connection_.prepare(
                   "SELECT prev_time, prev, time, record FROM written WHERE author = ?1 AND "
                   "community = ?2 AND prev_time < ?3 AND time < ?3 AND "
                   "(prev_time, prev, time, record) > (?4, ?5, ?6, ?7) "
                   "ORDER BY prev_time, prev, time, record LIMIT ?8"));
    WARREN_TRY(find_torrent_, connection_.prepare("SELECT row FROM torrent WHERE community = ?1 "
                                                  "AND time = ?2 AND record = ?3"));
    WARREN_TRY(remove_one_,
               connection_.prepare("DELETE FROM written WHERE author = ?1 AND community = ?2 AND "
                                   "prev_time = ?3 AND prev = ?4 AND time = ?5 AND record = ?6"));
    WARREN_TRY(drop_in_,
               connection_.prepare("DELETE FROM author_in WHERE community = ?1 AND author "
                                   "= ?2 AND records = 0"));
    WARREN_TRY(drop_author_,
               connection_.prepare("DELETE FROM author WHERE number = ?1 AND records = 0"));
    WARREN_TRY(doomed_, connection_.prepare("SELECT community FROM mark WHERE doomed = ?1 "
                                            "LIMIT 1"));
    return {};
}

Result<bool> Derived::forget(const CommunityId& community, Then then, std::size_t rows) {
    return kept(forget_some(community, then, rows));
}

Result<bool> Derived::forget_some(const CommunityId& community, Then then, std::size_t rows) {
    WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Replicated));
    WARREN_TRY(bool more, remove_some(community, then, rows));
    WARREN_TRY_VOID(transaction.commit());
    return more;
}

Result<bool> Derived::remove_some(const CommunityId& community, Then then, std::size_t rows) {
    WARREN_TRY_VOID(doom_.run(community, doom_of(then)));
    WARREN_TRY(auto torrents, remove_torrents(community, rows));
    if (torrents >= rows) return true;
    WARREN_TRY(auto items, remove_items(community, then, rows - torrents));
    if (torrents + items >= rows) return true;
    WARREN_TRY(auto authored, remove_authored(community, rows - torrents - items));
    if (torrents + items + authored >= rows) return true;
    WARREN_TRY_VOID(remove_last(community, then));
    return false;
}

Result<std::size_t> Derived::remove_torrents(const CommunityId& community, std::size_t rows) {
    std::vector<std::int64_t> doomed;
    {
        Rows all = torrents_of_.rows(community, static_cast<std::int64_t>(rows));
        while (true) {
            WARREN_TRY(bool more, all.next());
            if (!more) break;
            doomed.push_back(all.integer(0));
        }
    }
    Removal removal;
    for (auto row : doomed)
        WARREN_TRY_VOID(remove_torrent(row, removal));
    for (auto volume : removal.volumes)
        WARREN_TRY_VOID(drop_empty_volume(volume));
    return doomed.size();
}

Result<void> Derived::remove_torrent(std::int64_t row, Removal& removal) {
    WARREN_TRY(auto* volume, volume_of(row));
    WARREN_TRY_VOID(volume->remove.run(row));
    ++removal.torrents;
    WARREN_TRY(auto created, created_.number(row));
    removal.newest_ms = std::max(removal.newest_ms, created.value_or(0));
    removal.volumes.insert(row / volume_rows);
    return remove_torrent_.run(row);
}

Result<void> Derived::drop_empty_volume(std::int64_t number) {
    auto first = std::to_string(number * volume_rows);
    auto behind = std::to_string((number + 1) * volume_rows);
    WARREN_TRY(auto there, connection_.number("SELECT EXISTS(SELECT 1 FROM torrent WHERE row >= " +
                                              first + " AND row < " + behind + ")"));
    if (there != 0) return {};
    volumes_.erase(number);
    auto text = std::to_string(number);
    auto sql = "DROP TABLE words_" + text + "; DELETE FROM volume WHERE number = " + text;
    return connection_.execute(sql.c_str());
}

Result<std::size_t> Derived::remove_authored(const CommunityId& community, std::size_t rows) {
    std::size_t removed = 0;
    while (removed < rows) {
        std::int64_t author = 0, records = 0, forks = 0;
        {
            Rows next = authors_of_.rows(community);
            WARREN_TRY(bool found, next.next());
            if (!found) return removed;
            author = next.integer(0);
            records = next.integer(1);
            forks = next.integer(2);
        }
        auto left = static_cast<std::int64_t>(rows - removed);
        WARREN_TRY_VOID(remove_written_.run(author, community, left));
        auto gone = connection_.changes();
        removed += static_cast<std::size_t>(gone);
        if (gone == left) break;  // perhaps more of this author
        WARREN_TRY_VOID(count_author_.run(author, -records, -forks));
        WARREN_TRY_VOID(remove_in_.run(community, author));
    }
    return removed;
}

// Listings are read anew as a whole after this: rows that are gone have no change to be found by.
Result<void> Derived::remove_last(const CommunityId& community, Then then) {
    std::vector<const char*> last = {
        // What channels are called stays (remove_items), and so do those who said it.
        "DELETE FROM author WHERE records = 0 AND number NOT IN (SELECT author FROM item WHERE "
        "community = ?1)",
        "DELETE FROM mark WHERE community = ?1"};
    if (then == Then::Gone) {
        last.push_back(
            "DELETE FROM about WHERE rowid = (SELECT number FROM channel WHERE id = ?1)");
        last.push_back("DELETE FROM channel WHERE id = ?1");
    } else {
        last.push_back("UPDATE channel SET torrents = 0, updated_ms = 0 WHERE id = ?1");
    }
    for (const char* sql : last) {
        WARREN_TRY(auto statement, connection_.prepare(sql));
        WARREN_TRY_VOID(statement.run(community));
    }
    known_authors_.clear();
    if (community == protocol::directory_community())
        WARREN_TRY_VOID(connection_.execute("DELETE FROM announced; DELETE FROM standing"));
    return connection_.execute("UPDATE state SET value = random() WHERE name = 'generation'");
}

Result<std::vector<WrittenRow>> only_gone(ShardReader& shard, std::vector<WrittenRow> rows) {
    std::vector<WrittenRow> out;
    for (const auto& row : rows) {
        WARREN_TRY(bool there, shard.has(row.ref));
        if (!there) out.push_back(row);
    }
    return out;
}

// A predecessor is older than what follows it, so the key's order bounds the look.
Result<std::vector<WrittenRow>> Derived::written_below(const CommunityId& community,
                                                       GlobalTime floor, const WrittenRow& after,
                                                       std::size_t rows) {
    std::vector<WrittenRow> out;
    auto from = after;
    while (out.size() < rows) {
        WARREN_TRY(auto author, next_author_.number(community, from.author));
        if (!author) break;
        if (*author != from.author) from = {*author, -1, 0, {}};
        Rows found = below_.rows(*author, community, sql_time(floor), from.prev_time, from.prev,
                                 sql_time(from.ref.time), from.ref.id,
                                 static_cast<std::int64_t>(rows - out.size()));
        while (true) {
            WARREN_TRY(bool more, found.next());
            if (!more) break;
            out.push_back({*author,
                           found.integer(0),
                           found.integer(1),
                           {time_of(found.integer(2)), found.id<RecordId>(3)}});
        }
        from = {*author + 1, -1, 0, {}};
    }
    return out;
}

Result<void> Derived::remove(const CommunityId& community, const std::vector<WrittenRow>& rows) {
    return kept(remove_rows(community, rows));
}

Result<void> Derived::remove_rows(const CommunityId& community,
                                  const std::vector<WrittenRow>& rows) {
    if (rows.empty()) return {};
    WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Replicated));
    Removal removal;
    for (const auto& row : rows)
        WARREN_TRY_VOID(remove_row(community, row, removal));
    WARREN_TRY_VOID(finish_removal(community, removal));
    return transaction.commit();
}

Result<void> Derived::remove_row(const CommunityId& community, const WrittenRow& row,
                                 Removal& removal) {
    const auto time = sql_time(row.ref.time);
    WARREN_TRY_VOID(
        remove_one_.run(row.author, community, row.prev_time, row.prev, time, row.ref.id));
    if (connection_.changes() == 0) return {};  // taken out meanwhile
    auto& counts = removal.authors[row.author];
    ++counts.records;
    if (row.prev_time != 0 || row.prev != 0) {
        WARREN_TRY(auto left, same_place_.number(row.author, community, row.prev_time, row.prev));
        if (left == 1) ++counts.forks;
    }
    return hide(community, row.ref, removal);
}

Result<void> Derived::finish_removal(const CommunityId& community, const Removal& removal) {
    for (const auto& [author, counts] : removal.authors) {
        WARREN_TRY_VOID(count_author_.run(author, -counts.records, -counts.forks));
        WARREN_TRY_VOID(count_in_.run(community, author, -counts.records, -counts.forks));
        WARREN_TRY_VOID(drop_in_.run(community, author));
        WARREN_TRY_VOID(drop_author_.run(author));
        if (connection_.changes() > 0) known_authors_.clear();
    }
    for (auto volume : removal.volumes)
        WARREN_TRY_VOID(drop_empty_volume(volume));
    if (removal.torrents == 0) return {};
    ++change_;
    WARREN_TRY_VOID(count_torrents_.run(community, -removal.torrents, std::int64_t{0}, change_));
    WARREN_TRY_VOID(newest_torrent_.run(community, removal.newest_ms));
    return put_state_.run(std::string_view("change"), change_);
}

// Communities that were left when a crash came between.
Result<void> Derived::finish_leftovers() {
    if (!leftovers_) return {};
    CommunityId community;
    {
        Rows rows = doomed_.rows(doom_of(Then::Gone));
        WARREN_TRY(leftovers_, rows.next());
        if (!leftovers_) return {};
        community = rows.id<CommunityId>(0);
    }
    WARREN_TRY(bool more, forget(community, Then::Gone, leftover_rows));
    (void)more;
    return {};
}

}  // namespace warren::shard
