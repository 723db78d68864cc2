// The storage worker: which shard answers what, in which order, and who is told afterwards. All
// calls come on the loop; what blocks goes to the executor.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_set>

#include "runtime/pipe/worker.h"
#include "workers/storage/commands.h"
#include "workers/storage/executor.h"
#include "workers/storage/intake.h"
#include "workers/storage/joined.h"
#include "workers/storage/outbox.h"
#include "workers/storage/settings.h"
#include "workers/storage/shards.h"
#include "workers/storage/slots.h"
#include "workers/storage/tools.h"

namespace warren::storage {

class StorageWorker final : public pipe::Service {
public:
    explicit StorageWorker(pipe::Host& host);

    Task<Result<void>> start() override;
    Task<pipe::Answer> on_request(pipe::Request request) override;  // inbox.cpp
    void on_slots() override;
    Task<void> drain() override;

private:
    // handlers.cpp: what answers from files
    Task<pipe::Answer> on_store_records(Call call, StoreRecords command);
    Task<pipe::Answer> on_list_communities(Call call);
    Task<pipe::Answer> on_search(Call call, SearchQuestion question);
    Task<pipe::Answer> on_list_authored(Call call, MemberId member, ListPage page);
    Task<pipe::Answer> on_reconcile(Call call, Reconcile command);
    Task<pipe::Answer> on_get_root(Call call, CommunityId community);
    Task<pipe::Answer> on_fetch_records(Call call, FetchRecords command);
    void note_damaged_records(const ShardUse& use, std::uint64_t records);
    Task<pipe::Answer> on_put_download(Call call, shard::StoredDownload download);
    Task<pipe::Answer> on_put_resume(Call call, Infohash infohash, bool paused, Bytes resume);
    Task<pipe::Answer> on_forget_download(Call call, Infohash infohash);
    Task<pipe::Answer> on_list_stored_downloads(Call call, Infohash after);
    Task<pipe::Answer> on_put_peers(Call call, std::uint16_t worker, Bytes peers);
    Task<pipe::Answer> on_get_peers(Call call);

    // neighbours.cpp: searches among nodes, and how alive torrents are
    Task<pipe::Answer> on_find_records(Call call, FindRecords command);
    Task<pipe::Answer> on_rank_records(Call call, RankRecords command);
    pipe::Answer on_put_health(const std::vector<SwarmRow>& swarms);
    Task<pipe::Answer> on_hear_health(Call call, CommunityId community,
                                      std::vector<SwarmRow> swarms);
    Task<pipe::Answer> on_list_health(Call call, CommunityId community, std::size_t limit);

    // channels.cpp: channels and what they hold
    Task<pipe::Answer> on_list_channels(Call call, ChannelList list);
    Task<pipe::Answer> on_list_contents(Call call, CommunityId community, ListPage page);
    Task<pipe::Answer> on_list_items(Call call, ItemList list);
    Task<pipe::Answer> on_get_record(Call call, CommunityId community, RecordRef ref);

    // publishing.cpp: records of this node
    Task<pipe::Answer> on_publish_record(Call call, Publication publication);
    Task<pipe::Answer> on_found_channel(Call call, NewChannel channel);
    Task<Result<RecordRef>> publish(Publication publication, Nanoseconds deadline);
    Task<Result<RecordRef>> publish_in_turn(ShardUse use, Publication publication,
                                            Nanoseconds deadline);
    static Result<std::pair<CommunityId, protocol::Nonce>>
    place_channel(const protocol::PublicKey& founder, const RequestId& request);

    // governing.cpp: who may do what and why, and what changed verdicts leave to do
    Task<pipe::Answer> on_get_proofs(Call call, GetProofs command);
    Task<pipe::Answer> on_list_permissions(Call call, CommunityId community, ListPage page);
    Task<pipe::Answer> on_explain_record(Call call, CommunityId community, RecordRef record);
    Task<pipe::Answer> on_list_controls(Call call, CommunityId community, RecordRef before,
                                        std::size_t limit);
    Task<pipe::Answer> on_list_forks(Call call, CommunityId community);
    void on_news(Shards::News news);
    Task<void> work_off(CommunityId community);
    Task<void> expire_waiting(CommunityId community);
    void share_waiting_rooms();
    void note_waiting();

    // following.cpp: which communities this node is part of
    // people.cpp: what two members sign, and who is invited
    Task<pipe::Answer> on_draft_pair(Call call, PairDraft draft);
    Task<Result<DraftedPair>> draft_in_turn(ShardUse use, PairDraft draft, Call call);
    Task<pipe::Answer> on_judge_pair(Call call, CommunityId community, Bytes half, bool sign);
    Task<Result<void>> keep_pair(ShardUse use, Bytes packet, Nanoseconds deadline);
    Task<pipe::Answer> on_make_invitation(Call call, NewInvitation wish);
    Task<pipe::Answer> on_join_by_invitation(Call call, Bytes packet);
    Task<pipe::Answer> on_join_community(Call call, CommunityId community);
    Task<pipe::Answer> on_leave_community(Call call, CommunityId community);
    Task<void> put_away(ShardUse use, std::shared_ptr<pipe::Promise<Result<bool>>> ended);
    Task<Result<void>> join(CommunityId community, std::optional<shard::Founder> founder,
                            Nanoseconds deadline);
    Task<Result<std::vector<FileOnDisk>>> files(Nanoseconds deadline);
    Task<void> follow(std::vector<shard::AnnouncedChannel> announced);
    Task<void> follow_what_is_announced();
    Task<void> index_what_a_crash_left();
    Task<void> make_index_anew(std::uint8_t slot);
    Task<void> index_slot(std::uint8_t slot);
    Task<void> index_files(std::function<bool(const FileOnDisk&)> wanted);

