// What answers from files. See storage_worker.h.
#include <algorithm>

#include "runtime/process/log.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr std::size_t named_communities_max = 3000;  // more go without their names
constexpr std::size_t sync_bytes_max = 64 * 1024;
constexpr std::size_t fetch_bytes_max = 256 * 1024;  // one blob
constexpr std::uint16_t network_workers_max = 16;
constexpr std::size_t peers_bytes_max = 64 * 1024;

std::string peers_fact(std::uint16_t worker) {
    return "overlay.peers." + std::to_string(worker);
}

std::size_t count_of(const std::vector<shard::Verdict>& verdicts, shard::Verdict which) {
    return static_cast<std::size_t>(std::ranges::count(verdicts, which));
}

bool is_in_sync(const protocol::Reconciled& reconciled) {
    auto same = [](const protocol::SyncElement& element) {
        return element.mode == protocol::SyncMode::Same;
    };
    return reconciled.wants.empty() && reconciled.offers.empty() &&
           std::ranges::all_of(reconciled.answers, same);
}

Result<ReconcileResult> reconcile(shard::Shard& shard, const Reconcile& command) {
    auto now_s = wall_now_ms() / 1000;
    if (command.opening == SyncOpening::Yes) {
        auto epoch = protocol::sync_epoch(command.community, now_s);
        WARREN_TRY(auto* own, shard.ranges(epoch, now_s));
        auto elements = protocol::open_sync(*own, command.their_floor);
        return ReconcileResult{false, protocol::encode({epoch, std::move(elements)}), {}, {}};
    }
    WARREN_TRY(auto body, protocol::decode_sync_body(command.elements.view()));
    WARREN_TRY(auto* own, shard.ranges(body.epoch, now_s));
    auto key = protocol::session_key(command.community, command.session);
    auto out = protocol::reconcile(*own, key, body.elements, command.side);
    if (auto error = shard.take_range_error()) return std::move(*error);
    auto in_sync = is_in_sync(out);
    return ReconcileResult{in_sync, protocol::encode({body.epoch, std::move(out.answers)}),
                           protocol::encode_selections(out.wants),
                           protocol::encode_selections(out.offers)};
}

}  // namespace

Task<pipe::Answer> StorageWorker::on_store_records(Call call, StoreRecords command) {
    auto use = shards_.use(command.community);
    const bool durable = command.durable;
    auto verdicts = co_await shards_.store(use, std::move(command), call.deadline);
    if (!verdicts) {
        ++host_.metrics().counter("storage_stores_failed_total");
        co_return verdicts.error();
    }
    if (durable) {
        // By the shard itself: imports are large, and the shared log is for what cannot wait.
        auto kept = co_await shards_.make_durable(use, call.deadline, Priority::Bulk);
        if (!kept) co_return kept.error();
    }
    host_.metrics().counter("storage_records_known_total") +=
        count_of(*verdicts, shard::Verdict::Known);
    host_.metrics().counter("storage_records_refused_total") +=
        count_of(*verdicts, shard::Verdict::Refused);
    host_.metrics().counter("storage_records_waiting_total") +=
        count_of(*verdicts, shard::Verdict::Waiting);
    host_.metrics().counter("storage_records_over_rate_total") +=
        count_of(*verdicts, shard::Verdict::NotStored);
    co_return replies::stored(*verdicts);
}

Task<pipe::Answer> StorageWorker::on_list_communities(Call call) {
    auto present = co_await files(call.deadline);
    if (!present) co_return present.error();
    std::vector<CommunityRow> rows;
    std::vector<CommunityId> ids;
    for (const auto& file : *present) {
        if (file.presence != Presence::Joined) continue;
        rows.push_back({file.community, {}, 0, file.bytes});
        ids.push_back(file.community);
    }
    if (rows.size() > named_communities_max) co_return replies::communities(rows);
    auto described = co_await slots_.describe(std::move(ids), call.deadline);
    if (!described) co_return replies::communities(rows);  // which there are is what matters
    for (auto& row : rows) {
        auto found = std::ranges::find(*described, row.id, &Slots::Described::community);
        if (found == described->end()) continue;
        row.name = found->name;
        row.records = found->records;
    }
    co_return replies::communities(rows);
}

Task<pipe::Answer> StorageWorker::on_search(Call call, SearchQuestion question) {
    auto found = co_await slots_.search(owned_slots(), std::move(question), call.deadline);
    if (!found) co_return found.error();
    co_return replies::found(*found);
}

Task<pipe::Answer> StorageWorker::on_list_authored(Call call, MemberId member, ListPage page) {
    std::optional<shard::AuthorCursor> after;
    if (!page.after.empty()) {
        after = shard::author_cursor_from(page.after);
        if (!after) co_return bad_input("the cursor is not one that a page gave");
    }
    auto found = co_await slots_.author(owned_slots(), member, after, page.limit, call.deadline);
    if (!found) co_return found.error();
    co_return replies::authored(*found);
}

// On the writing strand: sums and file agree there, at every moment.
Task<pipe::Answer> StorageWorker::on_reconcile(Call call, Reconcile command) {
    if (command.elements.size() > sync_bytes_max) co_return bad_input("too many sync elements");
    auto use = shards_.use(command.community);
    std::function<Result<ReconcileResult>(shard::Shard&)> work =
        [command = std::move(command)](shard::Shard& shard) { return reconcile(shard, command); };
    auto result = co_await shards_.write<ReconcileResult>(use, std::move(work), call.deadline,
                                                          Priority::Bulk);
    if (!result) co_return result.error();
    co_return replies::reconciled(std::move(*result));
}

