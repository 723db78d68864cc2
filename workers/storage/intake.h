// The shared log in this worker's hands (storage-shard/intake_log.h): entries of all communities
// whose commits ended while the last sync ran share the next one. On the loop; the log's files are
// touched on its strand only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "storage-shard/intake_log.h"
#include "workers/storage/executor.h"
#include "workers/storage/layout.h"
#include "workers/storage/shards.h"
#include "workers/storage/signal.h"

namespace warren::storage {

class Intake {
public:
    struct Limits {
        std::uint64_t log_bytes_max = std::uint64_t{4} << 20;  // then a new one is begun
        std::size_t old_logs_max = 8;  // that wait for their shards; then shards sync themselves
    };
    using Slots = std::vector<std::uint8_t>;
    // `spawn` makes the names of its logs its own.
    Intake(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics, const Layout& layout,
           Shards& shards, std::uint64_t spawn, Limits limits);

    // What was committed to this shard with Durability::Logged survives power loss when this ends:
    // its entry is in the log, or, when the log cannot take it, the shard itself was synced.
    Task<Result<void>> keep(ShardUse use, Bytes entry, Nanoseconds deadline);

    // Brings what dead workers' logs hold for these slots into their shards. Which communities got
    // records that they lacked; `complete`: nothing has to be tried again.
    struct Replayed {
        std::vector<CommunityId> grown;
        bool complete = true;
    };
    Task<Replayed> replay(Slots slots, Nanoseconds deadline);

    // Called when these slots' shards are closed, before another worker may open them.
    Task<void> hand_over(Slots slots, Nanoseconds deadline);
    // The same for all, and this is the end.
    Task<void> finish(Nanoseconds deadline);

private:
    struct Live {
        std::unique_ptr<shard::IntakeLog> log;  // of the strand, but while no job of it is there
        std::set<CommunityId> named;            // not known to be durable without this log
        bool kept_for_others = false;           // they replay what is still named
        bool removed = false;
    };
    struct Waiting {
        CommunityId community;
        Bytes entry;
        std::shared_ptr<pipe::Promise<Result<void>>> promise;
    };
    struct Group;
    using Left = std::shared_ptr<shard::LeftIntake>;

    bool has_room() const;
    std::string next_path();
    void flush();
    void synced(Group& group);
    void rotate();
    Task<void> retire(std::shared_ptr<Live> old);
    Task<void> make_durable(std::shared_ptr<Live> old, std::set<CommunityId> which,
                            Nanoseconds deadline);
    void remove(std::shared_ptr<Live> old);
    void leave_to_others(Live& log) const;

    Task<bool> replay_log(Left left, const Slots& slots, Nanoseconds deadline, Replayed& out);
    Task<Result<std::size_t>> replay_into(CommunityId community, Left left,
                                          std::vector<shard::IntakeEntry> entries,
                                          Nanoseconds deadline);

    asio::io_context& loop_;
    Executor& executor_;
    pipe::Metrics& metrics_;
    const Layout& layout_;
    Shards& shards_;
    std::uint64_t spawn_;
    Limits limits_;
    Executor::Strand strand_;
    std::shared_ptr<Live> live_ = std::make_shared<Live>();
    std::vector<std::shared_ptr<Live>> old_;
    shard::IntakeGroups gone_;  // slots that another worker serves now
    std::vector<Waiting> waiting_;
    std::uint64_t logs_begun_ = 0;
    bool flushing_ = false, ending_ = false;
    Signal changed_;
};

}  // namespace warren::storage
