// Opening, and the steps that bring a community up to date. See derived.h.
#include "storage-shard/derived.h"

#include <algorithm>

#include "storage-shard/migrations.h"

namespace warren::shard {

namespace {

constexpr int wal_pages_before_checkpoint = 1000;
constexpr std::size_t bodies_per_look = 64;  // at the clock, and read at once
constexpr std::size_t read_bytes_max = 1024 * 1024;

}  // namespace

Result<std::unique_ptr<Derived>> Derived::open(const std::string& path,
                                               const OnReplaced& replaced) {
    auto first = open_there(path);
    if (first) return first;
    if (first.error().kind != ErrorKind::NotFound) {
        if (!is_of_the_disk(first.error()) && first.error().kind != ErrorKind::Environment)
            return first;
        remove_database(path);
    }
    WARREN_TRY_VOID(create(path));
    if (replaced && first.error().kind != ErrorKind::NotFound) replaced(first.error());
    return open_there(path);
}

bool Derived::is_there(const std::string& path) {
    auto connection = Connection::open(path, Access::Read);
    return connection.ok() && check_version(*connection, FileKind::Derived).ok();
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
    WARREN_TRY_VOID(check_version(connection_, FileKind::Derived));
    connection_.trust();
    WARREN_TRY(change_, connection_.number("SELECT value FROM state WHERE name = 'change'"));
    WARREN_TRY(auto doomed, connection_.number("SELECT count(*) FROM mark WHERE doomed != 0"));
    leftovers_ = doomed > 0;
    WARREN_TRY(find_mark_,
               connection_.prepare("SELECT body, record, doomed FROM mark WHERE community = ?1"));
    WARREN_TRY(put_mark_, connection_.prepare("INSERT INTO mark VALUES(?1, ?2, ?3, 0) ON CONFLICT "
                                              "DO UPDATE SET body = ?2, record = ?3"));
    WARREN_TRY(doom_, connection_.prepare("INSERT INTO mark VALUES(?1, 0, x'', ?2) ON CONFLICT DO "
                                          "UPDATE SET doomed = ?2"));
    WARREN_TRY(put_state_, connection_.prepare("UPDATE state SET value = ?2 WHERE name = ?1"));
    WARREN_TRY_VOID(prepare_listings());
    WARREN_TRY_VOID(prepare_authors());
    WARREN_TRY_VOID(prepare_items());
    return prepare_removal();
}

Result<void> Derived::prepare_listings() {
    WARREN_TRY(put_channel_,
               connection_.prepare("INSERT INTO channel VALUES(NULL, ?1, ?2, ?3, ?4, ?5, 0, 0, ?6) "
                                   "ON CONFLICT DO UPDATE SET sort_key = ?2, name = ?3, "
                                   "description = ?4, founder = ?5, change = ?6"));
    WARREN_TRY(find_channel_, connection_.prepare("SELECT number, name, description FROM channel "
                                                  "WHERE id = ?1"));
    WARREN_TRY(put_about_,
               connection_.prepare("INSERT INTO about(rowid, description) VALUES(?1, ?2)"));
    WARREN_TRY(remove_about_, connection_.prepare("DELETE FROM about WHERE rowid = ?1"));
    WARREN_TRY(count_torrents_,
               connection_.prepare("UPDATE channel SET torrents = torrents + ?2, updated_ms = "
                                   "max(updated_ms, ?3), change = ?4 WHERE id = ?1"));
    WARREN_TRY(put_announced_,
               connection_.prepare("INSERT INTO announced VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                                   "ON CONFLICT DO UPDATE SET sort_key = ?2, name = ?3, founder = "
                                   "?4, nonce = ?5, time = ?6, record = ?7, change = ?8 "
                                   "WHERE (?6, ?7) > (time, record)"));
    WARREN_TRY(put_torrent_, connection_.prepare("INSERT INTO torrent VALUES(NULL, ?1, ?2, ?3, ?4, "
                                                 "?5, ?6, ?7, ?8, ?9, NULL)"));
    WARREN_TRY(has_torrent_,
               connection_.prepare("SELECT 1 FROM torrent WHERE community = ?1 LIMIT 1"));
    WARREN_TRY(newest_torrent_,
               connection_.prepare("UPDATE channel SET updated_ms = (SELECT coalesce(max(created_ms"
                                   "), 0) FROM torrent WHERE community = ?1) WHERE id = ?1 AND "
                                   "updated_ms <= ?2"));
    return {};
}

Result<void> Derived::prepare_authors() {
    WARREN_TRY(find_author_, connection_.prepare("SELECT number FROM author WHERE member = ?1"));
    WARREN_TRY(put_author_, connection_.prepare("INSERT INTO author VALUES(NULL, ?1, ?2, 0, 0)"));
    WARREN_TRY(put_written_,
               connection_.prepare("INSERT INTO written VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                                   "ON CONFLICT DO NOTHING"));
    WARREN_TRY(same_place_,
               connection_.prepare("SELECT count(*) FROM (SELECT 1 FROM written WHERE author = ?1 "
                                   "AND community = ?2 AND prev_time = ?3 AND prev = ?4 LIMIT 3)"));
    WARREN_TRY(beside_, connection_.prepare(
                            "SELECT time, record FROM written WHERE author = ?1 AND community = ?2 "
                            "AND prev_time = ?3 AND prev = ?4 AND record != ?5 LIMIT 1"));
    WARREN_TRY(count_author_,
               connection_.prepare("UPDATE author SET records = records + ?2, forks = forks + ?3 "
                                   "WHERE number = ?1"));
    WARREN_TRY(count_in_, connection_.prepare(
                              "INSERT INTO author_in VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE "
                              "SET records = records + ?3, forks = forks + ?4"));
    return {};
}

// In bounded steps: records are up to 8 KiB.
Result<Unindexed> read_unindexed(ShardReader& shard, const IndexMark& after, std::size_t records) {
    Unindexed out;
    out.after = after;
    out.more = true;
    if (after.removing) return out;
    if (after.body != 0) {
        WARREN_TRY(auto there, shard.id_of_body(after.body));
        WARREN_TRY(bool gave, shard.gave(after.body));
        out.lost = there ? *there != after.record : !gave;
        if (out.lost) return out;
    }
    auto row = after.body;
    std::size_t bytes = 0;
    while (out.more && out.bodies.size() < records && bytes < read_bytes_max) {
        auto wanted = std::min(records - out.bodies.size(), bodies_per_look);
        WARREN_TRY(auto bodies, shard.bodies_after(row, wanted));
        out.more = bodies.size() == wanted;
        for (auto& body : bodies) {
            row = body.row;
            bytes += body.packet.size();
            out.bodies.push_back(std::move(body));
        }
    }
    return out;
}

Result<Derived::Mark> Derived::mark_of(const CommunityId& community) {
    Rows rows = find_mark_.rows(community);
    WARREN_TRY(bool found, rows.next());
    if (!found) return Mark{};
    return Mark{rows.integer(0), rows.id<RecordId>(1), rows.integer(2)};
}

Result<IndexMark> Derived::mark(const CommunityId& community) {
    WARREN_TRY(auto mark, mark_of(community));
    return mark.seen();
}

Result<CaughtUp> Derived::catch_up(const CommunityId& community, ShardReader& shard,
                                   const Slice& slice) {
    WARREN_TRY(auto from, mark(community));
    WARREN_TRY(auto read, read_unindexed(shard, from, slice.records));
    return catch_up(community, read, slice);
}

Result<CaughtUp> Derived::catch_up(const CommunityId& community, const Unindexed& read,
                                   const Slice& slice) {
    return kept(take_step(community, read, slice));
}

Result<CaughtUp> Derived::take_step(const CommunityId& community, const Unindexed& read,
                                    const Slice& slice) {
    WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Replicated));
    WARREN_TRY(auto mark, mark_of(community));
    Step step;
    const bool current = mark.seen() == read.after;
    if (mark.doomed != 0 || (current && read.lost)) {
        auto then = mark.doomed != 0 ? static_cast<Then>(mark.doomed - 1) : Then::Gone;
        WARREN_TRY(bool more, remove_some(community, then, slice.records));
        (void)more;  // when all is gone it is indexed
        step.out.more = true;
    } else if (current) {
        WARREN_TRY_VOID(index_bodies(community, read, slice, step));
    } else {
        step.out.more = true;  // somebody else went on
    }
    WARREN_TRY(auto after, mark_of(community));
    step.out.mark = after.seen();
    WARREN_TRY_VOID(transaction.commit());
    return std::move(step.out);
}

Result<void> Derived::index_bodies(const CommunityId& community, const Unindexed& read,
                                   const Slice& slice, Step& step) {
    ++change_;
    WARREN_TRY(step.channel, channel_text(community));
    auto mark = read.after;
    for (const auto& body : read.bodies) {
        const bool look = step.out.records % bodies_per_look == 0 && step.out.records > 0;
        if (look && slice.until != 0 && monotonic_now() >= slice.until) break;
        auto record = protocol::decode_record(body.packet);
        mark = {body.row, record ? record->id : RecordId{}};
        ++step.out.records;
        if (!record) continue;  // damaged: the shard's own check deals with it
        WARREN_TRY_VOID(index_author(*record, step));
        WARREN_TRY_VOID(body.shown ? show(*record, step)
                                   : hide(community, record->ref(), step.removed));
        if (step.doomed || step.removed.doomed) break;
    }
    step.out.more =
        step.doomed || step.removed.doomed || read.more || step.out.records < read.bodies.size();
    if (step.out.records == 0) return {};
    WARREN_TRY_VOID(put_mark_.run(community, mark.body, mark.record));
    return finish_step(community, step);
}

// Counters are written once a step, not once a record.
Result<void> Derived::finish_step(const CommunityId& community, const Step& step) {
    WARREN_TRY_VOID(finish_removal(community, step.removed));
    if (step.doomed || step.removed.doomed)
        return doom_.run(community, static_cast<std::int64_t>(Then::IndexAgain) + 1);
    if (step.torrents > 0)
        WARREN_TRY_VOID(count_torrents_.run(community, step.torrents, step.updated_ms, change_));
    WARREN_TRY_VOID(finish_authors(community, step));
    return put_state_.run(std::string_view("change"), change_);
}

Result<void> Derived::maintain() {
    WARREN_TRY_VOID(finish_leftovers());
    if (connection_.unmoved_pages() < wal_pages_before_checkpoint) return {};
    return connection_.checkpoint(Connection::Checkpoint::Passive);
}

}  // namespace warren::shard
