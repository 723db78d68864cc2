// One community is one file, written through one connection: this one. Decides what becomes of a
// record (the signature was checked before), allots time and predecessor to records of this node,
// and keeps the range sums. All calls block; one thread at a time (the shard's strand).
//
// The file holds what is accepted or undone, and the sums cover just that. A record that takes
// rights back makes others leave, in steps (verdicts.cpp); one that gives lets in those that wait.
#pragma once

#include <algorithm>
#include <bitset>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/community/fork.h"
#include "protocol/community/proof_request.h"
#include "protocol/record.h"
#include "storage-shard/author_rates.h"
#include "storage-shard/checkpoint.h"
#include "storage-shard/epoch_sums.h"
#include "storage-shard/intake_log.h"
#include "storage-shard/retention.h"
#include "storage-shard/shard_file.h"
#include "storage-shard/sqlite.h"
#include "storage-shard/undone.h"
#include "storage-shard/waiting_room.h"

namespace warren::shard {

// Known: it is here, or was and is not wanted again. NotStored: not now; it will come again.
enum class Verdict { Accepted, Known, Waiting, Refused, NotStored };

// Somebody's packet, and what bounds it.
struct Incoming {
    ByteView packet;
    bool pushed = false;       // nobody asked for it: its author's rate binds it (R-C1)
    std::uint64_t source = 0;  // a number of the net that it came from; zero: from nobody outside
    Nanoseconds since = 0;     // when it came, if it waited before
};

// What became of a record, and the records that say so.
struct Explanation {
    enum class State { Accepted, Undone, Waiting, Refused, Unknown };
    State state = State::Unknown;
    std::vector<RecordRef> because;
};
struct Governance {
    std::optional<Founder> founder;
    std::optional<RecordRef> end;  // the record that ended the community
    std::vector<protocol::Standing> standings;
};
// What became of a record that waited, when it was judged again.
struct JudgedAgain {
    RecordRef ref;
    Verdict verdict = Verdict::Waiting;
    Bytes packet;  // if it is let in, and nobody had asked for it
};
struct ForkProof {
    protocol::PublicKey author;
    Bytes proof;  // protocol/community/fork.h
    enum class Found { AtCommit, ByIndex } found = Found::AtCommit;
};

struct ShardOptions {
    Epoch epoch;  // of the opener; an older one is refused, also later
    std::uint64_t bytes_max = std::uint64_t{256} << 20;
    // After a failed write the file is proven before it is trusted again.
    Check check = Check::None;
    std::int64_t unix_s = 0;                           // now; chooses the epoch of the sums
    int cache_kib = 1024;                              // memory for pages, of the connection
    std::shared_ptr<WaitingLedger> waiting = nullptr;  // which all shards of a process share
};

struct PublishRequest {
    RequestId id;
    protocol::RecordKind kind = protocol::RecordKind::Torrent;
    protocol::PublicKey author;
    ByteView payload;
    std::optional<protocol::PublicKey> second = std::nullopt;  // of a record of two members
};
struct PreparedPublish {
    std::optional<RecordRef> done;  // this request was committed before: nothing to sign
    Bytes to_sign;
};

struct ShardRoot {
    std::uint64_t count = 0;
    GlobalTime newest = 0;
    protocol::RangeSum sum;
    protocol::SyncEpoch epoch = 0;  // that the sum is keyed by
    GlobalTime floor = 0;
};

// The keys of those records that are never pruned.
class LastingKeys final : public KeySource {
public:
    LastingKeys(Connection& connection, std::optional<Error>& error)
        : connection_(connection), error_(error) {}
    Result<void> prepare();
    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    Result<void> scan(const std::function<void(const RecordRef&)>& visit) override;

private:
    Connection& connection_;
    std::optional<Error>& error_;
    Statement refs_;
};

class Shard final : private KeySource {
public:
    // Makes the file under a temporary name and renames it, so that it exists whole or not at all.
    // Exists: somebody was faster.
    static Result<void> create(const std::string& path, const CommunityId& community,
                               const std::optional<Founder>& founder);
    static Result<std::unique_ptr<Shard>>
    open(const std::string& path, const CommunityId& community, const ShardOptions& options);
    // What was made by a scan is left in the file for whoever opens it next; the first commit after
    // that takes it out again. Before closing. Of fewer records a scan costs less than this.
    static constexpr std::uint64_t sums_worth_saving = 20'000;
    Result<void> save_sums(std::uint64_t records_least = sums_worth_saving);
    // For a file that is put away: one file afterwards, no log beside it.
    Result<void> checkpoint_for_close();