    // indexing.cpp
    void index_soon(const ShardUse& use);
    Task<void> index(ShardUse use);
    Task<bool> index_step(ShardUse use, Executor::Terms terms);
    Task<void> prove_forks(ShardUse use, std::vector<std::pair<RecordRef, RecordRef>> forks,
                           Executor::Terms terms);
    Task<void> index_now(ShardUse use);
    Task<Result<std::int64_t>> index_more(CommunityId community);
    Task<bool> relist_step(ShardUse use, Executor::Terms terms);
    Task<Result<void>> unlist_pruned(CommunityId community, GlobalTime floor);
    void committed(const ShardUse& use, std::size_t records, const shard::ShardRoot& root);

    bool owns(std::uint8_t slot) const;
    bool owns(const CommunityId& community) const { return owns(process::slot_of(community)); }
    std::vector<std::uint8_t> owned_slots() const;
    shard::Epoch epoch() const;
    Task<void> release_lost_slots(std::uint64_t version);
    Task<void> close_slots(std::vector<std::uint8_t> slots);

    // restoring.cpp: what dead workers' logs hold is in the shards before they answer
    Task<void> restore(std::vector<std::uint8_t> slots);
    Task<bool> restore_once(std::vector<std::uint8_t> slots);
    Task<void> restore_rest(std::vector<std::uint8_t> slots);
    Task<bool> restored(std::uint8_t slot, Nanoseconds deadline);
    void tell_damage(const Damage& damage);
    static Result<void> ensure_node(Cell<shard::NodeShard>& cell, const std::string& path,
                                    const shard::Epoch& epoch, const OnDamage& tell);
    template <typename T>
    Task<Result<T>> on_node_file(std::function<Result<T>(shard::NodeShard&)> work,
                                 Nanoseconds deadline) {
        std::function<Result<T>()> job = [path = layout_.node_file(), epoch = epoch(), cell = node_,
                                          tell = shards_.reporter(),
                                          work = std::move(work)]() -> Result<T> {
            WARREN_TRY_VOID(ensure_node(*cell, path, epoch, tell));
            auto out = work(*cell->it);
            bool hurt = !out && out.error().kind == ErrorKind::Damaged;
            if (hurt || cell->it->failed()) {  // the next call proves the file
                cell->it.reset();
                cell->check = shard::Check::Quick;
                return out;
            }
            (void)cell->it->maintain();
            return out;
        };
        co_return co_await executor_.run<T>(node_strand_, std::move(job), deadline);
    }

    // tool_handlers.cpp: what operators ask
    Tools::Worker lend_to_tools();
    Task<pipe::Answer> on_list_shards(Call call, CommunityId after);
    Task<pipe::Answer> on_set_retention(Call call, CommunityId community,
                                        std::optional<shard::Retention> rule);
    Task<pipe::Answer> on_get_retention(Call call, CommunityId community);
    Task<pipe::Answer> on_export_records(Call call, CommunityId community, RecordRef after,
                                         std::size_t bytes_max);
    Task<pipe::Answer> on_list_backups(Call call);
    Task<pipe::Answer> on_delete_backup(Call call, std::string name);
    Task<pipe::Answer> on_join_with_details(Call call, CommunityId community, Bytes details);
    pipe::Answer on_start_task(TaskKind kind, const CommunityId& community,
                               const std::string& name);

    pipe::Host& host_;
    StorageSettings settings_;
    Layout layout_;
    Executor executor_;
    Shards shards_;
    Intake intake_;
    shard::IntakeGroups restoring_;  // slots
    Signal restored_;
    Slots slots_;
    Outbox outbox_;
    Executor::Strand folders_;  // joins, leaves and looks at what is there, in order
    std::shared_ptr<Joined> joined_ = std::make_shared<Joined>(layout_);  // of the folders' strand
    Executor::Strand node_strand_;
    std::shared_ptr<Cell<shard::NodeShard>> node_ = std::make_shared<Cell<shard::NodeShard>>();
    Tools tools_;
    std::deque<std::pair<RequestId, DraftedPair>> drafts_;  // the last ones
    Infohash passed_on_;              // the swarm that neighbours were told of last
    std::vector<std::uint8_t> held_;  // slots that this worker served when last told
    std::uint64_t releasing_version_ = 0;
    int releasing_ = 0;  // maps whose lost slots are being closed
    bool draining_ = false;
};

}  // namespace warren::storage
