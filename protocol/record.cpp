// Record layout and the payloads of our kinds. Form and bounds only: signatures are checked
// by the verify workers, permissions by storage.
#include "protocol/record.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "protocol/community/control_records.h"
#include "protocol/community/types.h"

namespace warren::protocol {

namespace {

constexpr std::size_t prev_bytes = 8 + RecordId::size;
constexpr std::size_t frame_bytes = 23 + 2 + PublicKey::size + 8 + prev_bytes + signature_bytes;
constexpr std::size_t payload_bytes_max = record_bytes_max - frame_bytes;

constexpr std::size_t trackers_max = 16;

constexpr TextBounds agreement_text{1, 600};

// By message id, how many members sign a record of it; 0: it is none. Ids mean one thing in all
// types (types.h).
constexpr auto signers = [] {
    std::array<std::uint8_t, 256> out{};
    for (const auto* type : community_types)
        for (const auto& message : type->messages)
            if (message.is_stored())
                out[message.id] = message.authentication == Authentication::TwoMembers ? 2 : 1;
    for (const auto& message : control_messages)
        out[message.id] = 1;
    return out;
}();

constexpr TextBounds file_name{1, 240}, file_name_or_end{0, 240};
constexpr TextBounds tracker{1, 256};

Error bad_payload(const char* what) {
    return bad_input(std::string(what) + ": cut short, too long, or a text out of bounds");
}

bool is_valid_prev(const RecordRef& prev, GlobalTime time) {
    return (prev.time == 0) == prev.id.is_zero() && prev.time < time;
}

}  // namespace

bool is_record_kind(std::uint8_t message_id) {
    return signers[message_id] != 0;
}

bool is_two_party_kind(std::uint8_t message_id) {
    return signers[message_id] == 2;
}

std::size_t signature_bytes_of(std::uint8_t message_id) {
    return is_two_party_kind(message_id) ? 2 * signature_bytes : signature_bytes;
}

Bytes with_blank_signatures(ByteView unsigned_bytes) {
    const auto id = unsigned_bytes.size() > prefix_bytes ? unsigned_bytes[prefix_bytes] : 0;
    auto out = to_bytes(unsigned_bytes);
    out.resize(out.size() + signature_bytes_of(static_cast<std::uint8_t>(id)));
    return out;
}

Result<RecordView> decode_record(ByteView packet) {
    if (packet.size() > record_bytes_max) return bad_input("record too long");
    if (packet.size() <= prefix_bytes) return bad_input("record cut short");
    const std::uint8_t message_id = packet[prefix_bytes];
    if (!is_record_kind(message_id)) return bad_input("message is no record");
    // Without the second signature it is a packet like any other.
    const auto more = signature_bytes_of(message_id) - signature_bytes;
    if (packet.size() < more) return bad_input("record cut short");
    WARREN_TRY(const SignedParts parts,
               decode_signed(packet.first(packet.size() - more), WithGlobalTime::Yes));
    if (!is_curve25519_key(parts.public_key)) return bad_input("record by a legacy key");

    RecordView out;
    out.community = *CommunityId::from(packet.subspan(2, CommunityId::size));
    out.kind = static_cast<RecordKind>(message_id);
    out.author = *PublicKey::from(parts.public_key);
    out.time = parts.global_time;
    // The largest time is the end of all sync ranges, so no record may lie there.
    if (out.time < 1 || out.time == ~GlobalTime{0}) return bad_input("record time out of range");

    Reader in(parts.payload);
    out.prev.time = in.u64();
    out.prev.id.bytes = in.array<RecordId::size>();
    if (!in.ok()) return bad_input("record without its predecessor field");
    if (!is_valid_prev(out.prev, out.time)) return bad_input("record's predecessor is not earlier");
    if (is_two_party_kind(message_id)) {
        out.second = PublicKey{in.array<PublicKey::size>()};
        if (!in.ok() || !is_curve25519_key(out.second->view()) || *out.second == out.author)
            return bad_input("record of two members without a second one");
    }
    out.payload = in.rest();
    out.signed_bytes = parts.signed_bytes;
    out.signature = packet.subspan(parts.signed_bytes.size());
    out.id.bytes = sha256(parts.signed_bytes);
    return out;
}

Bytes encode_unsigned(const RecordDraft& draft) {
    Writer payload;
    payload.u64(draft.prev.time).bytes(draft.prev.id.view());
    if (draft.second) payload.bytes(draft.second->view());
    payload.bytes(draft.payload);
    return frame_signed(draft.community, static_cast<std::uint8_t>(draft.kind), draft.author,
                        draft.time, payload.peek());
}

CommunityId channel_community(const PublicKey& founder, const Nonce& nonce) {
    Bytes bound = to_bytes(view_of("warren channel"));
    append(bound, founder.view());
    append(bound, nonce.view());
    const Sha256 digest = sha256(bound);
    return *CommunityId::from(ByteView(digest).first(CommunityId::size));
}

CommunityId directory_community() {
    return CommunityId{sha1(view_of("warren directory community 1"))};
}

Result<ChannelGenesis> decode_channel_genesis(ByteView payload) {
    Reader in(payload);
    ChannelGenesis out;
    out.nonce.bytes = in.array<Nonce::size>();
    out.name = read_text(in, channel_name);
    out.description = read_text(in, channel_description);
    if (!in.done()) return bad_payload("channel genesis");
    return out;
}

Result<ChannelAnnounced> decode_channel_announced(ByteView payload) {
    Reader in(payload);
    ChannelAnnounced out;
    out.channel.bytes = in.array<CommunityId::size>();
    out.nonce.bytes = in.array<Nonce::size>();
    out.name = read_text(in, channel_name);
    if (!in.done()) return bad_payload("channel announcement");
    return out;
}

void put_extras(Writer& to, const TorrentExtras& extras) {
    to.u8(extras.thumbnail ? 1 : 0);
    if (extras.thumbnail) to.bytes(extras.thumbnail->view());
    for (std::size_t i = 0; i < std::min(extras.trackers.size(), trackers_max); ++i)
        put_text(to, extras.trackers[i], tracker);
}

void read_extras(Reader& in, TorrentExtras* keep) {
    const auto has_thumbnail = in.u8();
    if (has_thumbnail > 1) return in.fail();
    if (has_thumbnail == 1) {
        const ContentHash thumbnail{in.array<ContentHash::size>()};
        if (keep) keep->thumbnail = thumbnail;
    }
    for (std::size_t count = 0; in.left() > 0; ++count) {
        if (count == trackers_max) return in.fail();
        const auto one = read_text(in, tracker);
        if (keep) keep->trackers.emplace_back(one);
    }
}

namespace {

// File names to the end, or up to an empty one: extras stand behind it, if there are any.
void read_tail(Reader& in, TorrentEntry* keep) {
    while (in.left() > 0) {
        const auto name = read_text(in, file_name_or_end);
        if (name.empty()) {
            constexpr std::size_t nothing = 1;
            if (in.left() <= nothing) return in.fail();
            return read_extras(in, keep ? &keep->extras : nullptr);
        }
        if (keep) keep->file_names.emplace_back(name);
    }
}

}  // namespace

Result<TorrentEntry> decode_torrent_entry(ByteView payload) {
    Reader in(payload);
    TorrentEntry out;
    out.infohash.bytes = in.array<Infohash::size>();
    out.size = in.u64();
    out.created_s = in.u64();
    out.files = in.u32();
    out.name = read_text(in, torrent_name);
    out.tags = read_text(in, torrent_tags);
    read_tail(in, &out);
    if (!in.done() || payload.size() > payload_bytes_max) return bad_payload("torrent entry");
    return out;
}

Result<Agreement> decode_agreement(ByteView payload) {
    Reader in(payload);
    Agreement out;
    out.text = read_text(in, agreement_text);
    if (!in.done()) return bad_payload("agreement");
    return out;
}

bool is_torrent_entry(ByteView payload) {
    Reader in(payload);
    in.take(Infohash::size + 8 + 8 + 4);
    read_text(in, torrent_name);
    read_text(in, torrent_tags);
    read_tail(in, nullptr);
    return in.done() && payload.size() <= payload_bytes_max;
}

Bytes encode(const ChannelGenesis& genesis) {
    Writer to;
    to.bytes(genesis.nonce.view());
    put_text(to, genesis.name, channel_name);
    put_text(to, genesis.description, channel_description);
    return to.take();
}

Bytes encode(const ChannelAnnounced& announced) {
    Writer to;
    to.bytes(announced.channel.view()).bytes(announced.nonce.view());
    put_text(to, announced.name, channel_name);
    return to.take();
}

Bytes encode(const TorrentEntry& entry) {
    Writer to;
    to.bytes(entry.infohash.view()).u64(entry.size).u64(entry.created_s).u32(entry.files);
    put_text(to, entry.name, torrent_name);
    put_text(to, entry.tags, torrent_tags);
    Writer extras;
    if (entry.extras != TorrentExtras{}) put_extras(extras.u16(0), entry.extras);
    const auto room = payload_bytes_max - extras.size();
    for (const auto& name : entry.file_names) {
        if (to.size() + 2 + std::min(name.size(), file_name.most) > room) break;
        put_text(to, name, file_name);
    }
    to.bytes(extras.peek());
    return to.take();
}

Bytes encode(const Agreement& agreement) {
    Writer to;
    put_text(to, agreement.text, agreement_text);
    return to.take();
}

}  // namespace warren::protocol