    // One commit. A verdict for each packet, in their order; an error means that none was stored.
    Result<std::vector<Verdict>> store(std::span<const Incoming> incoming, Durability durability);
    Result<std::vector<Verdict>> store(std::span<const ByteView> packets, Durability durability);

    // Verdicts that changed leave work behind: records that are not allowed any more leave the
    // file, those that are let in come. One step of it; true: there is more. What a crash leaves
    // of it is found again.
    bool has_work() const { return sweep_.has_value() || !released_.empty(); }
    Result<bool> work(const PruneBudget& budget);
    // Listings have looked at these again (ShardReader::relisted).
    Result<void> forget_relisted(std::int64_t number_max);

    // explain.cpp: who may do what, and why.
    Governance governance() const;
    Result<Explanation> explain(const RecordRef& ref);
    // The founding record and those that decide the answers, oldest first; those at the end stay
    // out when there is no room. Whoever lacks them comes to the same verdicts with them.
    Result<std::vector<Bytes>> prove(std::span<const protocol::Question> questions,
                                     std::span<const RecordRef> stored, std::size_t bytes_max);
    Result<std::optional<Bytes>> packet(const RecordRef& ref);
    const WaitingRoom& waiting_room() const { return room_; }
    // Of others what waits too long goes. True: some of theirs still wait.
    bool expire_waiting(Nanoseconds now) { return room_.expire(now); }
    // Those that waited and were judged again since the last call.
    std::vector<JudgedAgain> take_judged_again() { return std::exchange(judged_again_, {}); }

    // Publishing in two steps, for signing happens elsewhere. One publish at a time per shard.
    Result<PreparedPublish> prepare_publish(const PublishRequest& request);
    Result<RecordRef> commit_publish(const RequestId& request, ByteView packet, std::int64_t now_ms,
                                     Durability durability = Durability::Synced);
    // A record that was prepared leaves this node before it is complete: what its author writes
    // next follows it, also after power loss.
    Result<void> reserve(const protocol::PublicKey& author, const RecordRef& ref);
    // What would become of it; signatures are not looked at.
    Result<Verdict> preview(ByteView packet);
    // Would a record, whose signature was checked, be shown if it were here? Floors do not matter.
    struct Showing {
        bool allowed = false, here = false;
    };
    Result<Showing> showing(const protocol::RecordView& record);
    // What the shared log kept of commits to this file; what is there stays as it is. How many
    // records were not there. All is on the disk afterwards.
    Result<std::size_t> replay(std::span<const IntakeEntry> entries);
    // So is what was committed without a sync.
    Result<void> make_durable() { return watched(connection_.sync_log()); }

    // As after the last commit, in the epoch that was last asked for.
    ShardRoot root() const {
        return {sums_.total().count, newest_, sums_.total(), sums_.epoch(), floor_};
    }
    // Keyed anew when another epoch began.
    Result<ShardRoot> root_at(std::int64_t unix_s);
    Result<protocol::RangeView*> ranges(protocol::SyncEpoch epoch, std::int64_t unix_s);
    // Reads of ranges() cannot return errors; they are kept here. Taken once.
    std::optional<Error> take_range_error() { return std::exchange(range_error_, std::nullopt); }

