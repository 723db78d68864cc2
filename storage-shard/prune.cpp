// Pruning, a bounded step at a time on the writing connection: rows and floor change in one commit,
// so that no crash can bring a pruned record back or lose one that is not below the floor.
#include <algorithm>

#include "storage-shard/retention.h"
#include "storage-shard/shard.h"

namespace warren::shard {

namespace {

constexpr std::size_t rows_between_looks = 16;  // at the clock

Result<std::vector<AgeMark>> read_marks(Connection& connection) {
    std::vector<AgeMark> out;
    WARREN_TRY(auto stored, read_meta(connection, "age_marks"));
    if (!stored) return out;
    Reader in(*stored);
    while (in.left() > 0) {
        auto at_ms = static_cast<std::int64_t>(in.u64());
        out.push_back({at_ms, in.u64()});
    }
    if (!in.done()) return io_error("the file's age marks are malformed");
    return out;
}

Result<void> write_marks(Connection& connection, const std::vector<AgeMark>& marks) {
    Writer out;
    for (const auto& mark : marks)
        out.u64(static_cast<std::uint64_t>(mark.at_ms)).u64(mark.clock);
    return write_meta(connection, "age_marks", out.take());
}

}  // namespace

Result<void> Shard::set_retention(const std::optional<Retention>& rule) {
    auto write = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, begin(Durability::Synced));
        WARREN_TRY_VOID(write_meta(connection_, "retention", rule ? encode(*rule) : Bytes{}));
        return transaction.commit();
    };
    return watched(write());
}

Result<void> Shard::adopt_floor(GlobalTime floor) {
    if (floor <= floor_) return {};
    auto write = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, begin(Durability::Synced));
        WARREN_TRY_VOID(write_floor(connection_, floor));
        return transaction.commit();
    };
    WARREN_TRY_VOID(watched(write()));
    floor_ = floor;
    clock_ = std::max(clock_, floor);
    sums_.set_floor(floor);
    return {};
}

Result<void> Shard::note_checked(std::int64_t now_ms) {
    auto write = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, begin(Durability::Replicated));
        WARREN_TRY_VOID(write_checked(connection_, now_ms));
        return transaction.commit();
    };
    return watched(write());
}

// By age, one needs to know how far the community had come an age ago.
Result<GlobalTime> Shard::age_limit(const Retention& rule, std::int64_t now_ms) {
    if (rule.age_ms == 0) return GlobalTime{0};
    WARREN_TRY(auto before, read_marks(connection_));
    auto marks = mark_age(before, rule.age_ms, {now_ms, clock_});
    if (marks != before) {
        WARREN_TRY(auto transaction, begin(Durability::Replicated));
        WARREN_TRY_VOID(write_marks(connection_, marks));
        WARREN_TRY_VOID(transaction.commit());
    }
    return older_than(marks, rule.age_ms, now_ms);
}

// What lies beyond our clock (R-C2) neither counts nor goes: a far-future flood pushes nothing out.
Result<Shard::Excess> Shard::excess_of(const Retention& rule, std::int64_t now_ms) {
    Excess out;
    if (is_directory_) return out;  // holds nothing that may go
    WARREN_TRY(out.clock, advance_clock());
    WARREN_TRY(out.before, age_limit(rule, now_ms));
    if (rule.records > 0) {
        // Counts are the same in every epoch: a new day's sums are not made here, for that is a
        // scan.
        WARREN_TRY(auto* sums, sums_.at(sums_.epoch(), now_ms / 1000));
        auto count = sums->sum({RecordRef{}, RecordRef{out.clock + 1, {}}}).count;
        out.records = count - std::min(count, rule.records);
    }
    if (rule.bytes > 0) {
        WARREN_TRY(auto used, bytes_in_use());
        out.bytes = used - std::min(used, rule.bytes);
    }
    return out;
}

