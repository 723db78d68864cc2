// What can be made again from the community files: listings, full text, who wrote what; one file
// per slot. Never part of a record's commit: it follows behind in bounded steps, and a mark per
// community says how far it came. This is the writing side; derived_reader.h reads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "protocol/community/message_type.h"
#include "protocol/record.h"
#include "storage-shard/shard_reader.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

// Full text is kept in volumes of so many torrents each: what one query of SQLite can cost is
// bounded by the volume, and the time is looked at between volumes.
inline constexpr std::int64_t volume_rows = 32'768;

struct AnnouncedChannel {
    CommunityId channel;
    Founder founder;
    std::string name;
};
// How far a community is indexed: up to this record.
struct IndexMark {
    std::int64_t body = 0;
    RecordId record;
    bool removing = false;  // its part is being taken out, and begun again
    bool operator==(const IndexMark&) const = default;
};
// What a community's file holds behind a mark. Read apart from the derived file, so that a disk
// that hangs under one community stops no other's index.
struct Unindexed {
    IndexMark after;
    bool lost = false;  // the file has that record no more
    std::vector<StoredBody> bodies;
    bool more = false;
};
Result<Unindexed> read_unindexed(ShardReader& shard, const IndexMark& after, std::size_t records);

// Of a volume; and of what is searched without one (foreign_search.h).
inline constexpr std::string_view words_form =
    "fts5(title, file_names, tags, channel, prefix = '2 3', columnsize = 0, "
    "tokenize = \"unicode61 remove_diacritics 2\")";

// The head of an id, as a number: enough to tell an author's own records apart.
std::int64_t head_of(const RecordId& id);
// A record as its author's line knows it, of one community; also where a look at these goes on.
struct WrittenRow {
    std::int64_t author = 0;
    std::int64_t prev_time = 0, prev = 0;
    RecordRef ref;
};
// Of these, those that the community's file holds no more.
Result<std::vector<WrittenRow>> only_gone(ShardReader& shard, std::vector<WrittenRow> rows);

struct CaughtUp {
    bool more = false;
    std::size_t records = 0;                  // indexed in this step
    IndexMark mark;                           // after it
    std::vector<AnnouncedChannel> announced;  // in this step; for those who follow them
    // Two records of one author that name the same predecessor, of which the later came in this
    // step.
    std::vector<std::pair<RecordRef, RecordRef>> forks;
};
// What a verdict changed of a record: shown from now on, by its packet; or (empty) no longer.
struct Judged {
    RecordRef ref;
    Bytes packet;
};
// How long one step may be: whichever ends first.
struct Slice {
    std::size_t records = 256;
    Nanoseconds until = 0;  // 0: however long it takes
};

// One thread at a time (the slot's strand).
class Derived {
public:
    // A damaged file, or one of another version, is thrown away and begun again; `replaced` is told
    // why. All that belongs into it is to be indexed then.
    using OnReplaced = std::function<void(const Error& why)>;
    static Result<std::unique_ptr<Derived>> open(const std::string& path,
                                                 const OnReplaced& replaced = {});
    // Is there one that opens? Else it is made anew, and all that belongs into it is to be indexed.
    static bool is_there(const std::string& path);
    Result<void> set_cache_kib(int kib) { return connection_.set_cache_kib(kib); }

    Result<IndexMark> mark(const CommunityId& community);
    // Indexes what was read; nothing, when the mark is another by now. Starts over by itself when
    // the community's file lost what was indexed (a power cut may take unsynced records).
    Result<CaughtUp> catch_up(const CommunityId& community, const Unindexed& read,
                              const Slice& slice);
    // All of that, for those who may wait for both files.
    Result<CaughtUp> catch_up(const CommunityId& community, ShardReader& shard, const Slice& slice);
    // Of records that may be indexed by now, or not; twice is once. True: what it changed has the
    // community indexed anew, by catch_up.
    Result<bool> judge(const CommunityId& community, const std::vector<Judged>& judged);
    // The same of what its file says (ShardReader::relisted); authors forget what left it.
    Result<bool> relist(const CommunityId& community, const std::vector<Relisted>& changed);
    // Takes out what is known of a community, for good or to be indexed anew; true: call again.
    enum class Then { Gone, IndexAgain };
    Result<bool> forget(const CommunityId& community, Then then, std::size_t rows);
    // What is indexed of records that pruning may take: those of this community from before a
    // floor, behind one of them (from the first: none). So many at most, and the end when fewer.
    Result<std::vector<WrittenRow>> written_below(const CommunityId& community, GlobalTime floor,
                                                  const WrittenRow& after, std::size_t rows);
    // Takes these out where they lie; all else is found as before.
    Result<void> remove(const CommunityId& community, const std::vector<WrittenRow>& rows);
    // Between steps: moves the log into the file, goes on with what a crash interrupted.
    Result<void> maintain();

private:
    struct Mark {
        std::int64_t body = 0;
        RecordId record;
        std::int64_t doomed = 0;  // not 0: being taken out, see `Then`
        IndexMark seen() const { return {body, record, doomed != 0}; }
    };
    struct Authored {
        std::int64_t records = 0, forks = 0;
    };
    // What a removal adds up, in the same way.
    struct Removal {
        std::int64_t torrents = 0, newest_ms = 0;
        bool doomed = false;
        std::set<std::int64_t> volumes;
        std::map<std::int64_t, Authored> authors;
    };
    // What a step adds up before it writes it once.
    struct Step {
        CaughtUp out;
        std::string channel;  // its name, as the index takes it
        bool doomed = false;  // must be indexed anew
        Removal removed;      // hidden
        std::int64_t torrents = 0, updated_ms = 0;
        std::map<protocol::PublicKey, Authored> authors;
    };
    struct Volume {
        Statement put, remove, edit;
    };

