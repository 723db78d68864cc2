// Which communities this node is part of: joining, leaving, and following what the directory
// announces.
#include "runtime/process/log.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds background_time_max = 30_s;

}  // namespace

Task<Result<std::vector<FileOnDisk>>> StorageWorker::files(Nanoseconds deadline) {
    std::function<Result<std::vector<FileOnDisk>>()> job =
        [&layout = layout_]() -> Result<std::vector<FileOnDisk>> { return layout.list(); };
    co_return co_await executor_.run<std::vector<FileOnDisk>>(folders_, std::move(job), deadline);
}

Task<Result<void>> StorageWorker::join(CommunityId community, std::optional<shard::Founder> founder,
                                       Nanoseconds deadline) {
    std::function<Result<bool>()> job = [&layout = layout_, community, founder] {
        return layout.join(community, founder);
    };
    auto joined = co_await executor_.run<bool>(folders_, std::move(job), deadline);
    if (!joined) co_return std::move(joined.error());
    if (!*joined) co_return Result<void>{};
    process::log::info("event=community.joined community={}", community.hex());
    host_.tap().event("event.community.joined", {{"community", community.hex()}});
    outbox_.community_changed(community, Membership::Joined);
    co_return Result<void>{};
}

Task<pipe::Answer> StorageWorker::on_join_community(Call call, CommunityId community) {
    auto joined = co_await join(community, std::nullopt, call.deadline);
    if (!joined) co_return joined.error();
    // It may have been left with records in it, which are not listed any more.
    index_soon(shards_.use(community));
    co_return replies::done();
}

// From here on the community is not there; calls in hand end first. The file is closed and renamed
// whole.
Task<void> StorageWorker::put_away(ShardUse use,
                                   std::shared_ptr<pipe::Promise<Result<bool>>> ended) {
    use->leaving = true;
    auto deadline = monotonic_now() + background_time_max;
    while (use->users > 1 && monotonic_now() < deadline)
        co_await pipe::sleep_for(host_.io(), 5_ms);
    Result<bool> left = unavailable("other calls on this community do not end");
    if (use->users == 1) {
        co_await shards_.close(use.share());
        std::function<Result<bool>()> job = [&layout = layout_, id = use->id] {
            return layout.leave(id);
        };
        auto terms = Executor::Terms::always(deadline);
        left = co_await executor_.run<bool>(folders_, std::move(job), terms);
    }
    use->leaving = false;
    ended->set(std::move(left));
}

Task<pipe::Answer> StorageWorker::on_leave_community(Call call, CommunityId community) {
    if (community == protocol::directory_community())
        co_return refused("the directory cannot be left: channels are found in it");
    auto use = shards_.use(community);
    auto opened = co_await shards_.ensure_open(use, call.deadline);
    if (!opened && opened.error().kind == ErrorKind::NotFound) co_return opened.error();
    // It ends though its asker gives up: half-way nobody may open the file.
    auto ended = std::make_shared<pipe::Promise<Result<bool>>>(host_.io());
    pipe::spawn(host_.io(), put_away(std::move(use), ended));
    auto answer = co_await ended->wait(call.deadline);
    if (!answer) co_return Error{ErrorKind::Expired, "the disk did not answer in time"};
    auto left = std::move(*answer);
    if (!left) co_return left.error();
    auto forgotten = co_await slots_.forget(community, shard::Derived::Then::Gone, call.deadline);
    if (!forgotten) co_return forgotten.error();
    if (*left) {
        process::log::info("event=community.left community={}", community.hex());
        host_.tap().event("event.community.left", {{"community", community.hex()}});
        outbox_.community_changed(community, Membership::Left);
    }
    co_return replies::done();
}

// A channel's file may belong to another worker's slot: it is only created here, never opened. A
// community that was left stays left.
Task<void> StorageWorker::follow(std::vector<shard::AnnouncedChannel> announced) {
    if (settings_.follow != Follow::All || draining_) co_return;
    auto present = co_await files(monotonic_now() + background_time_max);
    if (!present) co_return;
    std::unordered_set<CommunityId> known;
    std::size_t joined = 0;
    for (const auto& file : *present) {
        known.insert(file.community);
        if (file.presence == Presence::Joined) ++joined;
    }
    for (const auto& channel : announced) {
        if (known.contains(channel.channel)) continue;
        if (joined >= settings_.follow_max + 1) {  // the directory is one of them
            process::log::unusual("event=follow.full joined={} setting=channels.follow_max",
                                  joined);
            co_return;
        }
        auto done =
            co_await join(channel.channel, channel.founder, monotonic_now() + background_time_max);
        if (!done) {
            process::log::broken("event=follow.failed community={} reason=\"{}\"",
                                 channel.channel.hex(), done.error().text);
            co_return;
        }
        known.insert(channel.channel);
        ++joined;
    }
}

// What was announced when a crash came between its listing and its joining.
Task<void> StorageWorker::follow_what_is_announced() {
    if (!owns(protocol::directory_community())) co_return;
    auto listed = co_await slots_.announced(monotonic_now() + background_time_max);
    if (!listed) co_return;
    std::vector<shard::AnnouncedChannel> announced;
    for (auto& channel : *listed)
        announced.push_back(
            {channel.id, {channel.founder, channel.nonce}, std::move(channel.name)});
    if (!announced.empty()) co_await follow(std::move(announced));
}

// A log beside a file tells that its last opener was killed, perhaps before its records were
// listed.
Task<void> StorageWorker::index_what_a_crash_left() {
    auto there = co_await slots_.present(owned_slots(), monotonic_now() + background_time_max);
    std::function<bool(const FileOnDisk&)> wanted = [there](const FileOnDisk& file) {
        return file.unclean || !there.contains(process::slot_of(file.community));
    };
    co_await index_files(std::move(wanted));
}

Task<void> StorageWorker::make_index_anew(std::uint8_t slot) {
    auto begun = co_await slots_.begin_anew(slot);
    if (begun) co_await index_slot(slot);
}

Task<void> StorageWorker::index_slot(std::uint8_t slot) {
    std::function<bool(const FileOnDisk&)> wanted = [slot](const FileOnDisk& file) {
        return process::slot_of(file.community) == slot;
    };
    co_await index_files(std::move(wanted));
}

Task<void> StorageWorker::index_files(std::function<bool(const FileOnDisk&)> wanted) {
    auto present = co_await files(monotonic_now() + background_time_max);
    if (!present) co_return;
    for (const auto& file : *present) {
        if (file.presence != Presence::Joined || !owns(file.community) || !wanted(file)) continue;
        auto use = shards_.use(file.community);
        use->indexed_to.reset();
        auto opened = co_await shards_.ensure_open(use, monotonic_now() + background_time_max);
        if (!opened) continue;
        index_soon(use);
        // A crash may have come between pruning and its listings, too.
        auto unlisted = co_await unlist_pruned(use->id, use->root ? use->root->floor : 0);
        if (!unlisted)
            process::log::unusual("event=index.not_pruned community={} reason=\"{}\" then=\"at the "
                                  "next pruning\"",
                                  use->id.hex(), unlisted.error().text);
    }
}

}  // namespace warren::storage