Result<std::uint64_t> Shard::bytes_in_use() {
    WARREN_TRY(auto pages, connection_.number("PRAGMA page_count"));
    WARREN_TRY(auto unused, connection_.number("PRAGMA freelist_count"));
    WARREN_TRY(auto page_bytes, connection_.number("PRAGMA page_size"));
    return static_cast<std::uint64_t>((pages - unused) * page_bytes);
}

// Oldest first, with what must stay left out: heads of this node's authors, for their next records
// name them, and the row by which listings know how far they came, the last at most.
Result<std::vector<Shard::Oldest>> Shard::oldest(GlobalTime clock, const PruneBudget& budget) {
    std::vector<Oldest> out;
    WARREN_TRY(auto statement,
               connection_.prepare(
                   "SELECT time, id, body FROM key WHERE kind NOT IN (1, 34) AND kind < 208 AND "
                   "time <= ?1 "
                   "AND body < ?2 AND (time, id) NOT IN (SELECT time, record FROM own_head) "
                   "ORDER BY time, id LIMIT ?3"));
    Rows rows = statement.rows(sql_time(clock), std::min(last_body_, budget.before_body),
                               static_cast<std::int64_t>(budget.rows));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        out.push_back({{time_of(rows.integer(0)), rows.id<RecordId>(1)}, rows.integer(2)});
    }
}

Result<PruneStep> Shard::prune(const Retention& rule, std::int64_t now_ms,
                               const PruneBudget& budget) {
    return watched(prune_step(rule, now_ms, budget));
}

Result<PruneStep> Shard::prune_step(const Retention& rule, std::int64_t now_ms,
                                    const PruneBudget& budget) {
    const auto until = monotonic_now() + PruneBudget::goal;
    PruneStep out{0, floor_, false};
    WARREN_TRY(auto excess, excess_of(rule, now_ms));
    if (excess.none()) return out;
    WARREN_TRY(auto transaction, begin(Durability::Replicated));
    WARREN_TRY(auto candidates, oldest(excess.clock, budget));
    WARREN_TRY(auto remove_key, connection_.prepare("DELETE FROM key WHERE time = ?1 AND id = ?2"));
    WARREN_TRY(auto remove_body, connection_.prepare("DELETE FROM body WHERE id = ?1 "
                                                     "RETURNING length(packed)"));
    std::vector<RecordRef> removed;
    for (const auto& [ref, body] : candidates) {
        if (!excess.takes(ref)) break;
        if (removed.size() % rows_between_looks == rows_between_looks - 1 &&
            monotonic_now() >= until)
            break;
        WARREN_TRY(auto size, remove_body.number(body));
        WARREN_TRY_VOID(remove_key.run(sql_time(ref.time), ref.id));
        removed.push_back(ref);
        excess.reduce(static_cast<std::uint64_t>(size.value_or(0)));
    }
    out.waits = removed.empty();
    if (out.waits) return out;
    auto floor = std::max(floor_, removed.back().time + 1);
    WARREN_TRY_VOID(write_floor(connection_, floor));
    WARREN_TRY_VOID(transaction.commit());
    floor_ = floor;
    sums_.set_floor(floor);
    sums_.remove(removed);
    return PruneStep{removed.size(), floor, true};
}

// Free pages go back to the file system from the file's end. True: there are more.
Result<bool> Shard::shrink(std::size_t pages) {
    auto give_back = [&]() -> Result<bool> {
        if (failed_) return unavailable("the shard's last write failed; it is being opened again");
        WARREN_TRY_VOID(fence_->check());
        WARREN_TRY_VOID(connection_.set_durability(Durability::Replicated));
        WARREN_TRY(auto before, connection_.number("PRAGMA freelist_count"));
        auto sql = "PRAGMA incremental_vacuum(" + std::to_string(pages) + ")";
        WARREN_TRY_VOID(connection_.execute(sql.c_str()));
        WARREN_TRY(auto left, connection_.number("PRAGMA freelist_count"));
        if (left > 0 && left >= before)
            return refused("this file was made by an older version: its free pages are used again, "
                           "but not given back");
        return left > 0;
    };
    return watched(give_back());
}

}  // namespace warren::shard
