// What can be made again from the community files: listings and full text, one file per slot. Never
// part of a record's commit: it follows behind, and a mark per community says how far it came.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/record.h"
#include "storage-shard/shard_reader.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

struct AnnouncedChannel {
    CommunityId channel;
    Founder founder;
    std::string name;
};
struct CaughtUp {
    bool more = false;
    std::vector<AnnouncedChannel> announced;  // in this step; for those who follow them
};

// The writing side; one thread at a time (the slot's strand).
class Derived {
public:
    // A damaged file, or one of another version, is thrown away and begun again.
    static Result<std::unique_ptr<Derived>> open(const std::string& path);

    // Indexes at most `limit` further records of a community. Starts over by itself when the
    // community's file lost what was indexed (a power cut may take unsynced records).
    Result<CaughtUp> catch_up(const CommunityId& community, ShardReader& shard, std::size_t limit);
    Result<void> forget(const CommunityId& community);
    Result<void> maintain();

private:
    struct Mark {
        std::int64_t body = 0;
        RecordId record;
    };
    explicit Derived(Connection connection) : connection_(std::move(connection)) {}
    static Result<void> create(const std::string& path);
    static Result<std::unique_ptr<Derived>> open_there(const std::string& path);
    Result<void> load();
    Result<Mark> valid_mark(const CommunityId& community, ShardReader& shard);
    Result<void> remove_all(const CommunityId& community);
    Result<void> index(const protocol::RecordView& record, CaughtUp& out);
    Result<void> index_genesis(const protocol::RecordView& record);
    Result<void> index_announced(const protocol::RecordView& record, CaughtUp& out);
    Result<void> index_torrent(const protocol::RecordView& record);
    Result<std::string> channel_name(const CommunityId& channel);

    Connection connection_;
    Statement find_mark_, put_mark_, put_channel_, put_announced_, put_torrent_, put_words_;
    Statement count_torrent_, find_channel_, rename_words_;
};

struct FoundTorrent {
    CommunityId community;
    RecordRef ref;
    Infohash infohash;
    std::string name;
    std::uint64_t size = 0;
    std::uint32_t files = 0;
    std::string tags;
    std::int64_t created_ms = 0;
    std::string channel;
    double rank = 0;  // lower is better
};
struct ListedChannel {
    CommunityId id;
    std::string name, description;
    protocol::PublicKey founder;
    protocol::Nonce nonce;  // only of announced ones
    std::uint64_t torrents = 0;
    std::int64_t updated_ms = 0;
    bool announced_only = false;
    std::string sort_key;
};
// Listings go by (folded name, id).
struct ChannelCursor {
    std::string sort_key;
    CommunityId id;
};
std::string cursor_text(const ChannelCursor& cursor);
std::optional<ChannelCursor> channel_cursor_from(std::string_view text);

// The reading side, beside the writer.
class DerivedReader {
public:
    static Result<std::unique_ptr<DerivedReader>> open(const std::string& path);
    void set_deadline(Nanoseconds deadline) { connection_.set_deadline(deadline); }

    // What a user typed; bounded in time (50 ms) and number (100).
    Result<std::vector<FoundTorrent>> search(std::string_view text, std::size_t limit);
    Result<std::vector<ListedChannel>> channels(const std::optional<ChannelCursor>& after,
                                                std::size_t limit);
    Result<std::vector<ListedChannel>> announced(const std::optional<ChannelCursor>& after,
                                                 std::size_t limit);
    Result<std::optional<ListedChannel>> channel(const CommunityId& id);
    Result<std::uint64_t> indexed(const CommunityId& community);  // records so far

private:
    explicit DerivedReader(Connection connection) : connection_(std::move(connection)) {}
    Result<void> load();

    Connection connection_;
    Statement search_, channels_, announced_, channel_, mark_;
};

}  // namespace warren::shard
