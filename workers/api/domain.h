// What the other workers tell the api, without their message types.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/ids.h"

namespace warren::api {

struct Identity {
    Bytes public_key;
    MemberId member;
};

struct Page {
    std::string after;
    std::uint32_t limit = 50;
};

struct Community {
    CommunityId id;
    bool directory = false;
    bool joined = false;
    std::uint64_t records = 0, bytes = 0;
    std::string name;
};
struct Channel {
    CommunityId id;
    std::string name, description;
    Bytes founder;
    std::uint64_t torrents = 0;
    bool joined = false, own = false;
    std::int64_t updated_ms = 0;
    std::uint64_t up = 0, down = 0, subscribers = 0;
    double popularity = 0;
    int vote = 0;  // of this node's identity: 1, -1 or none
    bool subscribed = false;
};
enum class ChannelOrder : std::uint8_t { Name, Popularity, Updated };
struct ChannelQuery {
    Page page;
    ChannelOrder order = ChannelOrder::Name;
    bool only_subscribed = false;
};
struct ChannelPage {
    std::vector<Channel> channels;
    std::optional<std::string> next;
};
struct CreatedChannel {
    CommunityId community;
    RecordRef record;
};
struct NewChannel {
    std::string name, description;
    bool listed = true;  // announced in the directory
};

// How alive a torrent is, as this node or a neighbour counted it.
struct Swarm {
    std::uint32_t seeders = 0, leechers = 0;
    std::int64_t checked_ms = 0;
    bool counted_here = true;
};
struct Torrent {
    CommunityId community;
    RecordRef record;
    Infohash infohash;
    std::string name, tags, channel;
    std::uint64_t size = 0;
    std::uint32_t files = 0;
    std::int64_t created_ms = 0;
    bool edited = false;
    std::vector<std::string> trackers;
    Bytes thumbnail;  // SHA-256; empty: none
    std::optional<Swarm> swarm;
};
// What a channel holds beside torrents; payloads as in the packets.
struct Item {
    RecordRef record;
    std::uint8_t kind = 0;
    Bytes author, payload;
    std::optional<RecordRef> edit;
    Bytes edited;
};
struct ItemQuery {
    CommunityId community;
    std::uint8_t kind = 0;
    std::optional<RecordRef> about = std::nullopt;
    std::optional<RecordRef> after = std::nullopt;
    std::uint32_t limit = 50;
    bool newest_first = false;
};
struct ItemPage {
    std::vector<Item> items;
    bool more = false;
};
struct StoredRecord {
    Item item;
    std::vector<Torrent> torrents;
    bool shown = false;
};
struct FoundTorrent {
    Torrent torrent;
    double score = 0;  // text x health x freshness
    double text = 0, health = 1, freshness = 1;
    bool here = true;                  // else it is a neighbour that has it
    std::vector<MemberId> peers = {};  // who found it too
};
struct SearchWish {
    std::string text;
    std::uint32_t limit = 50;
    std::vector<CommunityId> communities = {};  // none: all
};
struct TorrentPage {
    std::vector<Torrent> torrents;
    std::optional<std::string> next;
};
// One bit for each slot that somebody answered for.
using SlotSet = std::uint64_t;
inline constexpr SlotSet all_slots = ~SlotSet{0};

struct Found {
    std::vector<FoundTorrent> torrents;  // best first
    bool complete = true;
    SlotSet slots = 0;
};
struct AuthoredRecord {
    CommunityId community;
    RecordRef record;
    std::string kind, cursor;
    bool forked = false;
};
struct AuthorPage {
    Bytes public_key;  // empty: nothing of this author is known
    std::uint64_t records = 0, forks = 0;
    std::vector<AuthoredRecord> items;
    std::optional<std::string> next;
    bool complete = true;
    SlotSet slots = 0;  // that one answered for, and no other
};

struct TorrentFile {
    std::string path;
    std::uint64_t size = 0;
};
// What a .torrent file says.
struct TorrentFacts {
    Infohash infohash;
    std::string name;
    std::uint64_t size = 0;
    std::uint32_t file_count = 0;
    std::vector<TorrentFile> files;  // the first of them
};

struct NewDownload {
    Bytes torrent;
    std::string magnet;
    std::optional<Infohash> infohash;
    std::string name;
    bool paused = false;
};
struct AddedDownload {
    Infohash infohash;
    std::string name;
    bool created = false;
};
struct Download {
    Infohash infohash;
    std::string name, state, error, path;
    std::uint64_t size = 0, done = 0, down_rate = 0, up_rate = 0, uploaded = 0;
    std::uint32_t peers = 0, seeds = 0, files = 0;
    std::int64_t added_ms = 0;
};
enum class Files : std::uint8_t { Keep, Delete };

struct Peer {
    Endpoint endpoint;
    std::optional<MemberId> member;
    std::vector<CommunityId> communities;
    bool verified = false;
    std::uint32_t round_trip_us = 0;  // 0: unknown
    std::uint64_t last_seen_ms = 0, bytes_in = 0, bytes_out = 0;
};
struct PeerList {
    std::vector<Peer> peers;
    std::uint16_t port = 0;
};
struct OverlayCommunity {
    CommunityId id;
    std::uint32_t neighbours = 0, partners = 0;
};
struct OverlayState {
    std::uint32_t peers = 0, proven = 0, introduced = 0;
    std::vector<Endpoint> lan, wan;
    std::string connection = "unknown";
    bool bootstrap = false;
    std::vector<OverlayCommunity> communities;
};
struct DhtFamily {
    bool v6 = false;
    Bytes node_id;
    std::uint32_t nodes = 0, good = 0, buckets = 0, keys = 0, values = 0, members_held = 0;
};
struct DhtState {
    std::vector<DhtFamily> families;  // none: it is off
};
using DhtKey = FixedId<20, struct DhtKeyTag>;
struct DhtValue {
    Bytes data, signer;  // no signer: anybody's
    std::uint32_t version = 0;
};
enum class DhtSigned : std::uint8_t { No, Yes };
struct FoundMember {
    Endpoint endpoint;
    Bytes public_key;
};
// Zero: no limit.
struct RetentionRule {
    std::uint64_t age_ms = 0, records = 0, bytes = 0;
};
struct RetentionInForce {
    RetentionRule rule;
    bool own = false;  // else that of the settings
};
struct Shard {
    CommunityId community;
    std::string state;
    std::uint32_t slot = 0;
    std::uint16_t worker = 0;
    std::uint64_t records = 0, bytes = 0, log_bytes = 0, bytes_max = 0;
    std::uint64_t oldest = 0, newest = 0, floor = 0;
    std::int64_t checked_ms = 0;
    std::optional<RetentionRule> own_rule;
};
struct DiskUsage {
    std::uint64_t shards = 0, left = 0, logs = 0, derived = 0, node = 0, backups = 0, other = 0;
    std::uint64_t free = 0, set_aside = 0;
};
struct ShardList {
    std::vector<Shard> shards;
    DiskUsage usage;
};
struct NodeTask {
    std::string kind, subject, state;
    std::uint64_t done = 0, total = 0;
    std::string found;
};
struct ExportedRecords {
    std::vector<Bytes> packets;
    Bytes details;
    RecordRef last;
    bool more = false;
    std::uint64_t damaged = 0;
};
struct ImportCounts {
    std::uint64_t stored = 0, known = 0, waiting = 0, refused = 0, bad_signature = 0,
                  not_stored = 0;
};
struct Backup {
    std::string name;
    std::int64_t created_ms = 0;
    std::uint32_t communities = 0;
    std::uint64_t records = 0, bytes = 0, damaged = 0;
    bool whole = false;
};
// A record that two members sign.
struct NewPair {
    CommunityId community;
    std::uint8_t kind = 0;
    Bytes second, payload;
};
struct DraftedPair {
    RecordRef record;
    Bytes half;  // signed by us only
};
struct PairedRecord {
    CommunityId community;
    RecordRef record;
    std::uint8_t kind = 0;
    Bytes first, second, payload;
    std::string state, reason;
    bool considered = false;
    std::uint64_t left_ms = 0;
};
struct PairDecision {
    CommunityId community;
    RecordId record;
    bool accept = false;
    std::string reason;
};
enum class LetterFate : std::uint8_t { Delivered, TooMany, NoPath, NoAnswer };
struct NewInvitation {
    CommunityId community;
    std::uint64_t expires_s = 0;
    std::string name;
    std::vector<Endpoint> peers;
    Bytes grants;
};
struct MadeInvitation {
    Bytes packet;
    RecordRef grants;
};
struct SyncPeer {
    Bytes member;
    Endpoint endpoint;
    bool in_sync = false;
    std::uint64_t records = 0, bytes_in = 0, bytes_out = 0;
};
struct SyncRoot {
    std::uint64_t records = 0, newest = 0;
    Bytes fingerprint;
    std::uint64_t epoch = 0, floor = 0;
};
struct SyncState {
    CommunityId community;
    std::uint32_t peers = 0, peers_in_sync = 0;
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::int64_t last_in_sync_ms = -1;
};

struct SyncDetail {
    SyncState state;
    std::vector<SyncPeer> peers;
    SyncRoot root;
};

// One right of a member, or of everybody, by the newest record that speaks of it.
struct Permission {
    Bytes member;  // empty: everybody, by settings
    std::uint8_t kind = 0, right = 0;
    bool held = false;
    std::uint64_t since = 0;
    RecordRef record;
};
struct PermissionPage {
    std::vector<Permission> items;
    std::optional<std::string> next;
    Bytes founder, own;
    std::optional<RecordRef> end;
};
struct ControlRecord {
    RecordRef record;
    std::uint8_t kind = 0;
    Bytes author, payload;
};
struct Explanation {
    std::string state;
    std::vector<ControlRecord> because;
};

}  // namespace warren::api