    explicit Derived(Connection connection) : connection_(std::move(connection)) {}
    static Result<void> create(const std::string& path);
    static Result<std::unique_ptr<Derived>> open_there(const std::string& path);
    Result<void> load();
    Result<void> prepare_listings();
    Result<void> prepare_authors();
    Result<void> prepare_removal();
    Result<CaughtUp> take_step(const CommunityId& community, const Unindexed& read,
                               const Slice& slice);
    // What memory knows of rows that were rolled back is forgotten with them.
    template <typename T>
    Result<T> kept(Result<T> result) {
        if (!result) {
            known_authors_.clear();
            volumes_.clear();
        }
        return result;
    }
    Result<Mark> mark_of(const CommunityId& community);
    Result<void> index_bodies(const CommunityId& community, const Unindexed& read,
                              const Slice& slice, Step& step);
    Result<void> finish_step(const CommunityId& community, const Step& step);

    // derived_index.cpp
    class Shown;
    Result<void> show(const protocol::RecordView& record, Step& step);
    Result<void> show_row(const protocol::RecordView& record, const protocol::ProjectionRow& row,
                          Step& step);
    Result<void> index_announced(const protocol::RecordView& record, Step& step);
    Result<void> index_torrent(const protocol::RecordView& record, Step& step);
    Result<void> index_author(const protocol::RecordView& record, Step& step);
    Result<std::int64_t> author_number(const protocol::PublicKey& author);
    Result<void> finish_authors(const CommunityId& community, const Step& step);
    Result<std::string> channel_text(const CommunityId& channel);
    Result<Volume*> volume_of(std::int64_t row);
    Result<void> make_volume(std::int64_t number);

    // derived_items.cpp
    struct Item {
        std::int64_t row = 0;
        protocol::RecordKind kind = protocol::RecordKind::Comment;
        std::int64_t author = 0;
        bool is_edit = false;
        Bytes key;
    };
    struct Content {  // of an item
        std::int64_t row = 0;
        Bytes payload;
        std::int64_t author = 0;
    };
    // Channels as the directory's members see them.
    struct Say {
        std::int64_t up = 0, down = 0, subscribers = 0;
    };
    Result<bool> judge_all(const CommunityId& community, const std::vector<Judged>& judged);
    Result<void> prepare_items();
    Result<void> show_item(const protocol::RecordView& record, const protocol::ProjectionRow& row,
                           Step& step);
    Result<void> hide(const CommunityId& community, const RecordRef& ref, Removal& removal);
    Result<void> hide_item(const CommunityId& community, const Item& item, Removal& removal);
    Result<bool> follow_item(const CommunityId& community, const Item& item);
    Result<std::optional<Item>> find_item(const CommunityId& community, ByteView ref);
    Result<std::optional<Content>> newest_item(const CommunityId& community,
                                               protocol::RecordKind kind, bool is_edit,
                                               ByteView key);
    Result<bool> refresh_channel(const CommunityId& community);
    Result<void> refresh_torrent(const CommunityId& community, ByteView target);
    Result<Say> say_of(const Item& item);
    Result<void> count_say(const Item& item, const Say& before);
    Result<std::size_t> remove_items(const CommunityId& community, Then then, std::size_t rows);

    // derived_removal.cpp
    Result<bool> forget_some(const CommunityId& community, Then then, std::size_t rows);
    Result<bool> remove_some(const CommunityId& community, Then then, std::size_t rows);
    Result<std::size_t> remove_torrents(const CommunityId& community, std::size_t rows);
    Result<std::size_t> remove_authored(const CommunityId& community, std::size_t rows);
    Result<void> remove_rows(const CommunityId& community, const std::vector<WrittenRow>& rows);
    Result<void> remove_row(const CommunityId& community, const WrittenRow& row, Removal& removal);
    Result<void> remove_torrent(std::int64_t row, Removal& removal);
    Result<void> finish_removal(const CommunityId& community, const Removal& removal);
    Result<void> drop_empty_volume(std::int64_t number);
    Result<void> remove_last(const CommunityId& community, Then then);
    Result<void> finish_leftovers();

    Connection connection_;
    Statement find_mark_, put_mark_, doom_, put_state_;
    Statement put_channel_, find_channel_, put_about_, remove_about_, count_torrents_;
    Statement put_announced_, put_torrent_, has_torrent_, newest_torrent_;
    Statement put_item_, find_item_, newest_item_, drop_item_, items_of_, author_key_;
    Statement edit_torrent_, torrent_text_, said_, count_say_, tell_standing_;
    Statement find_author_, put_author_, put_written_, same_place_, beside_, count_author_,
        count_in_;
    Statement torrents_of_, created_, remove_torrent_, authors_of_, remove_written_, remove_in_,
        doomed_;
    Statement next_author_, below_, find_torrent_, remove_one_, drop_in_, drop_author_;
    std::map<std::int64_t, Volume> volumes_;                     // prepared; few
    std::map<protocol::PublicKey, std::int64_t> known_authors_;  // bounded
    std::int64_t change_ = 0;
    bool leftovers_ = false;
};

}  // namespace warren::shard
