// After a commit: listings and search follow behind, and who listens is told.
#include "runtime/process/log.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds step_time_max = 30_s;
// Small batches cost most: what is committed meanwhile is indexed together.
constexpr Nanoseconds gather_span = 200_ms;
constexpr Nanoseconds publisher_waits = 250_ms;

// After a step that failed. A disk that hangs answers some day: the index is as far as it was.
bool goes_on(OpenShard& shard, const Error& error) {
    shard.indexed_to.reset();
    if (error.kind == ErrorKind::Expired) return true;
    if (error.kind != ErrorKind::NotFound)  // else it was left meanwhile
        process::log::broken("event=index.failed community={} reason=\"{}\"", shard.id.hex(),
                             error.text);
    return false;
}

}  // namespace

void StorageWorker::committed(const ShardUse& use, std::size_t records,
                              const shard::ShardRoot& root) {
    host_.metrics().counter("storage_records_accepted_total") += records;
    host_.tap().event("event.record.committed", {{"community", use->id.hex()},
                                                 {"records", std::uint64_t{records}},
                                                 {"count", root.count},
                                                 {"newest", root.newest}});
    index_soon(use);
}

void StorageWorker::index_soon(const ShardUse& use) {
    use->index_again = true;
    if (use->indexing) return;
    use->indexing = true;
    pipe::spawn(host_.io(), index(use));
}

Task<void> StorageWorker::index(ShardUse use) {
    while (use->index_again) {
        if (!draining_ && monotonic_now() < use->indexed_at + gather_span)
            co_await pipe::sleep_until(host_.io(), use->indexed_at + gather_span);
        use->index_again = false;
        bool more = true;
        while (more) {
            Executor::Terms terms(monotonic_now() + step_time_max, Priority::Bulk);
            more = co_await index_step(use, terms);
        }
        for (more = true; more;) {
            Executor::Terms terms(monotonic_now() + step_time_max, Priority::Bulk);
            more = co_await relist_step(use, terms);
        }
        Slots::Numbers changed{process::slot_of(use->id)};
        co_await slots_.list(std::move(changed), monotonic_now() + step_time_max);
        use->indexed_at = monotonic_now();
    }
    use->indexing = false;
}

// What a user was told is there is listed and found at once; but the answer does not wait long for
// an index that is behind.
Task<void> StorageWorker::index_now(ShardUse use) {
    Executor::Terms terms(monotonic_now() + publisher_waits);
    bool more = true;
    while (more && monotonic_now() < terms.deadline)
        more = co_await index_step(use, terms);
    more = true;
    while (more && monotonic_now() < terms.deadline)
        more = co_await relist_step(use, terms);
    Slots::Numbers changed{process::slot_of(use->id)};
    co_await slots_.list(std::move(changed), terms.deadline);
}

// Three strands in turn: a community's disk that hangs keeps its own step waiting, and no other's
// of its slot. Whoever else indexes meanwhile is seen by the mark.
Task<bool> StorageWorker::index_step(ShardUse use, Executor::Terms terms) {
    if (!use->indexed_to) {
        auto mark = co_await slots_.mark(use->id, terms);
        if (!mark) co_return goes_on(*use, mark.error());
        use->indexed_to = *mark;
    }
    std::function<Result<shard::Unindexed>(shard::ShardReader&)> work =
        [after = *use->indexed_to](shard::ShardReader& reader) {
            return shard::read_unindexed(reader, after, index_step_records);
        };
    auto read = co_await shards_.read_behind<shard::Unindexed>(use, std::move(work), terms);
    if (!read) co_return goes_on(*use, read.error());
    auto step = co_await slots_.catch_up(use->id, std::move(*read), terms);
    if (!step) co_return goes_on(*use, step.error());
    use->indexed_to = step->mark;
    if (!step->announced.empty()) co_await follow(std::move(step->announced));
    if (!step->forks.empty()) co_await prove_forks(use, std::move(step->forks), terms);
    co_return step->more;
}

