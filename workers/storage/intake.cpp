// Keeping, rotating and handing over the shared log. See intake.h; replay is in replay.cpp.
#include "workers/storage/intake.h"

#include <algorithm>

#include "runtime/process/log.h"
#include "workers/storage/gather.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds settle_time_max = 10_s;
constexpr Nanoseconds settle_again = 5_s;

}  // namespace

struct Intake::Group {
    std::shared_ptr<Live> live;
    std::string path;  // if a log is to be begun
    std::vector<Waiting> waiting;
    std::vector<Bytes> entries;
    std::optional<Result<std::uint64_t>> log_bytes;
};

Intake::Intake(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics,
               const Layout& layout, Shards& shards, std::uint64_t spawn, Limits limits)
    : loop_(loop), executor_(executor), metrics_(metrics), layout_(layout), shards_(shards),
      spawn_(spawn), limits_(limits), strand_(Executor::make_strand("intake log")), changed_(loop) {
}

bool Intake::has_room() const {
    return old_.size() < limits_.old_logs_max && !Executor::is_hung(strand_);
}

std::string Intake::next_path() {
    return layout_.intake_folder() + "/" + std::to_string(spawn_) + "-" +
           std::to_string(++logs_begun_) + ".log";
}

Task<Result<void>> Intake::keep(ShardUse use, Bytes entry, Nanoseconds deadline) {
    if (has_room()) {
        auto promise = std::make_shared<pipe::Promise<Result<void>>>(loop_);
        waiting_.push_back({use->id, std::move(entry), promise});
        flush();
        auto kept = co_await promise->wait(deadline);
        if (!kept) co_return Error{ErrorKind::Expired, "the disk did not answer in time"};
        if (kept->ok()) co_return Result<void>{};
    }
    // The entry was not kept; the commit still can be, by itself.
    ++metrics_.counter("storage_intake_bypassed_total");
    co_return co_await shards_.make_durable(std::move(use), deadline, Priority::Interactive);
}

// Nothing waits for company: a group is what came while the last one was written.
void Intake::flush() {
    if (flushing_ || waiting_.empty()) return;
    flushing_ = true;
    auto group = std::make_shared<Group>();
    auto prepare = [this, group] {
        group->live = live_;
        if (!live_->log) group->path = next_path();
        group->waiting = std::exchange(waiting_, {});
        for (auto& one : group->waiting)
            group->entries.push_back(std::move(one.entry));
    };
    auto write = [](Live& live, const Group& of) -> Result<std::uint64_t> {
        if (!live.log) {
            WARREN_TRY(auto made, shard::IntakeLog::create(of.path));
            live.log = std::make_unique<shard::IntakeLog>(std::move(made));
        }
        WARREN_TRY_VOID(live.log->append(of.entries));
        return live.log->bytes();
    };
    auto work = [group, write] { group->log_bytes.emplace(write(*group->live, *group)); };
    auto complete = [this, group] { synced(*group); };
    executor_.post(strand_, {prepare, work, complete, Priority::Interactive});
}

void Intake::synced(Group& group) {
    flushing_ = false;
    const auto& bytes = *group.log_bytes;
    if (bytes) {
        ++metrics_.counter("storage_intake_syncs_total");
        metrics_.counter("storage_intake_entries_total") += group.entries.size();
        for (const auto& entry : group.entries)
            metrics_.counter("storage_intake_bytes_total") += entry.size();
        for (const auto& one : group.waiting)
            group.live->named.insert(one.community);
    } else {
        // Nobody knows what that file holds of this group: it takes no more (R-D4).
        ++metrics_.counter("storage_intake_failures_total");
        process::log::broken("event=intake.write_failed reason=\"{}\" then=\"shards sync "
                             "themselves, a new log is begun\"",
                             bytes.error().text);
    }
    if (!bytes || *bytes >= limits_.log_bytes_max) rotate();
    for (auto& one : group.waiting)
        one.promise->set(bytes ? Result<void>{} : Result<void>(bytes.error()));
    changed_.notify();
    flush();
}

// While nothing is being written.
void Intake::rotate() {
    auto old = std::exchange(live_, std::make_shared<Live>());
    if (!old->log) return;
    old_.push_back(old);
    metrics_.gauge("storage_intake_old_logs") = static_cast<std::int64_t>(old_.size());
    pipe::spawn(loop_, retire(std::move(old)));
}

// A shard whose disk hangs keeps the logs that name it, and nobody else waits for it.
Task<void> Intake::retire(std::shared_ptr<Live> old) {
    while (true) {
        leave_to_others(*old);
        if (ending_ || old->named.empty()) break;
        co_await make_durable(old, old->named, monotonic_now() + settle_time_max);
        if (!old->named.empty()) (void)co_await changed_.wait(monotonic_now() + settle_again);
    }
    if (!ending_) remove(std::move(old));
}

Task<void> Intake::make_durable(std::shared_ptr<Live> old, std::set<CommunityId> which,
                                Nanoseconds deadline) {
    std::vector<Task<Result<void>>> tasks;
    for (const auto& community : which)
        tasks.push_back(shards_.make_durable(shards_.use(community), deadline, Priority::Bulk));
    auto done = co_await gather<void>(loop_, std::move(tasks), deadline);
    std::size_t at = 0;
    for (const auto& community : which) {
        const auto& it = done[at++];
        if (it && it->ok()) old->named.erase(community);
    }
}

// Their files are not ours to open any more.
void Intake::leave_to_others(Live& log) const {
    const auto left = std::erase_if(log.named, [this](const CommunityId& community) {
        return gone_.test(process::slot_of(community));
    });
    if (left > 0) log.kept_for_others = true;
}

void Intake::remove(std::shared_ptr<Live> old) {
    if (!old->named.empty() || old->kept_for_others || old->removed) return;
    old->removed = true;
    auto work = [old] {
        auto removed = old->log->remove();
        if (!removed)
            process::log::broken("event=intake.not_removed reason=\"{}\"", removed.error().text);
        old->log.reset();
    };
    auto complete = [this, old] {
        std::erase(old_, old);
        metrics_.gauge("storage_intake_old_logs") = static_cast<std::int64_t>(old_.size());
        changed_.notify();
    };
    executor_.post(strand_, {{}, work, complete, Priority::Bulk});
}

Task<void> Intake::hand_over(Slots slots, Nanoseconds deadline) {
    bool in_time = true;
    while (in_time && flushing_)
        in_time = co_await changed_.wait(deadline);
    if (!flushing_) rotate();
    for (auto& log : std::vector(old_)) {
        std::set<CommunityId> going;
        for (const auto& community : log->named)
            if (std::ranges::find(slots, process::slot_of(community)) != slots.end())
                going.insert(community);
        co_await make_durable(log, going, deadline);
    }
    for (auto slot : slots)
        gone_.set(slot);
}

Task<void> Intake::finish(Nanoseconds deadline) {
    ending_ = true;
    Slots all(process::slot_count);
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = static_cast<std::uint8_t>(i);
    co_await hand_over(std::move(all), deadline);
    for (auto& log : std::vector(old_))
        remove(log);
    auto leaves = [](const auto& log) { return log->removed; };
    bool in_time = true;
    while (in_time && std::ranges::any_of(old_, leaves))
        in_time = co_await changed_.wait(deadline);
    changed_.notify();
}

}  // namespace warren::storage
