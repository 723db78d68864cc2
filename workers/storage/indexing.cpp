// After a commit: listings and search follow behind, and who listens is told.
#include "runtime/process/log.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds step_time_max = 30_s;
// Small batches cost most: what is committed meanwhile is indexed together.
constexpr Nanoseconds gather_span = 200_ms;
constexpr Nanoseconds publisher_waits = 250_ms;

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
}

Task<bool> StorageWorker::index_step(ShardUse use, Executor::Terms terms) {
    auto step = co_await slots_.catch_up(use, shards_.opening(*use), terms);
    // A disk that hangs under this slot; asked again, it is as far as it was.
    if (!step && step.error().kind == ErrorKind::Expired) co_return true;
    if (!step) {
        process::log::broken("event=index.failed community={} reason=\"{}\"", use->id.hex(),
                             step.error().text);
        co_return false;
    }
    if (!step->announced.empty()) co_await follow(std::move(step->announced));
    co_return step->more;
}

}  // namespace warren::storage
