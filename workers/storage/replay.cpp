// What the logs of dead workers hold goes into the shards before these slots answer. See intake.h.
#include <filesystem>
#include <map>

#include "runtime/process/log.h"
#include "workers/storage/gather.h"
#include "workers/storage/intake.h"

namespace warren::storage {

namespace {

namespace fs = std::filesystem;

// Blocking. Those that were being made hold nothing yet: they go, unless their maker lives.
std::vector<std::string> find_logs(const std::string& folder) {
    std::vector<std::string> out;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        const auto path = at->path().string();
        if (path.ends_with(".log")) out.push_back(path);
        if (path.ends_with(".new") && shard::FileLock::take(path, shard::FileLock::Kind::Exclusive))
            (void)shard::remove_file(path);
    }
    return out;
}

void tell_damage(const std::string& path, const shard::IntakeContent& content) {
    if (content.tail_bytes > 0)
        process::log::info("event=intake.torn_tail log={} bytes={}", path, content.tail_bytes);
    if (content.damaged_bytes > 0)
        process::log::broken("event=intake.damaged log={} bytes={} then=\"what else it holds is "
                             "replayed\"",
                             path, content.damaged_bytes);
}

}  // namespace

Task<Intake::Replayed> Intake::replay(Slots slots, Nanoseconds deadline) {
    Replayed out;
    for (auto slot : slots)
        gone_.reset(slot);
    std::function<Result<std::vector<std::string>>()> look =
        [folder = layout_.intake_folder()]() -> Result<std::vector<std::string>> {
        return find_logs(folder);
    };
    auto paths =
        co_await executor_.run<std::vector<std::string>>(strand_, std::move(look), deadline);
    if (!paths) {
        out.complete = false;
        co_return std::move(out);
    }
    for (const auto& path : *paths) {
        std::function<Result<Left>()> open = [path]() -> Result<Left> {
            WARREN_TRY(auto left, shard::LeftIntake::open(path));
            if (left) tell_damage(path, left->content());
            return Left(std::move(left));
        };
        auto left = co_await executor_.run<Left>(strand_, std::move(open), deadline);
        if (!left) {
            process::log::broken("event=intake.unread log={} reason=\"{}\"", path,
                                 left.error().text);
            out.complete = false;
        }
        if (!left || !*left) continue;  // its writer lives, or it is gone
        const bool done = co_await replay_log(std::move(*left), slots, deadline, out);
        out.complete = out.complete && done;
    }
    co_return std::move(out);
}

Task<bool> Intake::replay_log(Left left, const Slots& slots, Nanoseconds deadline, Replayed& out) {
    shard::IntakeGroups all, ours;
    for (auto slot : slots)
        ours.set(slot);
    std::map<CommunityId, std::vector<shard::IntakeEntry>> entries;
    for (const auto& entry : left->content().entries) {
        const auto slot = process::slot_of(entry.community);
        all.set(slot);
        if (ours.test(slot) && !left->content().replayed.test(slot))
            entries[entry.community].push_back(entry);
    }
    ours &= all;
    std::vector<Task<Result<std::size_t>>> tasks;
    for (auto& [community, of_it] : entries)
        tasks.push_back(replay_into(community, left, std::move(of_it), deadline));
    auto answers = co_await gather<std::size_t>(loop_, std::move(tasks), deadline);
    bool complete = true;
    std::size_t at = 0;
    for (const auto& [community, moved] : entries) {
        const auto& answer = answers[at++];
        if (answer && answer->ok()) {
            metrics_.counter("storage_intake_replayed_total") += **answer;
            if (**answer > 0) out.grown.push_back(community);
            continue;
        }
        complete = false;
        ours.reset(process::slot_of(community));
        process::log::broken("event=intake.replay_failed community={} reason=\"{}\" then=\"the log "
                             "is kept and tried again\"",
                             community.hex(), answer ? answer->error().text : "no answer in time");
    }
    std::function<Result<void>()> finish = [left, ours, all] { return left->finish(ours, all); };
    auto finished = co_await executor_.run<void>(strand_, std::move(finish), deadline);
    co_return complete&& finished.ok();
}

// A community that was left was closed first, so nothing of it is missing; one whose file is gone
// has nowhere to go. One whose file is damaged is rebuilt at opening, then gets what the log holds.
Task<Result<std::size_t>> Intake::replay_into(CommunityId community, Left left,
                                              std::vector<shard::IntakeEntry> entries,
                                              Nanoseconds deadline) {
    std::function<Result<std::size_t>(shard::Shard&)> work =
        [left, entries = std::move(entries)](shard::Shard& shard) { return shard.replay(entries); };
    auto use = shards_.use(community);
    auto replayed = co_await shards_.write<std::size_t>(use, std::move(work), deadline);
    if (replayed || replayed.error().kind != ErrorKind::NotFound) co_return std::move(replayed);
    std::function<Result<Presence>()> look = [&layout = layout_, community]() -> Result<Presence> {
        return layout.presence(community);
    };
    auto presence = co_await executor_.run<Presence>(strand_, std::move(look), deadline);
    if (!presence || *presence == Presence::Joined) co_return std::move(replayed);
    process::log::unusual("event=intake.not_replayed community={} reason=\"this node is not part "
                          "of it any more\"",
                          community.hex());
    co_return std::size_t{0};
}

}  // namespace warren::storage
