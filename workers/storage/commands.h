// What is asked of this worker and what it answers, as values: generated types stop at inbox,
// outbox and replies.
#pragma once

#include <string>
#include <vector>

#include "protocol/sync.h"
#include "runtime/pipe/pipe.h"
#include "storage-shard/derived_reader.h"
#include "storage-shard/node_shard.h"
#include "storage-shard/search_rank.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"

namespace warren::storage {

struct Call {
    RequestId id;
    Nanoseconds deadline = 0;
};
struct StoreRecords {
    CommunityId community;
    std::vector<ByteView> packets;
    pipe::Frame keep;                         // what the views look into
    bool durable = false;                     // answered when power loss takes none of them
    bool pushed = false;                      // nobody asked for them
    std::vector<std::uint64_t> sources = {};  // of each; none: from nobody outside
};
struct Publication {
    RequestId id;  // a retry has the same
    CommunityId community;
    protocol::RecordKind kind = protocol::RecordKind::Torrent;
    Bytes payload;
    std::uint64_t trace = 0;  // of the sampled request that made it
};
struct NewChannel {
    std::string name, description;
};
struct FoundedChannel {
    CommunityId community;
    RecordRef genesis;
    Bytes announcement;  // payload of the record for the directory
};
struct PairDraft {
    CommunityId community;
    protocol::RecordKind kind = protocol::RecordKind::Agreement;
    protocol::PublicKey second;
    Bytes payload;
};
struct DraftedPair {
    RecordRef record;
    Bytes half;  // with our signature only
};
struct PairJudgement {
    std::string refusal;  // empty: allowed
    std::optional<protocol::Signature> signature;
};
struct NewInvitation {
    CommunityId community;
    std::uint64_t expires_s = 0;
    std::string name;
    std::vector<Endpoint> peers;
    Bytes grants;
};
struct ListPage {
    std::string after;
    std::size_t limit = 0;
};
struct CommunityRow {
    CommunityId id;
    std::string name;
    std::uint64_t records = 0, bytes = 0;
};
enum class Subscribed { Any, Only };
struct ChannelList {
    ListPage page;
    std::uint8_t order = 0;  // ChannelOrder
    Subscribed subscribed = Subscribed::Any;
};
struct ChannelRow {
    shard::ListedChannel listed;
    bool joined = false, own = false;
    double popularity = 0;
    shard::Said said = {};  // by this node's identity
};
struct ItemList {
    CommunityId community;
    shard::ItemQuestion question;
};
struct RankedTorrent {
    shard::FoundTorrent torrent;
    std::optional<shard::Health> health;
    shard::Score score;  // larger is better
};
struct RecordAndShown {
    protocol::RecordKind kind = protocol::RecordKind::Torrent;
    shard::ItemRow item;
    std::vector<RankedTorrent> torrents;
    bool shown = false;
};
struct ChannelRows {
    std::vector<ChannelRow> rows;
    bool more = false;
    std::string next;
};
enum class SearchKind { Words, Popular };
struct SearchQuestion {
    std::string text;
    std::size_t limit = 0;
    std::uint8_t group = 0, groups = 1;  // which part of the slots
    SearchKind kind = SearchKind::Words;
    std::vector<CommunityId> communities = {};  // none: all
};
// What a neighbour looks for; and what neighbours found.
struct FindRecords {
    SearchQuestion question;
    std::size_t bytes_max = 0;
};
struct RankRecords {
    CommunityId community;
    std::string text;
    std::vector<Bytes> packets;
};
struct SwarmRow {
    Infohash infohash;
    shard::Health health;
};
struct Contents {
    CommunityId community;
    std::string channel;
    shard::ContentsPage page;
    std::vector<std::optional<shard::Health>> healths;  // one a row
};
enum class SyncOpening { No, Yes };
struct Reconcile {
    CommunityId community;
    std::uint64_t session = 0;
    SyncOpening opening = SyncOpening::No;
    protocol::SyncSide side = protocol::SyncSide::Initiator;
    GlobalTime their_floor = 0;
    pipe::Frame elements;
};
struct ReconcileResult {
    bool in_sync = false;
    Bytes answers, wants, offers;
};
struct FetchRecords {
    CommunityId community;
    std::uint64_t session = 0;
    std::size_t bytes_max = 0;
    pipe::Frame selections;
};

struct GetProofs {
    CommunityId community;
    std::vector<protocol::Question> questions;
    std::vector<RecordRef> records;
    std::size_t bytes_max = std::size_t{64} << 10;
};
struct Permissions {
    shard::Governance governance;  // a page of its standings
    bool more = false;
    std::string next;
    std::optional<protocol::PublicKey> own;
};
struct Explained {
    shard::Explanation::State state = shard::Explanation::State::Unknown;
    std::vector<Bytes> because;  // packets
};

}  // namespace warren::storage
