// What the files need now and then, in small steps behind everything else: pruning what retention
// rules say, and proving that what lies on the disk still is what was stored (R-D5). See tools.h.
#include "runtime/process/log.h"
#include "workers/storage/tools.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds pause_between_steps = 1_ms;
constexpr std::size_t proof_bytes = 128 * 1024;  // of one slice
constexpr Nanoseconds pause_between_proofs = 5_ms, look_again = 20_ms;
constexpr Nanoseconds patience = 1_s;  // for an idle moment; a busy node is checked all the same

}  // namespace

// Done when listings and search know nothing more of what went.
Task<void> Tools::prune(Tracked task, CommunityId community) {
    auto floor = co_await prune_all(task, community);
    if (!floor) co_return task->fail(floor.error().text);
    auto unlisted = co_await worker_.unlist_pruned(community, *floor);
    if (!unlisted) co_return task->fail("listings: " + unlisted.error().text);
    task->total = task->done;
    task->finish(std::to_string(task->done) + " records pruned");
    if (task->done == 0) co_return;
    process::log::info("event=retention.pruned community={} records={}", community.hex(),
                       task->done);
    worker_.compare_with_peers(community);
}

// What listings have seen goes; where more is to go they see more, until they have seen all.
Task<Result<GlobalTime>> Tools::prune_all(Tracked task, CommunityId community) {
    std::int64_t indexed = 0;
    while (true) {
        if (!serves(community)) co_return moved_away();
        auto now = co_await worker_.index_more(community);
        if (!now) co_return std::move(now.error());
        const bool further = *now != indexed;
        indexed = *now;
        auto last = co_await prune_indexed(task, community, indexed);
        if (!last) co_return std::move(last.error());
        if (!last->waits || !further) co_return last->floor;
    }
}

Task<Result<shard::PruneStep>> Tools::prune_indexed(Tracked task, CommunityId community,
                                                    std::int64_t before_body) {
    struct Step {
        shard::PruneStep pruned;
        shard::ShardRoot root;
        Nanoseconds took = 0;
    };
    shard::PruneBudget budget;
    budget.before_body = before_body;
    while (true) {
        std::function<Result<Step>(shard::Shard&)> work =
            [budget, fallback = settings_.retention](shard::Shard& shard) -> Result<Step> {
            auto began = monotonic_now();
            WARREN_TRY(auto own, shard.retention());
            WARREN_TRY(auto step, shard.prune(own.value_or(fallback), wall_now_ms(), budget));
            return Step{step, shard.root(), monotonic_now() - began};
        };
        auto use = shards_.use(community);
        auto step = co_await bulk_write<Step>(use, std::move(work));
        if (!step) co_return std::move(step.error());
        use->root = step->root;
        host_.metrics().observe_us("storage_prune_slice_seconds",
                                   static_cast<std::uint64_t>(step->took / 1000));
        host_.metrics().counter("storage_records_pruned_total") += step->pruned.pruned;
        task->done += step->pruned.pruned;
        if (!step->pruned.more) co_return step->pruned;
        budget.adapt(step->took);
        WARREN_CO_TRY_VOID(co_await shards_.shorten_log(use, shard::PruneBudget::log_pages));
        co_await pipe::sleep_for(host_.io(), pause_between_steps);
    }
}

Task<void> Tools::idle_moment() {
    co_await pipe::sleep_for(host_.io(), pause_between_proofs);
    const auto until = monotonic_now() + patience;
    while (!executor_.idle() && monotonic_now() < until && !stopping_)
        co_await pipe::sleep_for(host_.io(), look_again);
}

// Every record's bytes against its id and its check value, a slice at a time, on a connection of
// its own. The tables without records are small.
Task<Result<void>> Tools::prove(CommunityId community) {
    auto opened = co_await shards_.ensure_open(shards_.use(community),
                                               monotonic_now() + step_time_max, Priority::Bulk);
    if (!opened) co_return opened;
    using Walk = std::shared_ptr<shard::ShardWalk>;
    auto strand = Executor::make_strand("proof of " + community.hex());
    std::function<Result<Walk>()> open = [path = layout_.shard_file(community),
                                          community]() -> Result<Walk> {
        WARREN_TRY(auto walk,
                   shard::ShardWalk::open(path, community, shard::ShardWalk::Sees::TheMoment));
        WARREN_TRY(auto fault, walk->small_structure());
        if (!fault.empty()) return damaged("the file's structure: " + fault);
        return Walk(std::move(walk));
    };
    auto walk = co_await bulk<Walk>(strand, std::move(open));
    if (!walk) co_return std::move(walk.error());
    RecordRef after;
    for (bool more = true; more;) {
        co_await idle_moment();
        if (!serves(community)) co_return moved_away();
        std::function<Result<shard::ShardWalk::Part>()> next = [walk = *walk, after] {
            return walk->next(after, proof_bytes);
        };
        auto part = co_await bulk<shard::ShardWalk::Part>(strand, std::move(next));
        if (!part) co_return std::move(part.error());
        if (part->damaged > 0) co_return damaged(part->fault);
        host_.metrics().counter("storage_records_proven_total") += part->records.size();
        after = part->last;
        more = part->more;
    }
    std::function<Result<void>(shard::Shard&)> note = [](shard::Shard& shard) {
        return shard.note_checked(wall_now_ms());
    };
    co_return co_await bulk_write<void>(shards_.use(community), std::move(note));
}

Task<void> Tools::prove_and_mend(CommunityId community) {
    auto proven = co_await prove(community);
    if (proven || proven.error().kind != ErrorKind::Damaged) co_return;
    process::log::broken("event=shard.check_failed community={} reason=\"{}\"", community.hex(),
                         proven.error().text);
    shards_.note_damage(shards_.use(community), proven.error());
}

// Without opening the shard: most need nothing, and stay closed.
Task<Tools::Needs> Tools::needs_of(CommunityId community) {
    std::function<Result<Needs>()> job = [path = layout_.shard_file(community), community,
                                          settings = settings_]() -> Result<Needs> {
        WARREN_TRY(auto walk,
                   shard::ShardWalk::open(path, community, shard::ShardWalk::Sees::TheMoment));
        WARREN_TRY(auto details, walk->details());
        WARREN_TRY(auto checked_ms, walk->checked_ms());
        const auto interval = settings.check_interval_ms;
        return Needs{!details.rule.value_or(settings.retention).keeps_all(),
                     interval > 0 && checked_ms + interval <= wall_now_ms()};
    };
    auto needs = co_await bulk<Needs>(looking_, std::move(job));
    // Opening it for a proof finds out what is wrong.
    co_return needs ? *needs : Needs{false, needs.error().kind == ErrorKind::Damaged};
}

void Tools::stop() {
    stopping_ = true;
    stopped_.notify();
}

Task<void> Tools::keep_up() {
    while (!stopping_) {
        if (co_await stopped_.wait(monotonic_now() + settings_.retention_interval)) co_return;
        auto files = co_await own_files();
        if (!files) continue;
        for (const auto& file : *files) {
            if (file.presence != Presence::Joined || stopping_) continue;
            auto needs = co_await needs_of(file.community);
            if (needs.proof) co_await prove_and_mend(file.community);
            if (!needs.pruning) continue;
            auto task = tasks_.begin(TaskKind::Prune, file.community.hex());
            if (task) co_await prune(*task, file.community);
        }
    }
}

}  // namespace warren::storage
