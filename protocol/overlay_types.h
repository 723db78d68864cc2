// What goes in and out of the overlay core: settings, effects, counters. Plain values, no
// behaviour.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "protocol/ipv8.h"
#include "protocol/sync.h"

namespace warren::protocol {

struct OverlaySettings {
    bool lan = false;        // take introduced loopback and private addresses
    Endpoint own_lan;        // our address in the local network, if known
    bool bootstrap = false;  // introduce peers of any community, without joining it
    Nanoseconds walk_interval = 500'000'000;
    Nanoseconds sync_interval = 5'000'000'000;  // of partners in sync; doubles up to 30 s
    std::size_t peers_target = 20;              // of a community: walk until so many are known
    std::size_t peers_max = 30;                 // of a community: above, strangers are not answered
    std::size_t fan_out = 3;                    // neighbours a pushed record is forwarded to,
    std::size_t feeders = 4;  // and neighbours that are asked to offer us what did not come so
    std::size_t fetch_window_bytes = 128 * 1024;   // asked of one peer and not yet stored, at first
    std::size_t fetch_window_max = 1024 * 1024;    // while no datagram is lost
    std::size_t sessions_max = 8;                  // reconciliations that we lead at a time
    double reply_bytes_per_s = 8.0 * 1024 * 1024;  // bulk answers to one peer
    double reply_burst_bytes = 512.0 * 1024;
    std::size_t source_buckets = 65'536;
    std::size_t duplicates_max = 32'768;  // of one generation of a duplicate filter
};

using Token = std::uint64_t;

// What walk messages tell about a community's set. Equal roots are equal sets.
struct CommunityRoot {
    RangeSum sum;
    GlobalTime newest = 0;
    SyncEpoch epoch = 0;   // that the sum is keyed by
    GlobalTime floor = 0;  // the sum covers what lies at or above
    bool operator==(const CommunityRoot&) const = default;
};

inline constexpr std::size_t cached_peers_max = 128;
// A proven peer as it is kept across restarts.
struct CachedPeer {
    Endpoint address;
    std::vector<CommunityId> communities;
    bool operator==(const CachedPeer&) const = default;
};

// ---- effects: what the shell does for the core. Those with a token are answered.
struct SendDatagram {
    Endpoint to;
    Bytes bytes;
};
struct CheckSignature {
    Token token = 0;
    Bytes packet;
};
struct SignAndSend {
    Token token = 0;
    Bytes unsigned_bytes;
    Endpoint to;
};
struct StoreRecords {
    Token token = 0;
    CommunityId community;
    std::vector<Bytes> packets;
    bool solicited = false;    // asked for (sync), so it is worth waiting for credit
    std::uint64_t source = 0;  // whence they came: source_number(), budgets.h
};
struct Reconcile {
    Token token = 0;
    CommunityId community;
    std::uint64_t session = 0;
    Bytes elements;
    bool opening = false;
    bool responder = false;
    GlobalTime their_floor = 0;  // of an opening
};
struct GetRoot {
    Token token = 0;
    CommunityId community;
};
struct FetchRecords {
    Token token = 0;
    CommunityId community;
    std::uint64_t session = 0;
    Bytes selections;
    std::uint32_t bytes_max = 0;
};
struct FetchedRecords {  // its answer, and that of GetProof
    std::vector<Bytes> packets;
    bool cut = false;  // more was asked for than the bytes allowed
};
// The records that answer questions about rights (community/proof_request.h).
struct GetProof {
    Token token = 0;
    CommunityId community;
    Bytes questions;
    std::uint32_t bytes_max = 0;
};
struct FindSwarm {
    Token token = 0;
    std::vector<Infohash> infohashes;
};
struct AddTorrentPeers {
    Infohash infohash;
    std::vector<Endpoint> peers;
};
// Facts for the tap.
struct PeerMet {
    CommunityId community;
    MemberId member;
    Endpoint address;
};
struct PeerLost {
    MemberId member;
    Endpoint address;
};
struct InSync {
    CommunityId community;
    MemberId member;
    std::uint64_t records = 0;
};
// A session that we led is over; `equal`: it found nothing.
struct SyncEnded {
    CommunityId community;
    MemberId member;
    unsigned rounds = 0;  // questions that waited for one another
    bool equal = false;
};
// What became of a user's wish to the DHT; `ref` is his.
struct DhtFound {
    std::uint64_t ref = 0;
    std::vector<Bytes> values;  // encoded, their signatures right
};
struct DhtStored {
    std::uint64_t ref = 0;
    std::size_t nodes = 0;  // that hold it now, ourselves included
};
struct DhtPeersFound {
    std::uint64_t ref = 0;
    std::vector<std::pair<Endpoint, Bytes>> peers;  // addresses and public keys
};
// ---- direct messages (pairs.h, letters.h)
enum class PairState : std::uint8_t { Open = 0, Signed = 1, Refused = 2, Expired = 3 };
// A record that waits, or waited, for its second signature. However it ends, this tells it.
struct PairRow {
    CommunityId community;
    RecordRef record;
    std::uint8_t kind = 0;
    PublicKey first, second;  // one of them is this node
    Bytes payload;
    PairState state = PairState::Open;
    bool considered = false;  // the other node has it, and asks its user
    std::string reason;       // why it was refused, or how it expired
    Nanoseconds left = 0;     // until it expires; settled: until it is forgotten
};
// May this record be signed by us as the second one? With `sign`: then sign, keep and spread it.
struct JudgePair {
    Token token = 0;
    CommunityId community;
    Bytes half;
    bool sign = false;
};
struct PairJudgement {
    std::string refusal;  // empty: allowed
    std::optional<Signature> signature;
};
struct PairOpened {  // our user is asked
    PairRow row;
};
struct PairSettled {
    PairRow row;
};
struct LetterArrived {
    CommunityId community;
    MemberId from;
    std::string text;
};
enum class LetterFate : std::uint8_t { Delivered = 0, TooMany = 1, NoPath = 2, NoAnswer = 3 };
struct LetterDone {
    std::uint64_t ref = 0;  // of the user's wish
    LetterFate fate = LetterFate::Delivered;
};
// ---- asking neighbours what they have (overlay_query.h, overlay_health.h)
// What a neighbour looks for, in communities that it shares with us; answered by found().
struct FindRecords {
    Token token = 0;
    std::vector<CommunityId> communities;
    std::string text;
    std::uint32_t limit = 0, bytes_max = 0;
};
// What a neighbour found for our user: its records, their signatures not looked at yet.
struct QueryAnswered {
    std::uint64_t ref = 0;
    MemberId member;
    std::vector<Bytes> packets;
};
struct QueryEnded {
    std::uint64_t ref = 0;
};
// A swarm as somebody counted it so long ago.
struct SwarmCount {
    Infohash infohash;
    std::uint32_t seeders = 0, leechers = 0, age_s = 0;
    bool operator==(const SwarmCount&) const = default;
};
// Which swarms of this community did we count ourselves, and find alive? Answered by counted().
struct CountSwarms {
    Token token = 0;
    CommunityId community;
};
struct SwarmsCounted {  // by a neighbour
    CommunityId community;
    std::vector<SwarmCount> swarms;
};
using Effect = std::variant<SendDatagram, CheckSignature, SignAndSend, StoreRecords, Reconcile,
                            GetRoot, FetchRecords, GetProof, FindSwarm, AddTorrentPeers, PeerMet,
                            PeerLost, InSync, SyncEnded, DhtFound, DhtStored, DhtPeersFound,
                            JudgePair, PairOpened, PairSettled, LetterArrived, LetterDone,
                            FindRecords, QueryAnswered, QueryEnded, CountSwarms, SwarmsCounted>;

// What became of a record, as storage says it (ipc-schema/record.fbs has the same order).
enum class RecordVerdict : std::uint8_t {
    Accepted = 0,
    Known = 1,
    Waiting = 2,
    Refused = 3,
    BadSignature = 4,
    NotStored = 5,
};
// A record that waited was judged again, for another one came that it depends on.
struct JudgedAgain {
    RecordRef ref;
    RecordVerdict verdict = RecordVerdict::Waiting;
};

#define WARREN_OVERLAY_COUNTERS(row)                                                               \
    row(datagrams_in) row(datagrams_out) row(bytes_in) row(bytes_out) row(dropped_length)          \
        row(dropped_community) row(dropped_source_budget) row(dropped_duplicate) row(              \
            dropped_check_budget) row(dropped_malformed) row(dropped_unproven)                     \
            row(dropped_unknown_message) row(dropped_reply_budget) row(dropped_unsolicited) row(   \
                dropped_peer_limit) row(dropped_busy) row(bad_signatures) row(signatures_checked)  \
                row(introductions_asked) row(introductions_answered) row(introductions_received)   \
                    row(punctures_sent) row(punctures_refused) row(peers_refused) row(             \
                        tracker_requests) row(tracker_answers) row(peers_met) row(peers_lost)      \
                        row(peers_banned) row(records_pushed) row(records_received) row(           \
                            records_forwarded) row(records_offered) row(records_fetched)           \
                            row(records_served) row(records_accepted) row(records_refused) row(    \
                                sync_sessions) row(sync_sessions_equal) row(sync_ranges_sent)      \
                                row(sync_ranges_answered) row(sync_ranges_resent) row(             \
                                    sync_ranges_given_up) row(fetches_sent) row(fetches_resent)    \
                                    row(fragments_received) row(swarm_queries) row(swarm_replies)  \
                                        row(pings_sent) row(pings_answered) row(pongs_received)    \
                                            row(similarities_asked) row(similarities_answered)     \
                                                row(similarities_received) row(dht_asked) row(     \
                                                    dht_answers_received) row(dht_answered)        \
                                                    row(pairs_asked) row(pairs_signed) row(        \
                                                        letters_sent) row(letters_received)        \
                                                        row(queries_sent) row(queries_answered)    \
                                                            row(query_answers_received)            \
                                                                row(swarm_counts_sent)             \
                                                                    row(swarm_counts_received)     \
                                                                        row(proofs_asked) row(     \
                                                                            proofs_received)       \
                                                                            row(proofs_given_up)

struct OverlayCounters {
#define WARREN_COUNTER_FIELD(name) std::uint64_t name = 0;
    WARREN_OVERLAY_COUNTERS(WARREN_COUNTER_FIELD)
#undef WARREN_COUNTER_FIELD
};
// visit(name, value) for each counter, in declaration order.
template <typename Visit>
void each_counter(const OverlayCounters& counters, Visit&& visit) {
#define WARREN_COUNTER_VISIT(name) visit(#name, counters.name);
    WARREN_OVERLAY_COUNTERS(WARREN_COUNTER_VISIT)
#undef WARREN_COUNTER_VISIT
}

}  // namespace warren::protocol
