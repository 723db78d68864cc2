// See shards.h.
#include "workers/storage/shards.h"

#include <algorithm>
#include <filesystem>

#include "runtime/process/log.h"

namespace warren::storage {

namespace {

constexpr std::size_t group_records_max = 1000;
constexpr std::size_t group_bytes_max = 256 * 1024;
constexpr Nanoseconds commit_time_max = 30_s;
constexpr Nanoseconds close_time_max = 10_s;

Error not_joined() {
    return not_found("this node is not part of that community");
}

// Blocking.
bool is_there(const std::string& path) {
    return std::filesystem::exists(path);
}

}  // namespace

PublishTurn::~PublishTurn() {
    if (!held_) return;
    auto& turns = use_->turns;
    if (turns.empty()) {
        use_->publishing = false;
        return;
    }
    turns.front()->set(true);
    turns.pop_front();
}

Task<bool> PublishTurn::take(asio::io_context& loop, Nanoseconds deadline) {
    if (!use_->publishing) {
        use_->publishing = held_ = true;
        co_return true;
    }
    auto mine = std::make_shared<pipe::Promise<bool>>(loop);
    use_->turns.push_back(mine);
    auto granted = co_await mine->wait(deadline);
    held_ = granted.has_value();
    if (!held_) std::erase(use_->turns, mine);
    co_return held_;
}

ShardUse Shards::use(const CommunityId& community) {
    auto found = open_.find(community);
    if (found == open_.end()) {
        make_room();
        found = open_.emplace(community, std::make_shared<OpenShard>(community, executor_)).first;
        metrics_.gauge("storage_open_shards") = static_cast<std::int64_t>(open_.size());
    }
    return ShardUse(found->second);
}

void Shards::make_room() {
    if (open_.size() < limits_.open_max) return;
    std::shared_ptr<OpenShard> oldest;
    for (const auto& [id, shard] : open_) {
        if (shard->users > 0 || shard->closing) continue;
        if (!oldest || shard->used_at < oldest->used_at) oldest = shard;
    }
    if (oldest) pipe::spawn(loop_, close(oldest));
}

std::vector<std::shared_ptr<OpenShard>> Shards::all() const {
    std::vector<std::shared_ptr<OpenShard>> out;
    for (const auto& [id, shard] : open_)
        out.push_back(shard);
    return out;
}

Shards::Opening Shards::opening(const OpenShard& shard) const {
    return {layout_.shard_file(shard.id),
            shard.id,
            {epoch_, limits_.shard_bytes_max, shard::Check::None}};
}

Result<void> Shards::ensure_writer(Cell<shard::Shard>& cell, const Opening& opening) {
    if (cell.it) return {};
    if (!is_there(opening.path)) return not_joined();
    auto options = opening.options;
    options.check = cell.check;
    auto opened = shard::Shard::open(opening.path, opening.community, options);
    if (!opened) {
        process::log::broken("event=shard.unopened community={} reason=\"{}\"",
                             opening.community.hex(), opened.error().text);
        return std::move(opened.error());
    }
    cell.it = std::move(*opened);
    cell.check = shard::Check::None;
    return {};
}

Result<void> Shards::ensure_reader(Cell<shard::ShardReader>& cell, const Opening& opening) {
    if (cell.it) return {};
    if (!is_there(opening.path)) return not_joined();
    WARREN_TRY(cell.it, shard::ShardReader::open(opening.path, opening.community));
    return {};
}

// A file whose write failed is closed; the next call opens it again and proves it (R-D4).
void Shards::settle(Cell<shard::Shard>& cell, const Opening& opening) {
    if (!cell.it->failed()) return;
    process::log::broken(
        "event=shard.write_failed community={} then=\"closed, checked at next use\"",
        opening.community.hex());
    cell.it.reset();
    cell.check = shard::Check::Quick;
}

void Shards::maintain(const OpenShard& shard) {
    executor_.post(shard.writes, [cell = shard.writer, id = shard.id] {
        if (!cell->it) return;
        auto done = cell->it->maintain();
        if (!done)
            process::log::broken("event=shard.checkpoint_failed community={} reason=\"{}\"",
                                 id.hex(), done.error().text);
    });
}

Task<Result<void>> Shards::ensure_open(ShardUse use, Nanoseconds deadline) {
    std::function<Result<shard::ShardRoot>()> job =
        [opening = opening(*use), cell = use->writer]() -> Result<shard::ShardRoot> {
        WARREN_TRY_VOID(ensure_writer(*cell, opening));
        return cell->it->root();
    };
    // Once open, readers need not queue behind commits.
    if (use->root && !use->closing) co_return Result<void>{};
    auto root = co_await executor_.run<shard::ShardRoot>(use->writes, std::move(job), deadline);
    if (!root) co_return std::move(root.error());
    use->root = *root;
    co_return Result<void>{};
}

Task<Result<Verdicts>> Shards::store(ShardUse use, std::vector<ByteView> packets, pipe::Frame keep,
                                     Nanoseconds deadline) {
    auto promise = std::make_shared<pipe::Promise<Result<Verdicts>>>(loop_);
    use->waiting.push_back({std::move(packets), std::move(keep), promise});
    if (!use->committing) {
        use->committing = true;
        pipe::spawn(loop_, commit_waiting(use));
    }
    auto verdicts = co_await promise->wait(deadline);
    if (!verdicts) {
        // Its credit goes back now, so it must not stay: a hanging disk would collect them.
        std::erase_if(use->waiting, [&](const auto& store) { return store.promise == promise; });
        co_return Error{ErrorKind::Expired, "the disk did not answer in time"};
    }
    co_return std::move(*verdicts);
}

Task<void> Shards::commit_waiting(ShardUse use) {
    while (!use->waiting.empty()) {
        std::vector<WaitingStore> group;
        std::size_t records = 0;
        std::size_t bytes = 0;
        while (!use->waiting.empty() && records < group_records_max && bytes < group_bytes_max) {
            group.push_back(std::move(use->waiting.front()));
            use->waiting.pop_front();
            records += group.back().packets.size();
            bytes += group.back().keep.size();
        }
        co_await commit_group(use, std::move(group));
    }
    use->committing = false;
}

Task<void> Shards::commit_group(ShardUse use, std::vector<WaitingStore> group) {
    struct Stored {
        Verdicts verdicts;
        shard::ShardRoot root;
    };
    auto packets = std::make_shared<std::vector<ByteView>>();
    auto keep = std::make_shared<std::vector<pipe::Frame>>();  // the job may outlive its deadline
    for (const auto& store : group) {
        packets->insert(packets->end(), store.packets.begin(), store.packets.end());
        keep->push_back(store.keep);
    }
    std::function<Result<Stored>(shard::Shard&)> work =
        [packets, keep](shard::Shard& shard) -> Result<Stored> {
        WARREN_TRY(auto verdicts, shard.store(*packets, shard::Durability::Replicated));
        return Stored{std::move(verdicts), shard.root()};
    };
    auto began = monotonic_now();
    auto stored = co_await write<Stored>(use, std::move(work), began + commit_time_max);
    metrics_.observe_us("storage_commit_seconds",
                        static_cast<std::uint64_t>((monotonic_now() - began) / 1000));
    ++metrics_.counter("storage_commits_total");
    if (stored) use->root = stored->root;
    std::size_t at = 0;
    for (auto& store : group) {
        if (!stored) {
            store.promise->set(stored.error());
            continue;
        }
        auto first = stored->verdicts.begin() + static_cast<std::ptrdiff_t>(at);
        at += store.packets.size();
        auto last = stored->verdicts.begin() + static_cast<std::ptrdiff_t>(at);
        store.promise->set(Verdicts(first, last));
    }
}

// Readers first: the writer's close is then the last one, and leaves one file without a log.
// Whoever asks meanwhile opens it again on the same strands, so there never are two writers.
Task<void> Shards::close(std::shared_ptr<OpenShard> shard) {
    shard->closing = true;
    auto deadline = monotonic_now() + close_time_max;
    using Job = std::function<Result<void>()>;
    Job close_reader = [cell = shard->reader]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    Job close_indexed = [cell = shard->indexed]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    Job close_writer = [cell = shard->writer]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    (void)co_await executor_.run<void>(shard->reads, std::move(close_reader), deadline);
    (void)co_await executor_.run<void>(indexing_strand_(shard->id), std::move(close_indexed),
                                       deadline);
    auto closed = co_await executor_.run<void>(shard->writes, std::move(close_writer), deadline);
    shard->closing = false;
    shard->root.reset();
    if (!closed || shard->users > 0) co_return;
    const auto found = open_.find(shard->id);
    if (found == open_.end() || found->second != shard) co_return;  // another close was quicker
    open_.erase(found);
    metrics_.gauge("storage_open_shards") = static_cast<std::int64_t>(open_.size());
}

}  // namespace warren::storage
