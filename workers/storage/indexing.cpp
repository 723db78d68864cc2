// After a commit: listings and search follow behind, and who listens is told.
#include "runtime/process/log.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds step_time_max = 30_s;
constexpr Nanoseconds busy_pause = 50_ms;
constexpr Nanoseconds behind_max = 1_s;  // while commits keep coming

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
    use->indexed_at = monotonic_now();
    pipe::spawn(host_.io(), index(use));
}

Task<void> StorageWorker::index(ShardUse use) {
    while (use->index_again) {
        use->index_again = false;
        bool more = true;
        while (more) {
            // Commits go first, within reason.
            while (use->committing && !draining_ && monotonic_now() < use->indexed_at + behind_max)
                co_await pipe::sleep_for(host_.io(), busy_pause);
            more = co_await index_step(use);
            use->indexed_at = monotonic_now();
        }
    }
    use->indexing = false;
}

Task<bool> StorageWorker::index_step(ShardUse use) {
    auto step =
        co_await slots_.catch_up(use, shards_.opening(*use), monotonic_now() + step_time_max);
    if (!step) {
        process::log::broken("event=index.failed community={} reason=\"{}\"", use->id.hex(),
                             step.error().text);
        co_return false;
    }
    if (!step->announced.empty()) co_await follow(std::move(step->announced));
    co_return step->more;
}

}  // namespace warren::storage
