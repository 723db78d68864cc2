// Operators' requests, and what their tools borrow from the worker. See tools.h.
#include "runtime/process/log.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"
#include "workers/storage/tool_replies.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds index_time_max = 60_s;

}  // namespace

Tools::Worker StorageWorker::lend_to_tools() {
    Tools::Worker out;
    out.owns = [this](std::uint8_t slot) { return owns(slot); };
    out.join = [this](CommunityId community, std::optional<shard::Founder> founder,
                      Nanoseconds deadline) { return join(community, founder, deadline); };
    out.downloads = [this](Infohash after, Nanoseconds deadline) {
        std::function<Result<shard::DownloadPage>(shard::NodeShard&)> work =
            [after](shard::NodeShard& node) { return node.downloads(after); };
        return on_node_file<shard::DownloadPage>(std::move(work), deadline);
    };
    // What is there is newer than any backup of it.
    out.restore_download = [this](shard::StoredDownload download, Nanoseconds deadline) {
        std::function<Result<void>(shard::NodeShard&)> work =
            [download = std::move(download)](shard::NodeShard& node) -> Result<void> {
            WARREN_TRY(bool there, node.has_download(download.infohash));
            if (there) return {};
            WARREN_TRY(auto put, node.put_download(download));
            (void)put;
            if (download.resume.empty()) return {};
            return node.put_resume(download.infohash, download.resume, download.paused);
        };
        return on_node_file<void>(std::move(work), deadline);
    };
    out.index_anew = [this](const ShardUse& use) {
        auto forget = [](StorageWorker& self, ShardUse shard) -> Task<void> {
            auto forgotten = co_await self.slots_.forget(
                shard->id, shard::Derived::Then::IndexAgain, monotonic_now() + index_time_max);
            if (!forgotten)
                process::log::unusual("event=index.not_made_anew community={} reason=\"{}\"",
                                      shard->id.hex(), forgotten.error().text);
            self.index_soon(shard);
        };
        pipe::spawn(host_.io(), forget(*this, use));
    };
    out.index_more = [this](CommunityId community) { return index_more(community); };
    out.unlist_pruned = [this](CommunityId community, GlobalTime floor) {
        return unlist_pruned(community, floor);
    };
    out.compare_with_peers = [this](CommunityId community) {
        outbox_.community_changed(community, Membership::Joined);
    };
    return out;
}

Task<pipe::Answer> StorageWorker::on_list_shards(Call call, CommunityId after) {
    auto page = co_await tools_.list(after, call.deadline);
    if (!page) co_return page.error();
    co_return replies::shards(*page);
}

Task<pipe::Answer> StorageWorker::on_set_retention(Call call, CommunityId community,
                                                   std::optional<shard::Retention> rule) {
    auto set = co_await tools_.set_retention(community, rule, call.deadline);
    if (!set) co_return set.error();
    co_return replies::done();
}

Task<pipe::Answer> StorageWorker::on_get_retention(Call call, CommunityId community) {
    auto found = co_await tools_.retention(community, call.deadline);
    if (!found) co_return found.error();
    co_return replies::retention(*found);
}

Task<pipe::Answer> StorageWorker::on_export_records(Call call, CommunityId community,
                                                    RecordRef after, std::size_t bytes_max) {
    auto part = co_await tools_.export_part(community, after, bytes_max, call.deadline);
    if (!part) co_return part.error();
    co_return replies::exported(*part);
}

Task<pipe::Answer> StorageWorker::on_list_backups(Call call) {
    auto rows = co_await tools_.list_backups(call.deadline);
    if (!rows) co_return rows.error();
    co_return replies::backups(*rows);
}

Task<pipe::Answer> StorageWorker::on_delete_backup(Call call, std::string name) {
    auto deleted = co_await tools_.delete_backup(std::move(name), call.deadline);
    if (!deleted) co_return deleted.error();
    co_return replies::done();
}

// The community's id binds its founder, so whoever brings the file need not be believed.
Task<pipe::Answer> StorageWorker::on_join_with_details(Call call, CommunityId community,
                                                       Bytes details) {
    auto known = shard::decode_stream_details(details, community);
    if (!known) co_return known.error();
    auto joined = co_await join(community, known->founder, call.deadline);
    if (!joined) co_return joined.error();
    co_return replies::done();
}

pipe::Answer StorageWorker::on_start_task(TaskKind kind, const CommunityId& community,
                                          const std::string& name) {
    auto started = tools_.start(kind, community, name);
    if (!started) return started.error();
    return replies::done();
}

}  // namespace warren::storage
