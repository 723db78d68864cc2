// Reading what is derived, beside its writer: listings, search, who wrote what. See derived.h.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/community/directory/directory_content.h"
#include "protocol/record.h"
#include "storage-shard/derived.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

// As publishers say; what no clock shows is cut.
inline std::int64_t shown_ms(std::uint64_t seconds) {
    constexpr std::uint64_t seconds_max = std::uint64_t{1} << 40;
    return static_cast<std::int64_t>(std::min(seconds, seconds_max)) * 1000;
}

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
    double text = 0;                      // how well the words fit, 0..1
    bool edited = false;                  // name, tags and extras are those of an edit
    protocol::TorrentExtras extras = {};  // of that; else they are in the record
    bool here = true;                     // false: a neighbour has it
};
struct Found {
    std::vector<FoundTorrent> torrents;  // the newest that match, newest first
    bool in_time = true;                 // false: the deadline came first
    bool all = true;                     // false: there may be older ones
};
struct SearchBounds {
    std::size_t candidates = 100;  // newest first; ranked by the caller
    Nanoseconds until = 0;
};

// What the directory's members say of a channel; each member once.
struct Standing {
    std::uint64_t up = 0, down = 0, subscribers = 0;
    bool operator==(const Standing&) const = default;
};
// What one of them says.
struct Said {
    CommunityId channel;
    protocol::VoteValue vote = protocol::VoteValue::None;
    protocol::Subscribed subscribed = protocol::Subscribed::No;
};

// A playlist, a comment, an entry of the moderation log: its payload, or that of the edit that
// counts.
struct ItemRow {
    RecordRef ref;
    protocol::PublicKey author;
    Bytes payload;
    std::optional<RecordRef> edit;
    Bytes edited;
};
struct ItemPage {
    std::vector<ItemRow> rows;
    bool more = false;
};
enum class ItemOrder { OldestFirst, NewestFirst };
struct ItemQuestion {
    protocol::RecordKind kind = protocol::RecordKind::Comment;
    Bytes key = {};  // what they are about
    ItemOrder order = ItemOrder::OldestFirst;
    std::optional<RecordRef> after = std::nullopt;
    std::size_t limit = 50;
};

struct ListedChannel {
    CommunityId id;
    std::string name, description;
    protocol::PublicKey founder;
    protocol::Nonce nonce;  // only of announced ones
    std::uint64_t torrents = 0;
    std::int64_t updated_ms = 0;
    bool announced_only = false;
    Standing standing = {};  // told by the directory's file
    std::string sort_key;
};
// Listings go by (folded name, id).
struct ChannelCursor {
    std::string sort_key;
    CommunityId id;
    auto operator<=>(const ChannelCursor&) const = default;
};
std::string cursor_text(const ChannelCursor& cursor);
std::optional<ChannelCursor> channel_cursor_from(std::string_view text);

// How far somebody knows a file's listings, and what is new since.
struct Seen {
    std::int64_t generation = 0, change = 0;
    bool operator==(const Seen&) const = default;
};
struct Changes {
    Seen now;
    bool whole = false;  // all there is; what is not in it is gone
    std::vector<ListedChannel> channels, announced;
    std::vector<std::pair<CommunityId, Standing>> standings = {};
};

struct AuthorCursor {
    CommunityId community;
    GlobalTime prev_time = 0;
    std::int64_t prev = 0;
    RecordRef ref;
    auto operator<=>(const AuthorCursor&) const = default;
};
std::string cursor_text(const AuthorCursor& cursor);
std::optional<AuthorCursor> author_cursor_from(std::string_view text);

struct AuthoredRecord {
    AuthorCursor at;
    protocol::RecordKind kind = protocol::RecordKind::Torrent;
    bool forked = false;  // another record of this author names the same predecessor
};
struct AuthorPage {
    protocol::PublicKey key;
    std::uint64_t records = 0, forks = 0;  // in this file
    std::vector<AuthoredRecord> rows;      // by community, newest first; from after the cursor down
};

class DerivedReader {
public:
    static Result<std::unique_ptr<DerivedReader>> open(const std::string& path);
    Result<void> set_cache_kib(int kib) { return connection_.set_cache_kib(kib); }
    // False once another file took the name.
    bool is_current() const;

    // What a user typed. Terms are quoted: it is never syntax (R-C5).
    Result<Found> search(std::string_view text, const SearchBounds& bounds);
    // The newest torrents, whatever their words.
    Result<Found> newest(const SearchBounds& bounds);
    // Those of these swarms, some of each.
    Result<std::vector<FoundTorrent>> of_swarms(const std::vector<Infohash>& swarms);
    Result<bool> has_swarm(const CommunityId& community, const Infohash& infohash);
    Result<std::optional<FoundTorrent>> torrent(const CommunityId& community, const RecordRef& ref);
    Result<Changes> changes(const Seen& seen);

    // derived_items_reader.cpp
    Result<ItemPage> items(const CommunityId& community, const ItemQuestion& question);
    Result<std::optional<ItemRow>> item(const CommunityId& community, const RecordRef& ref);
    // The payload of the edit of a torrent that counts.
    Result<std::optional<Bytes>> torrent_edit(const CommunityId& community, const RecordRef& ref);
    Result<std::optional<RecordRef>> torrent_edit_ref(const CommunityId& community,
                                                      const RecordRef& ref);
    Result<std::vector<Said>> said_by(const protocol::PublicKey& author);
    Result<std::optional<ListedChannel>> channel(const CommunityId& id);
    Result<std::uint64_t> indexed(const CommunityId& community);  // bodies so far
    // Nothing: no record of this author is known here.
    Result<std::optional<AuthorPage>>
    author(const MemberId& member, const std::optional<AuthorCursor>& after, std::size_t limit);

private:
    explicit DerivedReader(Connection connection, std::string path)
        : connection_(std::move(connection)), path_(std::move(path)) {}
    Result<void> load();
    Result<void> prepare_listings();
    Result<void> prepare_authors();
    Result<void> prepare_search();
    Result<void> prepare_items();
    Result<ItemRow> item_from(const CommunityId& community, const Rows& rows);
    Result<Statement*> volume(std::int64_t number);
    Result<void> search_volumes(const std::string& expression, const SearchBounds& bounds,
                                Found& out);
    Result<void> search_about(const std::string& expression, Found& out);

    Connection connection_;
    std::string path_;
    std::uint64_t inode_ = 0;
    Statement state_, channels_, announced_, channel_, mark_, newest_of_, about_, volume_numbers_;
    Statement newest_, torrent_, of_swarm_, has_swarm_, standings_, items_up_, items_down_, item_,
        edit_, said_;
    Statement author_, written_;
    std::map<std::int64_t, Statement> volumes_;
};

// Adds warren_fit(words): how well a row of a volume fits the words that were searched, 0..1.
Result<void> add_fit_function(Connection& connection);

}  // namespace warren::shard
