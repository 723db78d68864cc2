// The community files that are open here, least recently used first out. Each is an actor: writes
// in order on one strand, through the one connection that writes; reads beside them on another.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/pipe/frame.h"
#include "storage-shard/derived.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"
#include "workers/storage/commands.h"
#include "workers/storage/damage.h"
#include "workers/storage/executor.h"
#include "workers/storage/layout.h"
#include "workers/storage/signal.h"

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
    bool pushed = false;
    std::vector<std::uint64_t> sources;  // of each, or none
    pipe::Frame keep;                    // what the views look into
    std::shared_ptr<pipe::Promise<Result<Verdicts>>> promise;
};

// Loop side of a file. Only the cells' contents belong to the strands.
struct OpenShard {
    OpenShard(const CommunityId& community, std::shared_ptr<Signal> signal)
        : id(community), writes(Executor::make_strand(community.hex())),
          reads(Executor::make_strand(community.hex())), freed(std::move(signal)) {}

    CommunityId id;
    Executor::Strand writes, reads;
    std::shared_ptr<Cell<shard::Shard>> writer = std::make_shared<Cell<shard::Shard>>();
    std::shared_ptr<Cell<shard::ShardReader>> reader = std::make_shared<Cell<shard::ShardReader>>();

    std::optional<shard::ShardRoot> root;  // after the last commit
    std::shared_ptr<Signal> freed;         // told when the last use ends
    unsigned users = 0;
    Nanoseconds used_at = 0;
    bool placed = false;  // it is one of the few that may be open
    std::vector<std::shared_ptr<pipe::Promise<bool>>> seeking;  // calls that wait for that
    bool closing = false;
    bool leaving = false;  // its file is being put away

    unsigned calls = 0;  // under way, all of them, and the bytes that they hold
    std::size_t call_bytes = 0;
    std::deque<WaitingStore> waiting;
    std::size_t waiting_records = 0, waiting_bytes = 0;
    Nanoseconds gathering_since = 0;  // 0: no timer runs for what waits
    bool committing = false;          // a commit is queued or runs
    bool maintaining = false;
    bool working = false;                                    // on what changed verdicts left to do
    bool expiring = false;                                   // what waits there too long
    std::deque<std::shared_ptr<pipe::Promise<bool>>> turns;  // of those who publish
    bool publishing = false;
    bool repairing = false, beyond_repair = false;
    bool indexing = false, index_again = false;
    std::optional<shard::IndexMark> indexed_to;
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
        shard_->used_at = monotonic_now();
        if (--shard_->users == 0) shard_->freed->notify();
    }
    OpenShard& operator*() const { return *shard_; }
    OpenShard* operator->() const { return shard_.get(); }
    const std::shared_ptr<OpenShard>& share() const { return shard_; }

private:
    std::shared_ptr<OpenShard> shard_;
};

