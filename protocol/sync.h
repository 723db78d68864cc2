// Range-based set reconciliation over (global time, id) (Meyer, arXiv 2212.13567), in datagrams
// that each stand alone. The responder keeps no state. Both sides run `reconcile` on what they
// received; what a range that differs is answered with depends on how much it is likely to differ
// in, told from how many of the ranges that came together differ:
//   Fingerprint, equal         -> Same
//   one side has next to none  -> the initiator wants, or offers, the whole range
//   few differences            -> Symbols (protocol/sync_symbols.h): the initiator asks, or is told
//   few records                -> Ids (short ids of all of ours in the range)
//   else                       -> sub-ranges, a Fingerprint each
// Ids and Symbols tell the initiator what it wants (theirs that we lack) and offers (ours that they
// lack); symbols that say too little make it split the range.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/sync_symbols.h"

namespace warren::protocol {

inline constexpr std::size_t sync_leaf_records = 32;  // up to this many: answer with ids
inline constexpr std::size_t sync_ids_max = 128;      // ids in one element
inline constexpr std::size_t sync_symbols_max = 32;   // symbols in one element
// Records of a range that is answered with symbols: unasked, and when asked for (each is read).
inline constexpr std::size_t sync_symbols_unasked = 1024, sync_symbols_asked = 5000;
inline constexpr std::size_t sync_bulk_records = 2048;    // of a range that is fetched whole
inline constexpr std::size_t sync_fan_out = 16;           // sub-ranges of a split
inline constexpr std::size_t sync_open_parts = 14;        // of an opening
inline constexpr std::size_t sync_elements_max = 48;      // in one datagram
inline constexpr std::size_t sync_ask_weight = 4;         // an AskSymbols counts as so many
inline constexpr std::size_t sync_datagram_bytes = 1160;  // elements; header and prefix come on top

using SyncKey = std::array<std::uint8_t, 16>;
// Days since 1970, each community's beginning at another hour. Element values of fingerprints are
// keyed per community and epoch, so that records crafted to cancel out in a sum do so for a day at
// most; short ids are keyed per session.
using SyncEpoch = std::uint64_t;
SyncEpoch sync_epoch(const CommunityId& community, std::int64_t unix_s);
SyncKey fingerprint_key(const CommunityId& community, SyncEpoch epoch);
SyncKey session_key(const CommunityId& community, std::uint64_t session);
std::uint64_t short_id(const SyncKey& key, const RecordId& id);

// Sum modulo 2^128 of keyed 128-bit values of the ids, and how many: adding and removing are O(1).
struct RangeSum {
    std::uint64_t count = 0;
    std::uint64_t high = 0, low = 0;

    void add(const RangeSum& other);
    void subtract(const RangeSum& other);
    bool operator==(const RangeSum&) const = default;
};
RangeSum element_value(const SyncKey& fingerprint_key, const RecordId& id);

// Ranges are [lower, upper); RecordRef{} is the least bound, `sync_end` lies above all records.
inline constexpr GlobalTime sync_end_time = ~GlobalTime{0};
RecordRef sync_end();

struct SyncRange {
    RecordRef lower, upper;
    bool operator==(const SyncRange&) const = default;
};
enum class SyncMode : std::uint8_t {
    Same = 0,
    Fingerprint = 1,
    Ids = 2,
    Symbols = 3,
    AskSymbols = 4,
    All = 5,  // selections only
};
struct SyncElement {
    SyncRange range;
    SyncMode mode = SyncMode::Same;
    RangeSum sum = {};                      // Fingerprint
    std::vector<std::uint64_t> ids = {};    // Ids
    bool lasting = false;                   // it speaks of lasting records alone (RangeView)
    std::vector<CodedSymbol> symbols = {};  // Symbols
    std::uint8_t asked = 0;                 // AskSymbols; 0: ids are better
};

// Elements in ascending order, disjoint. Encoding: lower bound left out when it equals the previous
// upper bound; bounds as time delta + shortest id prefix. `cut` puts a list into as many datagram
// bodies as it needs.
Bytes encode_elements(const std::vector<SyncElement>& elements);
// From a peer at most `sync_elements_max` are taken; what our own storage answers may be longer.
Result<std::vector<SyncElement>> decode_elements(ByteView bytes,
                                                 std::size_t count_max = sync_elements_max);
std::vector<Bytes> cut(const std::vector<SyncElement>& elements, std::size_t bytes_max);

// What one datagram carries: the epoch that its fingerprints are keyed by, and elements. The side
// that leads chooses the epoch, the other answers in the same.
struct SyncBody {
    SyncEpoch epoch = 0;
    std::vector<SyncElement> elements;
};
Bytes encode(const SyncBody& body);
Result<SyncBody> decode_sync_body(ByteView bytes, std::size_t count_max = sync_elements_max);
std::vector<Bytes> cut(const SyncBody& body, std::size_t bytes_max);

// A selection of records: what FETCH and OFFER carry (an element list of Ids and All).
struct Selection {
    SyncRange range;
    std::vector<std::uint64_t> ids = {};
    bool lasting = false;   // of lasting records alone
    std::uint64_t all = 0;  // not zero: all records of the range, about so many
};
Bytes encode_selections(const std::vector<Selection>& selections);
Result<std::vector<Selection>> decode_selections(ByteView bytes,
                                                 std::size_t count_max = sync_elements_max);
std::vector<Bytes> cut(const std::vector<Selection>& selections, std::size_t bytes_max);

// What reconciliation asks of a shard.
class RangeView {
public:
    virtual ~RangeView() = default;
    virtual RangeSum sum(const SyncRange& range) = 0;
    // All refs of the range in order, at most `limit`.
    virtual std::vector<RecordRef> refs(const SyncRange& range, std::size_t limit) = 0;
    // Bounds that cut the range into at most `parts` ranges of about equal count (interior bounds
    // only, ascending; may lie on the view's own bucket bounds).
    virtual std::vector<RecordRef> split(const SyncRange& range, std::size_t parts) = 0;
    // Content below it was pruned, and is neither offered nor wanted. Below the higher of both
    // sides' floors they speak of lasting records alone.
    virtual GlobalTime floor() const { return 0; }
    // The records that nobody ever prunes, for the others rest on them: who founded, who may do
    // what, what was undone. The same view where nothing else is held.
    virtual RangeView& lasting() { return *this; }
};

enum class SyncSide { Initiator, Responder };
struct Reconciled {
    std::vector<SyncElement> answers;
    std::vector<Selection> wants;
    std::vector<Selection> offers;
};
// Of the whole set; below both floors, as far as the other's is known, of what lasts.
std::vector<SyncElement> open_sync(RangeView& view, GlobalTime their_floor = 0);
Reconciled reconcile(RangeView& view, const SyncKey& session_key,
                     const std::vector<SyncElement>& elements, SyncSide side);

}  // namespace warren::protocol
