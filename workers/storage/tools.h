// What operators ask of the files: lists, checks, compaction, rebuilding, retention, exports,
// backups. Long
// work runs in small steps of bulk priority, so that shards keep serving.
#pragma once

#include <functional>

#include "runtime/pipe/worker.h"
#include "storage-shard/backup.h"
#include "workers/storage/commands.h"
#include "workers/storage/disk_usage.h"
#include "workers/storage/shards.h"
#include "workers/storage/signal.h"
#include "workers/storage/slots.h"
#include "workers/storage/tasks.h"

namespace warren::storage {

enum class ShardState : std::uint8_t { Closed, Open, Left, Damaged };
struct ShardRow {
    CommunityId community;
    ShardState state = ShardState::Closed;
    std::uint64_t bytes = 0, log_bytes = 0, bytes_max = 0;
    shard::ShardFacts facts;
};
struct ShardPage {
    std::vector<ShardRow> rows;
    bool more = false;
    std::optional<DiskUsage> usage;
};
struct ExportPart {
    shard::ShardWalk::Part part;
    Bytes details;
};
struct RetentionInForce {
    shard::Retention rule;
    bool own = false;  // else that of the settings
};
struct BackupRow {
    std::string name;
    std::int64_t created_ms = 0;
    std::uint32_t communities = 0;
    std::uint64_t records = 0, bytes = 0, damaged = 0;
    bool whole = false;
};

class Tools {
public:
    struct Settings {
        std::string state_dir;
        std::string backup_dir;
        std::uint64_t shard_bytes_max = 0;
        shard::Retention retention;
        Nanoseconds retention_interval = 0;
        std::int64_t check_interval_ms = 0;  // 0: never
    };
    // What the worker lends.
    struct Worker {
        std::function<bool(std::uint8_t slot)> owns;
        std::function<Task<Result<void>>(CommunityId, std::optional<shard::Founder>, Nanoseconds)>
            join;
        std::function<Task<Result<shard::DownloadPage>>(Infohash, Nanoseconds)> downloads;
        std::function<Task<Result<void>>(shard::StoredDownload, Nanoseconds)> restore_download;
        std::function<void(const ShardUse&)> index_anew;
        // Of listings: one step on, and up to which row they are; what pruning took leaves them.
        std::function<Task<Result<std::int64_t>>(CommunityId)> index_more;
        std::function<Task<Result<void>>(CommunityId, GlobalTime floor)> unlist_pruned;
        std::function<void(CommunityId)> compare_with_peers;
    };
    Tools(pipe::Host& host, Executor& executor, Shards& shards, const Layout& layout,
          Settings settings, Worker worker);

    Task<Result<ShardPage>> list(CommunityId after, Nanoseconds deadline);
    Task<Result<void>> set_retention(CommunityId community, std::optional<shard::Retention> rule,
                                     Nanoseconds deadline);
    Task<Result<RetentionInForce>> retention(CommunityId community, Nanoseconds deadline);
    Task<Result<ExportPart>> export_part(CommunityId community, RecordRef after,
                                         std::size_t bytes_max, Nanoseconds deadline);
    Task<Result<std::vector<BackupRow>>> list_backups(Nanoseconds deadline);
    Task<Result<void>> delete_backup(std::string name, Nanoseconds deadline);
    Result<void> start(TaskKind kind, const CommunityId& community, const std::string& name);
    const std::list<Tracked>& tasks() const { return tasks_.rows(); }

    // Looks at all communities now and then, until stop().
    Task<void> keep_up();
    void stop();

private:
    template <typename T>
    Task<Result<T>> bulk(Executor::Strand strand, std::function<Result<T>()> job) {
        Executor::Terms terms(monotonic_now() + step_time_max, Priority::Bulk);
        co_return co_await executor_.run<T>(std::move(strand), std::move(job), terms);
    }
    template <typename T>
    Task<Result<T>> bulk_write(ShardUse use, std::function<Result<T>(shard::Shard&)> work) {
        if (!serves(use->id)) co_return moved_away();
        co_return co_await shards_.write<T>(std::move(use), std::move(work),
                                            monotonic_now() + step_time_max, Priority::Bulk);
    }
    // Long work ends here when its slot goes: opening the file again would shut its new owner out.
    bool serves(const CommunityId& community) const {
        return !stopping_ && worker_.owns(process::slot_of(community));
    }
    static Error moved_away() {
        return unavailable("another worker serves this community now; start it again");
    }
    Task<Result<std::vector<FileOnDisk>>> own_files();

    Task<void> check(Tracked task, CommunityId community);
    Task<Result<std::string>> check_records(Tracked task, CommunityId community);
    Task<Result<shard::ShardRoot>> root_of(CommunityId community);
    Task<void> compact(Tracked task, CommunityId community);
    Task<void> rebuild(Tracked task, CommunityId community);

    // upkeep.cpp
    struct Needs {
        bool pruning = false, proof = false;
    };
    Task<void> prune(Tracked task, CommunityId community);
    Task<Result<GlobalTime>> prune_all(Tracked task, CommunityId community);
    Task<Result<shard::PruneStep>> prune_indexed(Tracked task, CommunityId community,
                                                 std::int64_t before_body);
    Task<void> idle_moment();
    Task<Result<void>> prove(CommunityId community);
    Task<void> prove_and_mend(CommunityId community);
    Task<Needs> needs_of(CommunityId community);

    // backups.cpp
    std::string folder_of(const std::string& name) const {
        return settings_.backup_dir + "/" + name;
    }
    std::vector<std::uint16_t> storage_workers() const;
    Task<void> back_up(Tracked task, std::string name);
    Task<Result<shard::Manifest>> back_up_own(Tracked task, std::string folder);
    Task<Result<shard::BackupEntry>> back_up_one(Tracked task, CommunityId community,
                                                 std::string folder);
    Task<Result<shard::BackupEntry>> back_up_node(std::string folder);
    Task<Result<shard::Manifest>> gather(std::string folder, std::vector<std::uint16_t> workers);
    Task<void> restore(Tracked task, std::string name);
    Task<Result<void>> restore_one(Tracked task, std::string folder, shard::BackupEntry entry);
    Task<Result<void>> restore_node(Tracked task, std::string path);

    static constexpr Nanoseconds step_time_max = 60_s;
    pipe::Host& host_;
    Executor& executor_;
    Shards& shards_;
    const Layout& layout_;
    Settings settings_;
    Worker worker_;
    Signal stopped_;
    bool stopping_ = false;
    TaskList tasks_;
    Executor::Strand looking_ = Executor::make_strand("tools");
    Executor::Strand backups_ = Executor::make_strand("backups");
};

}  // namespace warren::storage
