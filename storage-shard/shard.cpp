// Opening a community's file, and what becomes of records that others made. See shard.h.
#include "storage-shard/shard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "protocol/community/types.h"
#include "storage-shard/migrations.h"
#include "storage-shard/retention.h"

namespace warren::shard {

namespace {

// A statement's cursor goes from row to row; begun anew for each, it would cost as much again.
constexpr std::size_t rows_at_once = 32;

std::string times(std::string_view values, std::size_t rows) {
    std::string out(values);
    while (--rows > 0)
        out.append(", ").append(values);
    return out;
}
// Neither needs a journal of its own: no row makes them stop halfway and go back.
std::string insert_key_sql(std::size_t rows) {
    return "INSERT OR IGNORE INTO key(time, id, body, kind) VALUES " + times("(?, ?, ?, ?)", rows);
}
std::string insert_body_sql(std::size_t rows) {
    return "INSERT OR FAIL INTO body(id, packed) VALUES " + times("(?, ?)", rows);
}

}  // namespace

Shard::Shard(const CommunityId& community, Connection connection)
    : community_(community), type_(protocol::type_of(community)),
      is_directory_(&type_ == &protocol::directory_type), connection_(std::move(connection)),
      sums_(community, *this, is_directory_ ? nullptr : &lasting_keys_),
      has_last_(std::ranges::any_of(type_.messages, [](const protocol::MessageType& message) {
          return message.distribution == protocol::Distribution::Last;
      })) {}

Result<void> Shard::create(const std::string& path, const CommunityId& community,
                           const std::optional<Founder>& founder) {
    auto temporary = path + ".new" + std::to_string(::getpid());
    remove_database(temporary);
    {
        WARREN_TRY(auto connection, Connection::open(temporary, Access::Create));
        WARREN_TRY_VOID(migrate(connection, FileKind::Community));
        WARREN_TRY(auto transaction, Transaction::begin(connection, Durability::Synced));
        WARREN_TRY_VOID(write_meta(connection, "community", community.view()));
        if (founder) {
            WARREN_TRY_VOID(write_meta(connection, "founder", founder->key.view()));
            WARREN_TRY_VOID(write_meta(connection, "nonce", founder->nonce.view()));
        }
        WARREN_TRY_VOID(transaction.commit());
        WARREN_TRY_VOID(connection.checkpoint(Connection::Checkpoint::Truncate));
    }
    auto renamed = rename_durably(temporary, path);
    if (!renamed) remove_database(temporary);
    return renamed;
}

Result<std::unique_ptr<Shard>> Shard::open(const std::string& path, const CommunityId& community,
                                           const ShardOptions& options) {
    auto last = file_exists(path + "-wal") ? LastOpener::LeftALog : LastOpener::ClosedIt;
    WARREN_TRY(auto connection, Connection::open(path, Access::Write));
    std::unique_ptr<Shard> out(new Shard(community, std::move(connection)));
    auto loaded = out->load(path, options, last);
    if (!loaded) {
        loaded.error().text += " (" + path + ")";
        return std::move(loaded.error());
    }
    return out;
}

Result<void> Shard::load(const std::string& path, const ShardOptions& options, LastOpener last) {
    WARREN_TRY_VOID(check_identity(connection_, community_));
    WARREN_TRY_VOID(check_file(connection_, options.check));
    WARREN_TRY_VOID(migrate(connection_, FileKind::Community));
    WARREN_TRY_VOID(connection_.set_bytes_max(options.bytes_max));
    WARREN_TRY_VOID(connection_.set_cache_kib(options.cache_kib));
    room_.share(options.waiting);
    WARREN_TRY(fence_, Fence::raise(path, options.epoch));
    {
        // What an older opener began has ended, and it begins nothing more.
        WARREN_TRY(auto transaction, begin(Durability::Replicated));
    }
    // What is read here counts as kept: a retry may be told so, and the shared log of a worker that
    // died may go. After the fence, so that nothing of an older opener comes later.
    if (last == LastOpener::LeftALog)
        WARREN_TRY_VOID(connection_.checkpoint(Connection::Checkpoint::Truncate));
    WARREN_TRY_VOID(prepare_statements());
    // One transaction, for beginning to read costs more than most of these.
    WARREN_TRY(auto transaction, begin(Durability::Replicated));
    WARREN_TRY_VOID(load_rules());
    WARREN_TRY(floor_, read_floor(connection_));
    clock_ = floor_;  // the clock has passed what was pruned
    sums_.set_floor(floor_);
    WARREN_TRY(last_body_, read_last_body(connection_));
    WARREN_TRY(auto newest, connection_.number("SELECT coalesce(max(time), 0) FROM key"));
    newest_ = time_of(newest);
    WARREN_TRY(auto saved, read_meta(connection_, "sums"));
    if (saved) saved_sums_ = sums_.load(*saved) ? sums_.epoch() : 0;
    WARREN_TRY_VOID(sums_.current(options.unix_s));
    connection_.trust();
    return {};
}

Result<void> Shard::prepare_statements() {
    WARREN_TRY(insert_key_, connection_.prepare(insert_key_sql(1)));
    WARREN_TRY(find_key_, connection_.prepare("SELECT body FROM key WHERE time = ?1 AND id = ?2"));
    WARREN_TRY(insert_body_, connection_.prepare(insert_body_sql(1)));
    WARREN_TRY(find_packed_, connection_.prepare("SELECT packed FROM body WHERE id = ?1"));
    WARREN_TRY(remove_key_, connection_.prepare("DELETE FROM key WHERE time = ?1 AND id = ?2"));
    WARREN_TRY(remove_body_, connection_.prepare("DELETE FROM body WHERE id = ?1"));
    WARREN_TRY(put_relist_, connection_.prepare("INSERT INTO relist(time, id, author, prev_time, "
                                                "prev) VALUES(?1, ?2, ?3, ?4, ?5)"));
    WARREN_TRY_VOID(undone_.prepare(connection_));
    WARREN_TRY(refs_, connection_.prepare(refs_sql));
    WARREN_TRY_VOID(lasting_keys_.prepare());
    WARREN_TRY(newest_between_, connection_.prepare("SELECT time FROM key WHERE time > ?1 AND "
                                                    "time <= ?2 ORDER BY time DESC LIMIT 1"));
    WARREN_TRY(find_request_,
               connection_.prepare("SELECT time, record FROM request WHERE id = ?1"));
    WARREN_TRY(insert_request_,
               connection_.prepare("INSERT INTO request(id, time, record, at_ms) "
                                   "VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"));
    WARREN_TRY(prune_requests_, connection_.prepare("DELETE FROM request WHERE at_ms < ?1"));
    WARREN_TRY(find_head_,
               connection_.prepare("SELECT time, record FROM own_head WHERE author = ?1"));
    WARREN_TRY(put_head_, connection_.prepare("INSERT INTO own_head(author, time, record) "
                                              "VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE "
                                              "SET time = ?2, record = ?3 "
                                              "WHERE (?2, ?3) > (time, record)"));
    return {};
}

Result<void> Shard::scan(const std::function<void(const RecordRef&)>& visit) {
    WARREN_TRY(auto all, connection_.prepare("SELECT time, id FROM key ORDER BY time, id"));
    Rows rows = all.rows();
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return {};
        visit({time_of(rows.integer(0)), rows.id<RecordId>(1)});
    }
}

