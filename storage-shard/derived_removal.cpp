// Taking a community out again, a bounded number of rows at a time: nobody waits for more than one
// step. What a crash leaves half done is marked, and goes on. See derived.h.
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
    WARREN_TRY(auto authored, remove_authored(community, rows - torrents));
    if (torrents + authored >= rows) return true;
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
    for (auto row : doomed) {
        WARREN_TRY(auto* volume, volume_of(row));
        WARREN_TRY_VOID(volume->remove.run(row));
        WARREN_TRY_VOID(remove_torrent_.run(row));
    }
    if (!doomed.empty()) WARREN_TRY_VOID(drop_empty_volume(doomed.front() / volume_rows));
    return doomed.size();
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
    std::vector<const char*> last = {"DELETE FROM author WHERE records = 0",
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
        WARREN_TRY_VOID(sql == last.front() ? statement.run() : statement.run(community));
    }
    known_authors_.clear();
    if (community == protocol::directory_community())
        WARREN_TRY_VOID(connection_.execute("DELETE FROM announced"));
    return connection_.execute("UPDATE state SET value = random() WHERE name = 'generation'");
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