// One call's share of what a shard may have under way.
class Guest {
public:
    Guest(ShardUse use, std::size_t bytes) : use_(std::move(use)), bytes_(bytes) {
        ++use_->calls;
        use_->call_bytes += bytes_;
    }
    Guest(Guest&& other) noexcept = default;
    Guest& operator=(Guest) = delete;
    ~Guest() {
        if (!use_.share()) return;
        --use_->calls;
        use_->call_bytes -= bytes_;
    }

private:
    ShardUse use_;
    std::size_t bytes_;
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
        int cache_kib = 256;  // of one connection
    };
    using Committed =
        std::function<void(const ShardUse&, std::size_t records, const shard::ShardRoot&)>;
    Shards(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics, const Layout& layout,
           Limits limits);

    // Writes of shards opened from now on carry this.
    void set_epoch(const shard::Epoch& epoch) { epoch_ = epoch; }
    // The waiting rooms' share of what the node may have waiting.
    void set_processes(std::size_t count) { waiting_->set_processes(count); }
    std::size_t waiting_bytes() const { return waiting_->bytes(); }
    ShardUse use(const CommunityId& community);
    // Fails at once when the shard's disk does not keep up with what was asked of it already.
    Result<Guest> admit(const ShardUse& use, std::size_t bytes = 0);

    template <typename T>
    Task<Result<T>> write(ShardUse use, std::function<Result<T>(shard::Shard&)> work,
                          Nanoseconds deadline, Priority priority = Priority::Interactive) {
        auto guest = admit(use);
        if (!guest) co_return std::move(guest.error());
        auto opened = co_await ensure_open(use, deadline, priority);
        if (!opened) co_return std::move(opened.error());
        std::function<Result<T>()> job = [opening = opening(*use), cell = use->writer,
                                          work = std::move(work)]() -> Result<T> {
            WARREN_TRY_VOID(ensure_writer(*cell, opening));
            auto out = work(*cell->it);
            settle(*cell, opening);
            return out;
        };
        Executor::Terms terms(deadline, priority);
        auto out = co_await executor_.run<T>(use->writes, std::move(job), terms);
        if (!out) note_damage(use, out.error());
        maintain(use);
        co_return out;
    }
    template <typename T>
    Task<Result<T>> read(ShardUse use, std::function<Result<T>(shard::ShardReader&)> work,
                         Nanoseconds deadline) {
        auto guest = admit(use);
        if (!guest) co_return std::move(guest.error());
        Executor::Terms terms(deadline);
        co_return co_await read_behind<T>(use, std::move(work), terms);
    }
    // A read that no caller asked for is not counted among theirs.
    template <typename T>
    Task<Result<T>> read_behind(ShardUse use, std::function<Result<T>(shard::ShardReader&)> work,
                                Executor::Terms terms) {
        auto opened = co_await ensure_open(use, terms.deadline, terms.priority);
        if (!opened) co_return std::move(opened.error());
        std::function<Result<T>()> job = [opening = opening(*use), cell = use->reader,
                                          deadline = terms.deadline,
                                          work = std::move(work)]() -> Result<T> {
            WARREN_TRY_VOID(ensure_reader(*cell, opening));
            cell->it->set_deadline(deadline);
            return work(*cell->it);
        };
        auto out = co_await executor_.run<T>(use->reads, std::move(job), terms);
        if (!out) note_damage(use, out.error());
        co_return out;
    }
    // The writer is there before any reader: it alone brings a file's log and shape up to date.
    Task<Result<void>> ensure_open(ShardUse use, Nanoseconds deadline,
                                   Priority asker = Priority::Interactive);

    // All that was committed to this shard so far survives power loss when this ends. A file that
    // is closed was left so.
    Task<Result<void>> make_durable(ShardUse use, Nanoseconds deadline, Priority priority);

    // A checkpoint when the file lacks so many of the log's pages. Writes wait for no disk.
    Task<Result<void>> shorten_log(ShardUse use, int pages);

    // Group commit: at 1,000 records, 256 kB or 50 ms; at once when nothing else is to be done.
    Task<Result<Verdicts>> store(ShardUse use, StoreRecords records, Nanoseconds deadline);
    // Of a shard, on the loop: verdicts changed and left work behind, authors' lines forked,
    // records wait or do so no longer.
    struct News {
        CommunityId community;
        bool has_work = false;
        std::vector<shard::ForkProof> forks;
        std::vector<shard::JudgedAgain> judged_again;
        bool has_waiting = false;  // records of others wait there
    };
    using OnNews = std::function<void(News)>;
    void on_news(OnNews then) { told_ = std::move(then); }
    // After each commit of stored records, also when those who sent them have given up.
    void on_committed(Committed then) { committed_ = std::move(then); }

    Task<void> close(std::shared_ptr<OpenShard> shard);
    // Closes it when its calls have ended; false: its disk hangs, or the deadline passed.
    Task<bool> retire(std::shared_ptr<OpenShard> shard, Nanoseconds deadline);
    std::vector<std::shared_ptr<OpenShard>> all() const;
    // damage.cpp: has the file rebuilt, if the error says that it is damaged.
    void note_damage(const ShardUse& use, const Error& error);
    // Puts the file aside and makes one from its good rows; calls wait meanwhile.
    Task<Result<shard::Rebuilt>> rebuild(ShardUse use, std::string fault);
    void on_damage(OnDamage then) { damaged_ = std::move(then); }
    OnDamage reporter() const;  // for pool threads: tells it on the loop
    OnNews news_reporter() const;

    struct Opening {
        std::string path;
        CommunityId community;
        shard::ShardOptions options;
        OnDamage on_damage;
        OnNews on_news;  // from the strand's thread
    };
    Opening opening(const OpenShard& shard) const;

private:
    struct Group;
    // A shard that calls wait for.
    struct Seeker {
        std::shared_ptr<OpenShard> shard;
        bool for_people = false;
        Nanoseconds since = 0;
    };
    struct Gathering {
        ShardUse use;
        Nanoseconds since = 0;
    };
    static Result<void> ensure_writer(Cell<shard::Shard>& cell, const Opening& opening);
    static Result<void> ensure_reader(Cell<shard::ShardReader>& cell, const Opening& opening);
    static void settle(Cell<shard::Shard>& cell, const Opening& opening);
    void maintain(const ShardUse& use);
    Task<void> keep_log_short(ShardUse use);
    Task<Result<void>> checkpoint(ShardUse use, int pages);
    Task<Result<void>> move_log(ShardUse use, std::shared_ptr<std::optional<shard::LogPin>> pin,
                                Executor::Terms terms);
    void forget_unplaced();
    Task<Result<void>> close_cell(Executor::Strand strand, std::function<void()> reset,
                                  Nanoseconds deadline);
    void begin_closing(OpenShard& shard);
    Task<void> finish_closing(std::shared_ptr<OpenShard> shard);

    // places.cpp
    Task<bool> take_place(ShardUse use, Nanoseconds deadline, Priority asker);
    Task<void> give_places();
    bool give_next();
    void place(OpenShard& shard);
    void unplace(OpenShard& shard);
    void stop_seeking(const std::shared_ptr<OpenShard>& shard);
    std::size_t hung() const;
    bool close_unused();

    // commits.cpp
    void gather(const ShardUse& use);
    void gathered();
    void commit_oldest();
    void commit(const ShardUse& use);
    static void take_group(OpenShard& shard, Group& group);
    static void store_group(Cell<shard::Shard>& cell, const Opening& opening, Group& group);
    void answer(const ShardUse& use, Group& group);

    asio::io_context& loop_;
    Executor& executor_;
    pipe::Metrics& metrics_;
    const Layout& layout_;
    Limits limits_;
    shard::Epoch epoch_;
    std::shared_ptr<shard::WaitingLedger> waiting_;
    OnDamage damaged_;
    OnNews told_;
    std::unordered_map<CommunityId, std::shared_ptr<OpenShard>> open_;
    std::size_t placed_ = 0, closing_ = 0;
    std::deque<Seeker> seekers_;  // in order of asking
    bool giving_ = false;
    std::shared_ptr<Signal> freed_;
    std::deque<Gathering> gathering_;  // oldest first
    asio::steady_timer gathered_;
    bool timing_ = false;
    Committed committed_;
};

}  // namespace warren::storage