Result<ShardRoot> Shard::root_at(std::int64_t unix_s) {
    WARREN_TRY_VOID(sums_.current(unix_s));
    return root();
}

Result<protocol::RangeView*> Shard::ranges(protocol::SyncEpoch epoch, std::int64_t unix_s) {
    WARREN_TRY(auto* sums, sums_.at(epoch, unix_s));
    return sums;
}

Result<void> Shard::checkpoint_for_close() {
    return connection_.checkpoint(Connection::Checkpoint::Truncate);
}

Result<void> Shard::maintain(int log_pages) {
    if (connection_.unmoved_pages() < log_pages) return {};
    return watched(connection_.checkpoint(Connection::Checkpoint::Passive));
}

Result<void> Shard::move_log(const LogPin&) {
    return watched(connection_.checkpoint(Connection::Checkpoint::Unsynced));
}

// What its log holds is not moved on closing: the next opener reads it from its beginning.
void Shard::distrust() {
    failed_ = true;
    connection_.trust(false);
}

// Fencing: a writer that was replaced while it stood still finds the newer epoch here (R-V4).
Result<Transaction> Shard::begin(Durability durability) {
    if (failed_) return unavailable("the shard's last write failed; it is being opened again");
    WARREN_TRY(auto transaction, Transaction::begin(connection_, durability));
    WARREN_TRY_VOID(fence_->check());
    if (!saved_sums_) return transaction;
    WARREN_TRY_VOID(connection_.execute("DELETE FROM meta WHERE name = 'sums'"));
    if (connection_.changes() == 0) saved_sums_.reset();  // an earlier commit did so
    return transaction;
}

