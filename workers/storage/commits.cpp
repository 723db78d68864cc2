// Group commit of what came from peers: what a group holds is chosen when its turn has come, so
// groups grow by themselves while disks are busy. Answers leave after the commit. See shards.h.
#include <algorithm>

#include "workers/storage/shards.h"

namespace warren::storage {

namespace {

constexpr std::size_t group_records_max = 1000;
constexpr std::size_t group_bytes_max = 256 * 1024;
constexpr Nanoseconds gather_max = 50_ms;

bool is_full(const OpenShard& shard) {
    return shard.waiting_records >= group_records_max || shard.waiting_bytes >= group_bytes_max;
}

}  // namespace

struct Shards::Group {
    std::vector<WaitingStore> stores;
    std::vector<shard::Incoming> packets;
    std::vector<pipe::Frame> keep;  // of those whose askers have given up, too
    std::optional<Result<Verdicts>> verdicts;
    shard::ShardRoot root;
    Nanoseconds began = 0;
};

Task<Result<Verdicts>> Shards::store(ShardUse use, StoreRecords from, Nanoseconds deadline) {
    const auto bytes = from.keep.size();
    const auto records = from.packets.size();
    auto guest = admit(use, bytes);
    if (!guest) co_return std::move(guest.error());
    auto opened = co_await ensure_open(use, deadline, Priority::Bulk);
    if (!opened) co_return std::move(opened.error());
    auto promise = std::make_shared<pipe::Promise<Result<Verdicts>>>(loop_);
    use->waiting.push_back({std::move(from.packets), from.pushed, std::move(from.sources),
                            std::move(from.keep), promise});
    use->waiting_records += records;
    use->waiting_bytes += bytes;
    gather(use);
    auto verdicts = co_await promise->wait(deadline);
    if (verdicts) co_return std::move(*verdicts);
    // Its credit goes back now, so it must not stay: a hanging disk would collect them.
    auto gone =
        std::erase_if(use->waiting, [&](const auto& store) { return store.promise == promise; });
    use->waiting_records -= gone * records;
    use->waiting_bytes -= gone * bytes;
    co_return Error{ErrorKind::Expired, "the disk did not answer in time"};
}

void Shards::gather(const ShardUse& use) {
    if (use->committing || use->waiting.empty()) return;
    if (is_full(*use) || executor_.idle()) return commit(use);
    if (use->gathering_since != 0) return;
    use->gathering_since = monotonic_now();
    gathering_.push_back({use, use->gathering_since});
    if (!timing_) gathered();
}

// Commits what has waited long enough, and comes back for the next.
void Shards::gathered() {
    timing_ = false;
    while (!gathering_.empty() && gathering_.front().since + gather_max <= monotonic_now())
        commit_oldest();
    if (gathering_.empty()) return;
    timing_ = true;
    gathered_.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(gathering_.front().since + gather_max)));
    gathered_.async_wait([this](const boost::system::error_code& error) {
        if (!error) gathered();
    });
}

void Shards::commit_oldest() {
    while (!gathering_.empty()) {
        auto oldest = std::move(gathering_.front());
        gathering_.pop_front();
        if (oldest.use->gathering_since != oldest.since) continue;  // its group was full before
        return commit(oldest.use);
    }
}

void Shards::commit(const ShardUse& use) {
    use->gathering_since = 0;
    use->committing = true;
    auto group = std::make_shared<Group>();
    auto prepare = [shard = use.share(), group] { take_group(*shard, *group); };
    auto work = [opening = opening(*use), cell = use->writer, group] {
        store_group(*cell, opening, *group);
    };
    auto complete = [this, use, group] { answer(use, *group); };
    executor_.post(use->writes, {prepare, work, complete, Priority::Bulk});
}

void Shards::take_group(OpenShard& shard, Group& group) {
    std::size_t bytes = 0;
    while (!shard.waiting.empty() && group.packets.size() < group_records_max &&
           bytes < group_bytes_max) {
        auto store = std::move(shard.waiting.front());
        shard.waiting.pop_front();
        shard.waiting_records -= store.packets.size();
        shard.waiting_bytes -= store.keep.size();
        bytes += store.keep.size();
        for (std::size_t i = 0; i < store.packets.size(); ++i)
            group.packets.push_back(
                {store.packets[i], store.pushed, store.sources.empty() ? 0 : store.sources[i]});
        group.keep.push_back(store.keep);
        group.stores.push_back(std::move(store));
    }
    group.began = monotonic_now();
}

// On the strand's thread.
void Shards::store_group(Cell<shard::Shard>& cell, const Opening& opening, Group& group) {
    if (group.stores.empty()) return;
    auto work = [&]() -> Result<Verdicts> {
        WARREN_TRY_VOID(ensure_writer(cell, opening));
        return cell.it->store(group.packets, shard::Durability::Replicated);
    };
    group.verdicts.emplace(work());
    if (!cell.it) return;
    group.root = cell.it->root();
    settle(cell, opening);
}

void Shards::answer(const ShardUse& use, Group& group) {
    use->committing = false;
    gather(use);
    if (!group.verdicts) return;
    metrics_.observe_us("storage_commit_seconds",
                        static_cast<std::uint64_t>((monotonic_now() - group.began) / 1000));
    ++metrics_.counter("storage_commits_total");
    auto& verdicts = *group.verdicts;
    if (verdicts) use->root = group.root;
    std::size_t at = 0;
    for (auto& store : group.stores) {
        if (!verdicts) {
            store.promise->set(verdicts.error());
            continue;
        }
        auto first = verdicts->begin() + static_cast<std::ptrdiff_t>(at);
        at += store.packets.size();
        auto last = verdicts->begin() + static_cast<std::ptrdiff_t>(at);
        store.promise->set(Verdicts(first, last));
    }
    maintain(use);
    if (!verdicts) return;
    auto accepted =
        static_cast<std::size_t>(std::ranges::count(*verdicts, shard::Verdict::Accepted));
    if (accepted > 0 && committed_) committed_(use, accepted, group.root);
}

}  // namespace warren::storage
