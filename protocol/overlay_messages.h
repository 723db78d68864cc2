// Warren's own overlay messages: the trailer of walk messages and the bare (shape N) messages of
// our communities, ids 16 to 30. Pure codecs; decoded views point into the datagram.
#pragma once

#include <optional>
#include <vector>

#include "protocol/ipv8.h"
#include "protocol/overlay_types.h"

namespace warren::protocol {

inline constexpr std::uint8_t overlay_version = 1;
inline constexpr std::size_t overlay_datagram_bytes = 1200;
inline constexpr std::size_t infohashes_max = 20;
inline constexpr std::size_t record_offers_max = 16;
inline constexpr std::size_t parts_max = 64;  // datagrams of one answer

enum class OverlayMessage : std::uint8_t {
    SyncRanges = 16,
    SyncFetch = 17,
    SyncRecords = 18,
    SyncOffer = 19,
    RecordOffer = 20,
    SwarmQuery = 21,
    SwarmReply = 22,
    ProofRequest = 27,
    Query = 28,        // overlay_query_messages.h
    QueryAnswer = 29,  // as SyncRecords; its session is the query's
    SwarmCounts = 30,
};

// Behind an introduction request or response between Warren nodes. Peers that know no trailers send
// none and ignore ours.
struct Trailer {
    std::uint64_t cookie = 0;   // the sender's, for the receiver's address
    std::uint64_t echo = 0;     // the receiver's own, back; zero: none
    bool trusts = false;        // the sender holds the receiver's address for proven
    bool full = false;          // the sender has no slot for the receiver, or is only a tracker
    bool wants_offers = false;  // the receiver is one of the few that shall offer it what is new
    std::optional<CommunityRoot> root;
};
Bytes encode(const Trailer& trailer);
std::optional<Trailer> decode_trailer(ByteView extra);

enum class SyncDirection : std::uint8_t { Request = 0, Answer = 1 };
struct SyncRanges {
    std::uint64_t session = 0;
    SyncDirection direction = SyncDirection::Request;
    std::uint32_t sequence = 0;  // an answer bears that of its request
    std::uint8_t part = 0, parts = 1;
    ByteView elements;
};
struct SyncFetch {
    std::uint64_t session = 0;
    std::uint32_t request = 0;
    std::uint32_t bytes_max = 0;  // the credit: no more may be sent
    ByteView selections;
};
struct Fragment {
    RecordRef ref;
    std::uint8_t index = 0, total = 0;
    ByteView bytes;
};
struct SyncRecords {
    std::uint64_t session = 0;
    std::uint32_t request = 0;
    std::uint8_t part = 0, parts = 1;
    std::vector<ByteView> packets;     // whole records,
    std::optional<Fragment> fragment;  // or a piece of one
    bool cut = false;                  // more was asked for than the credit allowed
};
struct SyncOffer {
    std::uint64_t session = 0;
    ByteView selections;
};
struct RecordOffer {
    std::vector<RecordRef> refs;
};
struct SwarmQuery {
    std::uint32_t request = 0;
    std::vector<Infohash> infohashes;
};
struct SwarmReply {
    std::uint32_t request = 0;
    std::uint32_t bitmap = 0;  // bit i: the i-th infohash asked for
    std::uint16_t port = 0;    // TCP
};
// Which records decide these questions? Answered by SyncRecords of the same session and request.
struct ProofRequest {
    std::uint64_t session = 0;
    std::uint32_t request = 0;
    std::uint32_t bytes_max = 0;  // the credit
    ByteView questions;           // community/proof_request.h
};

// Bodies only; frame_bare() puts the header in front.
Bytes encode(const SyncRanges& message);
Bytes encode(const SyncFetch& message);
Bytes encode(const SyncRecords& message);
Bytes encode(const SyncOffer& message);
Bytes encode(const RecordOffer& message);
Bytes encode(const SwarmQuery& message);
Bytes encode(const SwarmReply& message);
Bytes encode(const ProofRequest& message);
Result<SyncRanges> decode_sync_ranges(ByteView body);
Result<SyncFetch> decode_sync_fetch(ByteView body);
Result<SyncRecords> decode_sync_records(ByteView body);
Result<SyncOffer> decode_sync_offer(ByteView body);
Result<RecordOffer> decode_record_offer(ByteView body);
Result<SwarmQuery> decode_swarm_query(ByteView body);
Result<SwarmReply> decode_swarm_reply(ByteView body);
Result<ProofRequest> decode_proof_request(ByteView body);

// The smallest ref above this one: with it a range of exactly one record can be written.
RecordRef next_ref(const RecordRef& ref);

// Packs records into messages of at most `overlay_datagram_bytes`; long ones become fragments.
std::vector<Bytes> pack_records(std::uint64_t session, std::uint32_t request,
                                const FetchedRecords& fetched);

}  // namespace warren::protocol
