// Listings, full text and authors: one derived file per slot, written behind the commits on the
// slot's strand, read beside it. A question to all slots is asked of all at once. Listings cover
// all slots, also those of other workers, whose files are only read.
#pragma once

#include <bitset>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "storage-shard/derived.h"
#include "storage-shard/derived_reader.h"
#include "storage-shard/search_rank.h"
#include "storage-shard/swarm_health.h"
#include "workers/storage/commands.h"
#include "workers/storage/executor.h"
#include "workers/storage/layout.h"
#include "workers/storage/listings.h"
#include "workers/storage/shards.h"

namespace warren::storage {

inline constexpr std::size_t index_step_records = 512;
inline constexpr std::size_t removal_step_records = 128;  // words cost more to take out

using SlotSet = std::bitset<process::slot_count>;

struct SearchResult {
    std::vector<RankedTorrent> torrents;  // best first
    bool complete = true;                 // false: a slot did not answer in time
    SlotSet slots;                        // that were asked
};
struct AuthorRecords {
    std::optional<protocol::PublicKey> key;
    std::uint64_t records = 0, forks = 0;
    std::vector<shard::AuthoredRecord> rows;
    bool more = false;
    bool complete = true;
    SlotSet slots;  // that were asked
};

class Slots {
public:
    using Numbers = std::vector<std::uint8_t>;
    struct CacheKib {  // of one connection
        int writer = 256, reader = 256;
    };
    Slots(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics, const Layout& layout,
          CacheKib cache);

    // Bringing a community's listings up to date: how far they are, and one step with what its
    // file holds behind that. The file is read elsewhere: its disk may hang.
    Task<Result<shard::IndexMark>> mark(CommunityId community, Executor::Terms terms);
    Task<Result<shard::CaughtUp>> catch_up(CommunityId community, shard::Unindexed read,
                                           Executor::Terms terms);
    // Takes a community out in bounded steps; with IndexAgain the next catch_up starts from the
    // first record: how a community's part is rebuilt.
    Task<Result<void>> forget(CommunityId community, shard::Derived::Then then,
                              Nanoseconds deadline);

    // What is listed of records that pruning may have taken, a part at a time; and taking out those
    // that it took (shard::only_gone).
    Task<Result<std::vector<shard::WrittenRow>>> written_below(CommunityId community,
                                                               GlobalTime floor,
                                                               shard::WrittenRow after,
                                                               Executor::Terms terms);
    // What left the file, was undone or was brought back. True: all of it is to be indexed anew.
    Task<Result<bool>> relist(CommunityId community, std::vector<shard::Relisted> changed,
                              Executor::Terms terms);
    Task<Result<void>> remove(CommunityId community, std::vector<shard::WrittenRow> rows,
                              Executor::Terms terms);

    // channels.cpp: what channels hold beside torrents, as it is shown
    Task<Result<shard::ItemPage>> items(CommunityId community, shard::ItemQuestion question,
                                        Nanoseconds deadline);
    // The payloads of the edits that count, for each of these torrents.
    using Edits = std::vector<std::optional<Bytes>>;
    Task<Result<Edits>> torrent_edits(CommunityId community, std::vector<RecordRef> torrents,
                                      Nanoseconds deadline);
    // A record that is shown: its edit, and the torrents that it stands for.
    struct Shown {
        std::optional<shard::ItemRow> item;
        std::vector<shard::FoundTorrent> torrents;
    };
    Task<Result<Shown>> shown(CommunityId community, RecordRef ref, Nanoseconds deadline);
    // What a member says of channels.
    Task<Result<std::vector<shard::Said>>> said_by(protocol::PublicKey author,
                                                   Nanoseconds deadline);