    const std::optional<Founder>& founder() const { return founder_; }
    // Records before this time were pruned and are not taken again (retention.h). 0: none was.
    GlobalTime floor() const { return floor_; }
    // This community's own rule; none: that of the settings.
    Result<std::optional<Retention>> retention() { return read_retention(connection_); }
    Result<void> set_retention(const std::optional<Retention>& rule);
    // Of the shard that this one is restored from.
    Result<void> adopt_floor(GlobalTime floor);
    // All of its records were proven.
    Result<void> note_checked(std::int64_t now_ms);
    // One step of what the rule asks for; call again while there is more.
    Result<PruneStep> prune(const Retention& rule, std::int64_t now_ms, const PruneBudget& budget);
    // One step of giving free pages back to the file system; true: there are more.
    Result<bool> shrink(std::size_t pages);
    // True after a write failed in the file system: close, open again with Check::Quick.
    bool failed() const { return failed_; }
    // Records that cannot lie on one line with another one of their author, seen since open: shown,
    // not punished.
    std::uint64_t forks() const { return forks_; }
    // The proofs that were kept since the last call: of each author the first one.
    // Of pairs that the index of authors found to name one predecessor.
    Result<void> prove_forks(std::span<const std::pair<RecordRef, RecordRef>> forks);
    std::vector<ForkProof> take_new_forks() { return std::exchange(new_forks_, {}); }
    // Checkpoints when the log has grown to so many pages; call after answering.
    static constexpr int log_pages_max = 4000;
    Result<void> maintain(int log_pages = log_pages_max);
    int log_pages() const { return connection_.log_pages(); }
    int unmoved_pages() const { return connection_.unmoved_pages(); }
    // Its part of a checkpoint that waits for no disk (checkpoint.h).
    Result<void> move_log(const LogPin& pin);
    // That checkpoint's last sync failed: as after a failed write.
    void distrust();

private:
    struct Stored {
        RecordRef ref;
        std::int64_t body = 0;
        IntactRecord record;
    };
    // What a commit is to add; rows that turn out to be there leave it.
    struct Row {
        const protocol::RecordView* record;
        ByteView packet;
        std::size_t place;  // among the packets
        std::int64_t body;
    };
    // A walk over what was stored before rights were taken.
    struct Sweep {
        RecordRef next;
        std::bitset<256> kinds;  // and control records
    };
    struct Batch {
        std::vector<Row> rows;
        std::vector<Row> known;      // were there already, or newer ones are
        std::vector<Stored> gone;    // leave the file
        std::optional<Sweep> sweep;  // what is left to be looked at after it
        bool forks = false;          // proofs were written
        bool founds = false;
        protocol::Permissions::Effects effects;
    };
    struct Judged {
        Verdict verdict = Verdict::Refused;
        std::optional<protocol::Claim> claim;  // none: wrong for ever, or no need to know
    };

    Shard(const CommunityId& community, Connection connection);
    enum class LastOpener { ClosedIt, LeftALog };
    Result<void> load(const std::string& path, const ShardOptions& options, LastOpener last);
    Result<void> prepare_statements();
    Result<Transaction> begin(Durability durability);
    Result<std::vector<Verdict>> store_all(std::span<const Incoming> incoming,
                                           Durability durability);
    struct Decoded {
        protocol::RecordView record;
        std::size_t place = 0;  // among what came
    };
    void judge_all(std::span<const Decoded> records, std::span<const Incoming> incoming,
                   Batch& batch, std::vector<Verdict>& verdicts);
    Result<RecordRef> commit_one(const IntakePublication& publication, ByteView packet,
                                 Durability durability);
    Result<void> keep_promise(const IntakePublication& publication,
                              const protocol::RecordView& record);
    Result<std::size_t> replay_all(std::span<const IntakeEntry> entries);
    template <typename T>
    Result<T> watched(Result<T> result);

    Result<void> insert(Batch& batch);
    Result<void> insert_keys(std::span<const Row> rows);
    Result<void> insert_bodies(std::span<const Row> rows);
    Result<void> write(Batch& batch);
    void apply(Batch& batch);
    Result<void> write_founder(const Batch& batch);

    // verdicts.cpp
    Result<void> load_rules();
    Result<void> catch_up_with_file();
    Judged judge(const protocol::RecordView& record) const;
    Judged permission(const protocol::RecordView& record) const;
    bool found(const protocol::RecordView& record);
    void take_effect(const Judged& judged, Batch& batch);
    void wait(const Judged& judged, const protocol::RecordView& record, const Incoming& from);
    std::optional<Sweep> swept_after(const protocol::Permissions::Effects& effects) const;
    Result<void> write_sweep(const std::optional<Sweep>& sweep);
    Result<bool> sweep_step(const PruneBudget& budget);
    Result<std::vector<Stored>> find_doomed(Sweep& sweep, const PruneBudget& budget, bool& more);
    bool may_stay(const protocol::RecordView& record) const;
    Error not_allowed(const Judged& judged) const;