Task<void> StorageWorker::prove_forks(ShardUse use,
                                      std::vector<std::pair<RecordRef, RecordRef>> forks,
                                      Executor::Terms terms) {
    std::function<Result<void>(shard::Shard&)> work =
        [forks = std::move(forks)](shard::Shard& shard) { return shard.prove_forks(forks); };
    const auto proven =
        co_await shards_.write<void>(use, std::move(work), terms.deadline, Priority::Bulk);
    if (!proven)
        process::log::unusual("event=forks.not_proven community={} reason=\"{}\"", use->id.hex(),
                              proven.error().text);
}

// What left the file, was undone or was brought back: listings look at it again. The file forgets
// which these were when that is done, so a crash between the two does it once more.
Task<bool> StorageWorker::relist_step(ShardUse use, Executor::Terms terms) {
    using Changed = std::vector<shard::Relisted>;
    std::function<Result<Changed>(shard::ShardReader&)> look = [](shard::ShardReader& reader) {
        return reader.relisted(removal_step_records);
    };
    auto changed = co_await shards_.read_behind<Changed>(use, std::move(look), terms);
    if (!changed || changed->empty()) co_return !changed && goes_on(*use, changed.error());
    const auto last = changed->back().number;
    auto listed = co_await slots_.relist(use->id, std::move(*changed), terms);
    if (!listed) co_return goes_on(*use, listed.error());
    if (*listed) use->indexed_to.reset();  // its mark is another now
    use->index_again = use->index_again || *listed;
    std::function<Result<void>(shard::Shard&)> forget = [last](shard::Shard& shard) {
        return shard.forget_relisted(last);
    };
    auto forgotten =
        co_await shards_.write<void>(use, std::move(forget), terms.deadline, Priority::Bulk);
    if (!forgotten) co_return goes_on(*use, forgotten.error());
    co_return true;
}

// One step more. The row up to which all is indexed: 0 while that begins again.
Task<Result<std::int64_t>> StorageWorker::index_more(CommunityId community) {
    auto use = shards_.use(community);
    Executor::Terms terms(monotonic_now() + step_time_max, Priority::Bulk);
    (void)co_await index_step(use, terms);
    if (!use->indexed_to) co_return unavailable("the index of this community cannot be read");
    co_return use->indexed_to->removing ? 0 : use->indexed_to->body;
}

// What pruning took leaves listings and search where it lies, in steps; what was kept is found all
// the while. Begun again it goes on, so nothing has to be remembered of it.
Task<Result<void>> StorageWorker::unlist_pruned(CommunityId community, GlobalTime floor) {
    using Rows = std::vector<shard::WrittenRow>;
    shard::WrittenRow after;
    for (bool more = floor > 0; more;) {
        if (draining_ || !owns(community))
            co_return unavailable("another worker serves this community now");
        auto use = shards_.use(community);  // its slot does not go in the middle of a step
        Executor::Terms terms(monotonic_now() + step_time_max, Priority::Bulk);
        auto below = co_await slots_.written_below(community, floor, after, terms);
        if (!below) co_return std::move(below.error());
        more = below->size() == removal_step_records;
        if (below->empty()) break;
        after = below->back();
        std::function<Result<Rows>(shard::ShardReader&)> look =
            [rows = std::move(*below)](shard::ShardReader& reader) {
                return shard::only_gone(reader, rows);
            };
        auto gone = co_await shards_.read_behind<Rows>(use, std::move(look), terms);
        if (!gone) co_return std::move(gone.error());
        auto removed = co_await slots_.remove(community, std::move(*gone), terms);
        if (!removed) co_return removed;
    }
    Slots::Numbers changed{process::slot_of(community)};
    co_await slots_.list(std::move(changed), monotonic_now() + step_time_max);
    co_return Result<void>{};
}

}  // namespace warren::storage
