// Records: signed, immutable messages of a community, kept and forwarded as the exact bytes that
// were signed. On the wire a record is an IPv8 packet of shape AG whose payload begins with the
// author's previous record in that community: u64 global time, 32-byte id (both zero for the
// first). A record of two members names the second one's key behind that, and ends in two
// signatures over the same bytes, the author's first. A record's id is SHA-256 over its bytes
// without the signatures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/ipv8.h"
#include "protocol/text_field.h"

namespace warren::protocol {

inline constexpr std::size_t record_bytes_max = 8 * 1024;
inline constexpr std::size_t record_datagram_bytes = 1200;  // a longer record travels in fragments

// Message ids of our communities' records.
enum class RecordKind : std::uint8_t {
    ChannelGenesis = 1,    // in a channel's community: what the channel is; by its founder
    Torrent = 2,           // in a channel's community
    ChannelAnnounced = 3,  // in the directory community
    Vote = 32,             // in the directory: for or against a channel
    Subscription = 33,     // in the directory: to a channel
    ChannelEdit = 34,      // in a channel's community, as those that follow: its name, description
    TorrentEdit = 35,
    Playlist = 36,
    PlaylistEdit = 37,
    Comment = 38,
    Agreement = 64,  // in a channel's community: what two members state together
};
bool is_record_kind(std::uint8_t message_id);
bool is_two_party_kind(std::uint8_t message_id);
// How many bytes of signatures end a record of this kind.
std::size_t signature_bytes_of(std::uint8_t message_id);

// Views into the packet it was decoded from.
struct RecordView {
    CommunityId community;
    RecordKind kind = RecordKind::Torrent;
    PublicKey author;
    std::optional<PublicKey> second;  // of a record of two members
    GlobalTime time = 0;
    RecordRef prev;    // of the author's records; zero: none
    ByteView payload;  // after prev and second
    ByteView signed_bytes;
    ByteView signature;  // of the author; behind it that of the second
    RecordId id;

    RecordRef ref() const { return {time, id}; }
};
// Checks form and bounds, not the signatures.
Result<RecordView> decode_record(ByteView packet);
// For what is not signed yet: with zeros in the signatures' place, so that it can be decoded.
Bytes with_blank_signatures(ByteView unsigned_bytes);

struct RecordDraft {
    CommunityId community;
    RecordKind kind = RecordKind::Torrent;
    PublicKey author;
    GlobalTime time = 0;
    RecordRef prev;
    ByteView payload;
    std::optional<PublicKey> second = std::nullopt;  // where the kind is of two members
};
// The bytes to sign; the packet is these followed by the signatures.
Bytes encode_unsigned(const RecordDraft& draft);

// ---- payloads. Texts are UTF-8 with their bounds in bytes; decoders refuse bytes left over.

inline constexpr TextBounds channel_name{1, 128};
inline constexpr TextBounds channel_description{0, 2048};
inline constexpr TextBounds torrent_name{1, 300};
inline constexpr TextBounds torrent_tags{0, 200};

using Nonce = FixedId<16, struct NonceTag>;

// A channel's community id binds its founder: SHA-256("warren channel" ‖ founder key ‖ nonce),
// first 20 bytes. So whoever holds genesis or announcement can check who may write.
CommunityId channel_community(const PublicKey& founder, const Nonce& nonce);

// The one well-known directory: SHA-1 of the ASCII text "warren directory community 1".
CommunityId directory_community();

struct ChannelGenesis {
    Nonce nonce;
    std::string name;
    std::string description;
};
struct ChannelAnnounced {
    CommunityId channel;
    Nonce nonce;
    std::string name;
};
using ContentHash = FixedId<32, struct ContentHashTag>;  // SHA-256 of what is fetched by it

struct TorrentExtras {
    std::optional<ContentHash> thumbnail = {};
    std::vector<std::string> trackers = {};  // 0 to 16, each 1..256
    bool operator==(const TorrentExtras&) const = default;
};
struct TorrentEntry {
    Infohash infohash;
    std::uint64_t size = 0;
    std::uint64_t created_s = 0;  // Unix time; shown to people, decides nothing
    std::uint32_t files = 0;      // how many there really are
    std::string name;
    std::string tags;                     // comma-separated
    std::vector<std::string> file_names;  // the first of them, as many as fit; each 1..240
    TorrentExtras extras = {};            // behind an empty file name; then not empty
};
struct Agreement {
    std::string text;  // 1..600, so that the record fits a datagram
};
Result<ChannelGenesis> decode_channel_genesis(ByteView payload);
Result<ChannelAnnounced> decode_channel_announced(ByteView payload);
Result<TorrentEntry> decode_torrent_entry(ByteView payload);
Result<Agreement> decode_agreement(ByteView payload);
bool is_torrent_entry(ByteView payload);  // whether the decoder takes it; without keeping anything
// Encoders cut texts at their bounds (on a UTF-8 boundary) and file names so that the record stays
// within record_bytes_max.
Bytes encode(const ChannelGenesis& genesis);
Bytes encode(const ChannelAnnounced& announced);
Bytes encode(const TorrentEntry& entry);
Bytes encode(const Agreement& agreement);

// Thumbnail (u8 1 and the hash, or u8 0), then trackers to the end. `keep` may be null.
void read_extras(Reader& in, TorrentExtras* keep);
void put_extras(Writer& to, const TorrentExtras& extras);

}  // namespace warren::protocol