Task<pipe::Answer> StorageWorker::on_get_root(Call call, CommunityId community) {
    auto use = shards_.use(community);
    auto opened = co_await shards_.ensure_open(use, call.deadline);
    if (!opened) co_return opened.error();
    auto now_s = wall_now_ms() / 1000;
    if (use->root && use->root->epoch == protocol::sync_epoch(community, now_s))
        co_return replies::root(*use->root);
    std::function<Result<shard::ShardRoot>(shard::Shard&)> work = [now_s](shard::Shard& shard) {
        return shard.root_at(now_s);
    };
    auto root = co_await shards_.write<shard::ShardRoot>(use, std::move(work), call.deadline);
    if (!root) co_return root.error();
    use->root = *root;
    co_return replies::root(*root);
}

Task<pipe::Answer> StorageWorker::on_fetch_records(Call call, FetchRecords command) {
    if (command.selections.size() > sync_bytes_max) co_return bad_input("too many selections");
    auto selections = protocol::decode_selections(command.selections.view());
    if (!selections) co_return selections.error();
    auto use = shards_.use(command.community);
    auto bytes_max = std::min(command.bytes_max, fetch_bytes_max);
    std::function<Result<shard::Fetched>(shard::ShardReader&)> work =
        [selections = std::move(*selections), session = command.session, bytes_max](
            shard::ShardReader& reader) { return reader.fetch(selections, session, bytes_max); };
    auto fetched = co_await shards_.read<shard::Fetched>(use, std::move(work), call.deadline);
    if (!fetched) co_return fetched.error();
    note_damaged_records(use, fetched->damaged);
    co_return replies::fetched(*fetched);
}

// They were left out of an answer.
void StorageWorker::note_damaged_records(const ShardUse& use, std::uint64_t records) {
    if (records == 0) return;
    host_.metrics().counter("storage_records_damaged_total") += records;
    process::log::broken("event=shard.damaged community={} records={}", use->id.hex(), records);
    shards_.note_damage(use, damaged("records that do not match their ids"));
}

Result<void> StorageWorker::ensure_node(Cell<shard::NodeShard>& cell, const std::string& path,
                                        const shard::Epoch& epoch, const OnDamage& tell) {
    if (cell.it) return {};
    WARREN_TRY(cell.it, open_or_rebuild_node(path, epoch, cell.check, tell));
    cell.check = shard::Check::None;
    return {};
}

Task<pipe::Answer> StorageWorker::on_put_download(Call call, shard::StoredDownload download) {
    std::function<Result<shard::Put>(shard::NodeShard&)> work =
        [download = std::move(download)](shard::NodeShard& node) {
            return node.put_download(download);
        };
    auto put = co_await on_node_file<shard::Put>(std::move(work), call.deadline);
    if (!put) co_return put.error();
    co_return replies::download_put(*put);
}

Task<pipe::Answer> StorageWorker::on_put_resume(Call call, Infohash infohash, bool paused,
                                                Bytes resume) {
    std::function<Result<void>(shard::NodeShard&)> work =
        [infohash, paused, resume = std::move(resume)](shard::NodeShard& node) {
            return node.put_resume(infohash, resume, paused);
        };
    auto put = co_await on_node_file<void>(std::move(work), call.deadline);
    if (!put) co_return put.error();
    co_return replies::done();
}

Task<pipe::Answer> StorageWorker::on_forget_download(Call call, Infohash infohash) {
    std::function<Result<void>(shard::NodeShard&)> work = [infohash](shard::NodeShard& node) {
        return node.forget_download(infohash);
    };
    auto forgotten = co_await on_node_file<void>(std::move(work), call.deadline);
    if (!forgotten) co_return forgotten.error();
    co_return replies::done();
}

Task<pipe::Answer> StorageWorker::on_list_stored_downloads(Call call, Infohash after) {
    std::function<Result<shard::DownloadPage>(shard::NodeShard&)> work =
        [after](shard::NodeShard& node) { return node.downloads(after); };
    auto downloads = co_await on_node_file<shard::DownloadPage>(std::move(work), call.deadline);
    if (!downloads) co_return downloads.error();
    co_return replies::downloads(*downloads);
}

Task<pipe::Answer> StorageWorker::on_put_peers(Call call, std::uint16_t worker, Bytes peers) {
    if (worker >= network_workers_max || peers.size() > peers_bytes_max)
        co_return bad_input("storage: more peers than a network worker keeps");
    std::function<Result<void>(shard::NodeShard&)> work =
        [worker, peers = std::move(peers)](shard::NodeShard& node) {
            return node.put_fact(peers_fact(worker), peers);
        };
    auto put = co_await on_node_file<void>(std::move(work), call.deadline);
    if (!put) co_return put.error();
    co_return replies::done();
}

Task<pipe::Answer> StorageWorker::on_get_peers(Call call) {
    using Parts = std::vector<Bytes>;
    std::function<Result<Parts>(shard::NodeShard&)> work =
        [](shard::NodeShard& node) -> Result<Parts> {
        Parts out;
        for (std::uint16_t worker = 0; worker < network_workers_max; ++worker) {
            WARREN_TRY(auto fact, node.fact(peers_fact(worker)));
            if (fact) out.push_back(std::move(*fact));
        }
        return out;
    };
    auto parts = co_await on_node_file<Parts>(std::move(work), call.deadline);
    if (!parts) co_return parts.error();
    co_return replies::peers(std::move(*parts));
}

}  // namespace warren::storage