    Task<Result<SearchResult>> search(Numbers slots, SearchQuestion question, Nanoseconds deadline);
    Task<Result<AuthorRecords>> author(Numbers slots, MemberId member,
                                       std::optional<shard::AuthorCursor> after, std::size_t limit,
                                       Nanoseconds deadline);
    // `own`: slots whose every change passes through here; others are looked at each time.
    Task<Result<ChannelPage>> channels(const Numbers& own, ChannelQuestion question,
                                       Nanoseconds deadline);
    // All that the directory announces.
    Task<Result<std::vector<shard::ListedChannel>>> announced(Nanoseconds deadline);
    // Names and counts of communities, as far as they are indexed.
    struct Described {
        CommunityId community;
        std::string name;
        std::uint64_t records = 0;
    };
    Task<Result<std::vector<Described>>> describe(std::vector<CommunityId> communities,
                                                  Nanoseconds deadline);
    Task<void> close(std::uint8_t slot);
    // Which of these have an index. Of others all is to be indexed.
    Task<std::set<std::uint8_t>> present(Numbers slots, Nanoseconds deadline);
    // Has the listings know what these slots hold now. Follows each step of indexing, so that who
    // asks for a listing waits for none.
    Task<void> list(Numbers slots, Nanoseconds deadline);
    // Some index turned out to be damaged, perhaps another worker's. Its own worker begins it anew.
    void on_damage(std::function<void(std::uint8_t)> tell) { tell_damaged_ = std::move(tell); }
    Task<Result<void>> begin_anew(std::uint8_t slot);
    // An index that could not be opened was begun anew: all of its slot is to be indexed.
    void on_replaced(std::function<void(std::uint8_t)> tell) { tell_replaced_ = std::move(tell); }

    // By score, so many at most.
    SearchResult ranked(std::vector<shard::FoundTorrent> found, std::size_t limit) const;

    // Kept in memory: it is told again every minute, and out of date after days.
    shard::SwarmHealths& swarms() { return swarm_healths_; }
    std::optional<shard::Health> health_of(const Infohash& infohash) const;
    // Those that torrents of this community have.
    Task<Result<std::vector<Infohash>>>
    swarms_in(CommunityId community, std::vector<Infohash> infohashes, Nanoseconds deadline);
    // Which edit counts, for each of these torrents.
    using EditRefs = std::vector<std::optional<RecordRef>>;
    Task<Result<EditRefs>> torrent_edit_refs(CommunityId community, std::vector<RecordRef> torrents,
                                             Nanoseconds deadline);

private:
    struct Slot {
        Executor::Strand writes, reads;
        std::shared_ptr<Cell<shard::Derived>> derived;
        std::shared_ptr<Cell<shard::DerivedReader>> reader;
        bool listed = false;  // the listings follow it: who writes has them look (list)
        Nanoseconds damaged_at = 0;
    };
    template <typename T>
    Task<Result<T>> read(std::uint8_t slot, std::function<Result<T>(shard::DerivedReader&)> work,
                         Nanoseconds deadline);
    template <typename T>
    Task<Result<T>> write(std::uint8_t slot, std::function<Result<T>(shard::Derived&)> work,
                          Executor::Terms terms);
    void note_damage(std::uint8_t slot, const Error& error);
    void note_replaced(std::uint8_t slot, const Error& why);
    Task<void> refresh(const Numbers& own, Nanoseconds deadline);
    using FoundBySlot = std::map<std::uint8_t, shard::Found>;
    Task<Result<bool>> search_once(Numbers slots, const SearchQuestion& question,
                                   shard::SearchBounds bounds, FoundBySlot& into);
    using SwarmsBySlot = std::map<std::uint8_t, std::vector<Infohash>>;
    SwarmsBySlot alive_swarms(const Numbers& slots) const;

    asio::io_context& loop_;
    Executor& executor_;
    pipe::Metrics& metrics_;
    const Layout& layout_;
    CacheKib cache_;
    std::vector<Slot> slots_;
    Listings listings_;
    std::function<void(std::uint8_t)> tell_damaged_, tell_replaced_;
    shard::SwarmHealths swarm_healths_;
};

}  // namespace warren::storage
