// The community files that are open here, least recently used first out. Each is an actor: writes
// in order on one strand, through the one connection that writes; reads beside them on another.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/pipe/frame.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"
#include "workers/storage/executor.h"
#include "workers/storage/layout.h"

namespace warren::storage {

// What lives on one strand; opened by the first call that needs it.
template <typename T>
struct Cell {
    std::unique_ptr<T> it;
    shard::Check check = shard::Check::None;
};

using Verdicts = std::vector<shard::Verdict>;

// A StoreRecords that waits for its commit.
struct WaitingStore {
    std::vector<ByteView> packets;
    pipe::Frame keep;  // what the views look into
    std::shared_ptr<pipe::Promise<Result<Verdicts>>> promise;
};

// Loop side of an open file. Only the cells' contents belong to the strands.
struct OpenShard {
    OpenShard(const CommunityId& community, Executor& executor)
        : id(community), writes(executor.make_strand()), reads(executor.make_strand()) {}

    CommunityId id;
    Executor::Strand writes, reads;
    std::shared_ptr<Cell<shard::Shard>> writer = std::make_shared<Cell<shard::Shard>>();
    std::shared_ptr<Cell<shard::ShardReader>> reader = std::make_shared<Cell<shard::ShardReader>>();
    // Read by the slot's indexing strand.
    std::shared_ptr<Cell<shard::ShardReader>> indexed =
        std::make_shared<Cell<shard::ShardReader>>();

    std::optional<shard::ShardRoot> root;  // after the last commit
    unsigned users = 0;
    Nanoseconds used_at = 0;
    bool closing = false;

    std::deque<WaitingStore> waiting;
    bool committing = false;
    std::deque<std::shared_ptr<pipe::Promise<bool>>> turns;  // of those who publish
    bool publishing = false;
    bool indexing = false, index_again = false;
    Nanoseconds indexed_at = 0;
};

// Keeps a shard from being closed.
class ShardUse {
public:
    explicit ShardUse(std::shared_ptr<OpenShard> shard) : shard_(std::move(shard)) {
        ++shard_->users;
    }
    ShardUse(const ShardUse& other) : ShardUse(other.shard_) {}
    ShardUse(ShardUse&& other) noexcept : shard_(std::move(other.shard_)) {}
    ShardUse& operator=(ShardUse) = delete;
    ~ShardUse() {
        if (!shard_) return;
        --shard_->users;
        shard_->used_at = monotonic_now();
    }
    OpenShard& operator*() const { return *shard_; }
    OpenShard* operator->() const { return shard_.get(); }
    const std::shared_ptr<OpenShard>& share() const { return shard_; }

private:
    std::shared_ptr<OpenShard> shard_;
};

// The right to allot the next time and predecessor in a shard. Granted in order of asking.
class PublishTurn {
public:
    explicit PublishTurn(ShardUse use) : use_(std::move(use)) {}
    PublishTurn(const PublishTurn&) = delete;
    PublishTurn& operator=(const PublishTurn&) = delete;
    ~PublishTurn();
    Task<bool> take(asio::io_context& loop, Nanoseconds deadline);  // false: the deadline passed

private:
    ShardUse use_;
    bool held_ = false;
};

class Shards {
public:
    struct Limits {
        std::size_t open_max = 64;
        std::uint64_t shard_bytes_max = 0;
    };
    Shards(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics, const Layout& layout,
           Limits limits)
        : loop_(loop), executor_(executor), metrics_(metrics), layout_(layout), limits_(limits) {}

    // Writes of shards opened from now on carry this.
    void set_epoch(const shard::Epoch& epoch) { epoch_ = epoch; }
    ShardUse use(const CommunityId& community);

    template <typename T>
    Task<Result<T>> write(ShardUse use, std::function<Result<T>(shard::Shard&)> work,
                          Nanoseconds deadline) {
        std::function<Result<T>()> job = [opening = opening(*use), cell = use->writer,
                                          work = std::move(work)]() -> Result<T> {
            WARREN_TRY_VOID(ensure_writer(*cell, opening));
            auto out = work(*cell->it);
            settle(*cell, opening);
            return out;
        };
        auto out = co_await executor_.run<T>(use->writes, std::move(job), deadline);
        maintain(*use);
        co_return out;
    }
    template <typename T>
    Task<Result<T>> read(ShardUse use, std::function<Result<T>(shard::ShardReader&)> work,
                         Nanoseconds deadline) {
        auto opened = co_await ensure_open(use, deadline);
        if (!opened) co_return std::move(opened.error());
        std::function<Result<T>()> job = [opening = opening(*use), cell = use->reader, deadline,
                                          work = std::move(work)]() -> Result<T> {
            WARREN_TRY_VOID(ensure_reader(*cell, opening));
            cell->it->set_deadline(deadline);
            return work(*cell->it);
        };
        co_return co_await executor_.run<T>(use->reads, std::move(job), deadline);
    }
    // The writer is there before any reader: it alone brings a file's log and shape up to date.
    Task<Result<void>> ensure_open(ShardUse use, Nanoseconds deadline);

    // Group commit: what is queued while a commit runs goes into the next one.
    Task<Result<Verdicts>> store(ShardUse use, std::vector<ByteView> packets, pipe::Frame keep,
                                 Nanoseconds deadline);

    // Closes the file; `indexing` is the strand that reads `indexed`.
    Task<void> close(std::shared_ptr<OpenShard> shard);
    std::vector<std::shared_ptr<OpenShard>> all() const;
    void on_closing(std::function<Executor::Strand(const CommunityId&)> indexing_strand) {
        indexing_strand_ = std::move(indexing_strand);
    }

    struct Opening {
        std::string path;
        CommunityId community;
        shard::ShardOptions options;
    };
    Opening opening(const OpenShard& shard) const;
    static Result<void> ensure_reader(Cell<shard::ShardReader>& cell, const Opening& opening);

private:
    static Result<void> ensure_writer(Cell<shard::Shard>& cell, const Opening& opening);
    static void settle(Cell<shard::Shard>& cell, const Opening& opening);
    void maintain(const OpenShard& shard);
    void make_room();
    Task<void> commit_waiting(ShardUse use);
    Task<void> commit_group(ShardUse use, std::vector<WaitingStore> group);

    asio::io_context& loop_;
    Executor& executor_;
    pipe::Metrics& metrics_;
    const Layout& layout_;
    Limits limits_;
    shard::Epoch epoch_;
    std::unordered_map<CommunityId, std::shared_ptr<OpenShard>> open_;
    std::function<Executor::Strand(const CommunityId&)> indexing_strand_;
};

}  // namespace warren::storage