Result<void> Shard::save_sums(std::uint64_t records_least) {
    if (failed_ || sums_.total().count < records_least) return {};
    WARREN_TRY(auto there, connection_.number("SELECT count(*) FROM meta WHERE name = 'sums'"));
    if (there > 0 && saved_sums_ == sums_.epoch()) return {};
    auto save = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, begin(Durability::Replicated));
        WARREN_TRY_VOID(write_meta(connection_, "sums", sums_.save()));
        return transaction.commit();
    };
    WARREN_TRY_VOID(watched(save()));
    saved_sums_ = sums_.epoch();
    return {};
}

Result<void> Shard::insert_keys(std::span<const Row> rows) {
    std::vector<std::tuple<std::int64_t, ByteView, std::int64_t, std::int64_t>> values;
    values.reserve(rows.size());
    for (const auto& [record, packet, place, body] : rows)
        values.emplace_back(sql_time(record->time), record->id.view(), body,
                            static_cast<std::int64_t>(record->kind));
    if (rows.size() >= rows_at_once && !insert_keys_) {
        WARREN_TRY(insert_keys_, connection_.prepare(insert_key_sql(rows_at_once)));
    }
    std::span left(std::as_const(values));
    for (; left.size() >= rows_at_once; left = left.subspan(rows_at_once))
        WARREN_TRY_VOID(insert_keys_.run_rows(left.first(rows_at_once)));
    for (; !left.empty(); left = left.subspan(1))
        WARREN_TRY_VOID(insert_key_.run_rows(left.first(1)));
    return {};
}

Result<void> Shard::insert_bodies(std::span<const Row> rows) {
    if (rows.size() >= rows_at_once && !insert_bodies_) {
        WARREN_TRY(insert_bodies_, connection_.prepare(insert_body_sql(rows_at_once)));
    }
    std::array<Bytes, rows_at_once> packed;
    std::vector<std::tuple<std::int64_t, ByteView>> values;
    while (!rows.empty()) {
        const auto count = rows.size() >= rows_at_once ? rows_at_once : 1;
        values.clear();
        for (std::size_t i = 0; i < count; ++i) {
            pack_body(*rows[i].record, rows[i].packet, founder_, packed[i]);
            values.emplace_back(rows[i].body, packed[i]);
        }
        auto& statement = count == 1 ? insert_body_ : insert_bodies_;
        WARREN_TRY_VOID(statement.run_rows(std::span(std::as_const(values))));
        rows = rows.subspan(count);
    }
    return {};
}

// Rows that were there already are those whose key names another body than the one they were to
// get.
Result<void> Shard::insert(Batch& batch) {
    // Of copies with other signatures the first stays.
    std::ranges::stable_sort(
        batch.rows, [](const Row& a, const Row& b) { return a.record->ref() < b.record->ref(); });
    auto body = last_body_;
    for (auto& row : batch.rows)
        row.body = ++body;
    const auto before = connection_.total_changes();
    WARREN_TRY_VOID(insert_keys(batch.rows));
    const auto added = static_cast<std::size_t>(connection_.total_changes() - before);
    if (added < batch.rows.size()) {
        std::vector<Row> fresh;
        for (const auto& row : batch.rows) {
            WARREN_TRY(auto there, find_key_.number(sql_time(row.record->time), row.record->id));
            (there == row.body ? fresh : batch.known).push_back(row);
        }
        batch.rows = std::move(fresh);
    }
    return insert_bodies(batch.rows);
}