    // leaving.cpp
    Result<void> note_undos(const Batch& batch);
    Result<void> supersede(Batch& batch);
    Result<std::optional<Stored>> stored(const RecordRef& ref);
    Result<void> remove(std::span<const Stored> gone);
    Result<void> relist(const RecordRef& ref, const protocol::RecordView& record);
    void forget(std::span<const Stored> gone);

    // forks.cpp
    Result<void> note_authors(Batch& batch);
    Result<void> note_author(const Row& row, Batch& batch);
    Result<void> keep_fork(const Row& row, const RecordRef& other, Batch& batch);
    Result<bool> wants_fork(const protocol::PublicKey& author);
    Result<bool> write_fork(ByteView one, ByteView other, ForkProof::Found found);

    Result<std::optional<RecordRef>> earlier_result(const RequestId& request);
    Result<RecordRef> own_head(const protocol::PublicKey& author);
    Result<RecordRef> find_newest_of(const protocol::PublicKey& author);
    Result<GlobalTime> advance_clock();

    // prune.cpp
    struct Excess {
        GlobalTime clock = 0;   // nothing beyond it goes
        GlobalTime before = 0;  // what is older than this is too old
        std::uint64_t records = 0, bytes = 0;
        bool none() const { return before == 0 && records == 0 && bytes == 0; }
        bool takes(const RecordRef& ref) const {
            return ref.time < before || records > 0 || bytes > 0;
        }
        void reduce(std::uint64_t size) {
            records -= records > 0 ? 1 : 0;
            bytes -= std::min(bytes, size);
        }
    };
    struct Oldest {
        RecordRef ref;
        std::int64_t body = 0;
    };
    Result<PruneStep> prune_step(const Retention& rule, std::int64_t now_ms,
                                 const PruneBudget& budget);
    Result<GlobalTime> age_limit(const Retention& rule, std::int64_t now_ms);
    Result<Excess> excess_of(const Retention& rule, std::int64_t now_ms);
    Result<std::uint64_t> bytes_in_use();
    Result<std::vector<Oldest>> oldest(GlobalTime clock, const PruneBudget& budget);

    std::vector<RecordRef> refs(const protocol::SyncRange& range, std::size_t limit) override;
    Result<void> scan(const std::function<void(const RecordRef&)>& visit) override;

    CommunityId community_;
    const protocol::CommunityType& type_;
    bool is_directory_;
    Connection connection_;
    Statement insert_key_, insert_keys_, find_key_, insert_body_, insert_bodies_;
    Statement refs_, newest_between_;
    Statement find_request_, insert_request_, prune_requests_, find_head_, put_head_;
    Statement find_packed_, remove_key_, remove_body_, put_relist_;
    Undone undone_;
    std::optional<Fence> fence_;
    std::optional<Founder> founder_;
    std::optional<Error> range_error_;
    LastingKeys lasting_keys_{connection_, range_error_};
    EpochSums sums_;
    std::int64_t last_body_ = 0;
    std::optional<protocol::SyncEpoch> saved_sums_;  // of which epoch they are in the file
    GlobalTime newest_ = 0;
    GlobalTime clock_ = 0;
    GlobalTime floor_ = 0;
    std::unordered_map<protocol::PublicKey, RecordRef, PublicKeyHash> own_heads_;
    // Of authors seen since open; bounded.
    std::unordered_map<protocol::PublicKey, protocol::Link, PublicKeyHash> heads_;
    std::uint64_t forks_ = 0;
    std::vector<ForkProof> new_forks_;

    // What the control records of the file say; null while nobody is known to have founded it.
    std::unique_ptr<protocol::Permissions> permissions_;
    bool ahead_ = false;     // memory knows of records that were not committed after all
    bool has_last_ = false;  // the type has kinds of which only the newest of an author stay
    std::optional<Sweep> sweep_;
    WaitingRoom room_;
    std::vector<WaitingRoom::Guest> released_;  // to be stored in the next step
    std::vector<JudgedAgain> judged_again_;
    AuthorRates rates_;
    bool failed_ = false;
};

// A write that the file system failed says nothing about what is in the file: trust ends here
// (R-D4).
template <typename T>
Result<T> Shard::watched(Result<T> result) {
    if (!result && is_of_the_disk(result.error())) distrust();
    return result;
}

}  // namespace warren::shard
