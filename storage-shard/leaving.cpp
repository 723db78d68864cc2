// How records leave the file other than by pruning: newer ones of their author took their place, or
// their right was taken. What listings show of them is noted beside, in the same commit. Undone
// ones stay; who undid what is kept in a table that readers ask, too.
#include <algorithm>
#include <set>
#include <tuple>

#include "storage-shard/retention.h"
#include "storage-shard/shard.h"

namespace warren::shard {

namespace {

using protocol::MessageId;

std::optional<protocol::Undo> undo_in(const protocol::RecordView& record) {
    const auto id = static_cast<MessageId>(record.kind);
    if (id != protocol::id_of(protocol::ControlKind::UndoOwn) &&
        id != protocol::id_of(protocol::ControlKind::UndoOther))
        return std::nullopt;
    auto undo = protocol::decode_undo(record.payload);
    return undo ? std::optional(*undo) : std::nullopt;
}

}  // namespace

Result<std::optional<Shard::Stored>> Shard::stored(const RecordRef& ref) {
    WARREN_TRY(auto body, find_key_.number(sql_time(ref.time), ref.id));
    if (!body) return std::optional<Stored>{};
    Rows rows = find_packed_.rows(*body);
    WARREN_TRY(bool there, rows.next());
    auto record = there ? unpack_body(rows.blob(0), community_, founder_) : std::nullopt;
    if (!record || record->view.ref() != ref)
        return damaged("a stored record does not match its id");
    return std::optional<Stored>{{ref, *body, std::move(*record)}};
}

Result<void> Shard::relist(const RecordRef& ref, const protocol::RecordView& record) {
    return put_relist_.run(sql_time(ref.time), ref.id, record.author, sql_time(record.prev.time),
                           record.prev.id);
}

Result<void> Shard::note_undos(const Batch& batch) {
    std::optional<Statement> put;
    for (const auto& row : batch.rows) {
        const auto undo = undo_in(*row.record);
        if (!undo) continue;
        if (!put) {
            WARREN_TRY(auto statement,
                       connection_.prepare("INSERT OR IGNORE INTO undo "
                                           "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
            put = std::move(statement);
        }
        const auto& record = *row.record;
        WARREN_TRY_VOID(
            put->run(sql_time(undo->target.time), undo->target.id, sql_time(record.time), record.id,
                     static_cast<std::int64_t>(record.kind), static_cast<std::int64_t>(undo->kind),
                     static_cast<std::int64_t>(undo->action), record.author));
        WARREN_TRY(auto target, stored(undo->target));
        if (target) WARREN_TRY_VOID(relist(target->ref, target->record.view));
    }
    return {};
}

// Of a kind of which the newest few of an author stay, the others go with the commit that brings
// newer ones: so many leave as came, at most.
Result<void> Shard::supersede(Batch& batch) {
    if (!has_last_) return {};
    using Line = std::tuple<protocol::PublicKey, MessageId, Bytes>;
    std::set<Line> lines;
    WARREN_TRY(auto put, connection_.prepare("INSERT OR IGNORE INTO latest "
                                             "VALUES(?1, ?2, ?3, ?4, ?5)"));
    for (const auto& row : batch.rows) {
        const auto& record = *row.record;
        const auto id = static_cast<MessageId>(record.kind);
        const auto* message = type_.find(id);
        if (!message || message->distribution != protocol::Distribution::Last) continue;
        auto subject = to_bytes(message->subject_of(record.payload));
        WARREN_TRY_VOID(
            put.run(record.author, std::int64_t{id}, subject, sql_time(record.time), record.id));
        lines.emplace(record.author, id, std::move(subject));
    }
    WARREN_TRY(auto older, connection_.prepare(
                               "SELECT time, id FROM latest WHERE author = ?1 AND kind = ?2 AND "
                               "subject = ?3 ORDER BY time DESC, id DESC LIMIT -1 OFFSET ?4"));
    for (const auto& [author, id, subject] : lines) {
        std::vector<RecordRef> refs;
        {
            Rows rows =
                older.rows(author, std::int64_t{id}, subject, std::int64_t{type_.find(id)->last});
            while (true) {
                WARREN_TRY(bool more, rows.next());
                if (!more) break;
                refs.push_back({time_of(rows.integer(0)), rows.id<RecordId>(1)});
            }
        }
        for (const auto& ref : refs) {
            WARREN_TRY(auto old, stored(ref));
            if (old) batch.gone.push_back(std::move(*old));
        }
    }
    if (batch.gone.empty()) return {};
    WARREN_TRY_VOID(remove(batch.gone));
    // Those that came too late were never there.
    const auto is_gone = [&](const RecordRef& ref) {
        return std::ranges::find(batch.gone, ref, &Stored::ref) != batch.gone.end();
    };
    const auto late = std::ranges::stable_partition(
        batch.rows, [&](const Row& row) { return !is_gone(row.record->ref()); });
    batch.known.insert(batch.known.end(), late.begin(), late.end());
    for (const auto& row : late)
        std::erase_if(batch.gone, [&](const Stored& one) { return one.ref == row.record->ref(); });
    batch.rows.erase(late.begin(), late.end());
    return {};
}

// Keys, bodies, and what other tables say of them. Listings know by its row's number how far they
// came, so the last one that was given is remembered.
Result<void> Shard::remove(std::span<const Stored> gone) {
    WARREN_TRY(auto drop_undo, connection_.prepare("DELETE FROM undo WHERE target_time = ?1 AND "
                                                   "target = ?2 AND time = ?3 AND id = ?4"));
    WARREN_TRY(auto drop_latest,
               connection_.prepare("DELETE FROM latest WHERE author = ?1 AND kind = ?2 AND "
                                   "subject = ?3 AND time = ?4 AND id = ?5"));
    for (const auto& [ref, body, intact] : gone) {
        const auto& record = intact.view;
        const auto time = sql_time(ref.time);
        WARREN_TRY_VOID(remove_key_.run(time, ref.id));
        WARREN_TRY_VOID(remove_body_.run(body));
        WARREN_TRY_VOID(relist(ref, record));
        if (const auto undo = undo_in(record)) {
            WARREN_TRY_VOID(
                drop_undo.run(sql_time(undo->target.time), undo->target.id, time, ref.id));
            WARREN_TRY(auto target, stored(undo->target));
            if (target) WARREN_TRY_VOID(relist(target->ref, target->record.view));
        }
        const auto id = static_cast<MessageId>(record.kind);
        const auto* message = type_.find(id);
        if (message && message->distribution == protocol::Distribution::Last)
            WARREN_TRY_VOID(drop_latest.run(record.author, std::int64_t{id},
                                            message->subject_of(record.payload), time, ref.id));
    }
    return write_last_body(connection_, last_body_);
}

// After the commit.
void Shard::forget(std::span<const Stored> gone) {
    std::vector<RecordRef> refs, lasting;
    for (const auto& [ref, body, intact] : gone) {
        refs.push_back(ref);
        if (!may_be_pruned(intact.view.kind)) lasting.push_back(ref);
        if (!permissions_) continue;
        const auto claim = protocol::claim_of(type_, founder_->key, intact.view);
        if (claim && claim->is_control()) permissions_->forget(*claim);
    }
    if (!refs.empty()) sums_.remove(refs, lasting);
}

Result<void> Shard::forget_relisted(std::int64_t number_max) {
    auto drop = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, begin(Durability::Replicated));
        WARREN_TRY(auto statement, connection_.prepare("DELETE FROM relist WHERE number <= ?1"));
        WARREN_TRY_VOID(statement.run(number_max));
        return transaction.commit();
    };
    return watched(drop());
}

}  // namespace warren::shard