// All that goes with the rows of a batch, within a transaction.
Result<void> Shard::write(Batch& batch) {
    batch.sweep = swept_after(batch.effects);
    WARREN_TRY_VOID(insert(batch));
    WARREN_TRY_VOID(note_authors(batch));
    if (batch.rows.empty()) return {};
    last_body_ = batch.rows.back().body;  // a number that a failed commit skips is no loss
    WARREN_TRY_VOID(note_undos(batch));
    WARREN_TRY_VOID(supersede(batch));
    WARREN_TRY_VOID(write_founder(batch));
    const bool changed = !batch.effects.reaches.empty() || batch.effects.end_changed;
    return changed ? write_sweep(batch.sweep) : Result<void>{};
}

Result<std::vector<Verdict>> Shard::store(std::span<const ByteView> packets,
                                          Durability durability) {
    std::vector<Incoming> incoming;
    incoming.reserve(packets.size());
    for (const auto& packet : packets)
        incoming.push_back({packet});
    return store(incoming, durability);
}

Result<std::vector<Verdict>> Shard::store(std::span<const Incoming> incoming,
                                          Durability durability) {
    return watched(store_all(incoming, durability));
}

Result<std::vector<Verdict>> Shard::store_all(std::span<const Incoming> incoming,
                                              Durability durability) {
    WARREN_TRY_VOID(catch_up_with_file());
    std::vector<Verdict> verdicts(incoming.size(), Verdict::Refused);
    std::vector<Decoded> records;
    records.reserve(incoming.size());
    for (std::size_t i = 0; i < incoming.size(); ++i) {
        auto decoded = protocol::decode_record(incoming[i].packet);
        if (decoded) records.push_back({*decoded, i});
    }
    if (records.empty()) return verdicts;
    Batch batch;
    batch.rows.reserve(records.size());
    judge_all(records, incoming, batch, verdicts);
    WARREN_TRY(auto transaction, begin(durability));
    WARREN_TRY_VOID(write(batch));
    for (const auto& row : batch.known)
        verdicts[row.place] = Verdict::Known;
    if (batch.rows.empty() && !batch.forks) return verdicts;  // rolls back; nothing was written
    WARREN_TRY_VOID(transaction.commit());
    apply(batch);
    return verdicts;
}

Result<void> Shard::write_founder(const Batch& batch) {
    if (!batch.founds) return {};
    WARREN_TRY_VOID(write_meta(connection_, "founder", founder_->key.view()));
    return write_meta(connection_, "nonce", founder_->nonce.view());
}

// What memory knows follows what the file holds, never the other way round; but for verdicts, and
// these are read again when a commit fails (catch_up_with_file).
void Shard::apply(Batch& batch) {
    ahead_ = false;
    forget(batch.gone);  // before sums read what the file holds now
    std::vector<RecordRef> added, lasting;
    added.reserve(batch.rows.size());
    for (const auto& row : batch.rows) {
        newest_ = std::max(newest_, row.record->time);
        auto own = own_heads_.find(row.record->author);
        if (own != own_heads_.end()) own->second = std::max(own->second, row.record->ref());
        added.push_back(row.record->ref());
        if (!may_be_pruned(row.record->kind)) lasting.push_back(row.record->ref());
    }
    sums_.insert(added, lasting);
    sweep_ = batch.sweep;
    if (batch.effects.reaches.empty() && !batch.effects.end_changed) return;
    std::ranges::move(room_.take(batch.effects), std::back_inserter(released_));
}

Result<void> LastingKeys::prepare() {
    WARREN_TRY(refs_, connection_.prepare(lasting_refs_sql));
    return {};
}

Result<void> LastingKeys::scan(const std::function<void(const RecordRef&)>& visit) {
    WARREN_TRY(auto all, read_refs(refs_, {{}, protocol::sync_end()}, SIZE_MAX));
    for (const auto& ref : all)
        visit(ref);
    return {};
}

std::vector<RecordRef> LastingKeys::refs(const protocol::SyncRange& range, std::size_t limit) {
    auto found = read_refs(refs_, range, limit);
    if (found) return std::move(*found);
    error_ = std::move(found.error());
    return {};
}

std::vector<RecordRef> Shard::refs(const protocol::SyncRange& range, std::size_t limit) {
    auto found = read_refs(refs_, range, limit);
    if (found) return std::move(*found);
    range_error_ = std::move(found.error());
    return {};
}

}  // namespace warren::shard
