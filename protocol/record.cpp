// Record layout and the payloads of our three kinds. Form and bounds only: signatures are checked
// by the verify workers, permissions by storage.
#include "protocol/record.h"

#include <algorithm>

#include "base/hash.h"
#include "protocol/community/types.h"

namespace warren::protocol {

namespace {

constexpr std::size_t prev_bytes = 8 + RecordId::size;
constexpr std::size_t frame_bytes = 23 + 2 + PublicKey::size + 8 + prev_bytes + signature_bytes;
constexpr std::size_t payload_bytes_max = record_bytes_max - frame_bytes;

struct TextBounds {
    std::size_t least, most;
};
constexpr TextBounds channel_name{1, 128};
constexpr TextBounds channel_description{0, 2048};
constexpr TextBounds torrent_name{1, 300};
constexpr TextBounds torrent_tags{0, 200};
constexpr TextBounds file_name{1, 240};

// A text that a decoder takes: cut at a character, foreign bytes and emptiness written as '?'.
std::string fitted(std::string text, TextBounds bounds) {
    if (!is_utf8(text))
        std::replace_if(
            text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; },
            '?');
    if (text.size() > bounds.most) {
        text.resize(bounds.most);
        while (!is_utf8(text))
            text.pop_back();
    }
    if (text.size() < bounds.least) text = "?";
    return text;
}

void put_text(Writer& to, const std::string& text, TextBounds bounds) {
    const std::string fit = fitted(text, bounds);
    to.u16(static_cast<std::uint16_t>(fit.size())).bytes(view_of(fit));
}

std::string_view read_text(Reader& in, TextBounds bounds) {
    const auto bytes = in.take(in.u16());
    const auto text = text_of(bytes);
    if (text.size() < bounds.least || text.size() > bounds.most || !is_utf8(text)) in.fail();
    return in.ok() ? text : std::string_view();
}

Error bad_payload(const char* what) {
    return bad_input(std::string(what) + ": cut short, too long, or a text out of bounds");
}

bool is_valid_prev(const RecordRef& prev, GlobalTime time) {
    return (prev.time == 0) == prev.id.is_zero() && prev.time < time;
}

}  // namespace

bool is_record_kind(std::uint8_t message_id) {
    return std::ranges::any_of(community_types, [&](const CommunityType* type) {
        const auto* message = type->find(message_id);
        return message && message->is_stored();
    });
}

Result<RecordView> decode_record(ByteView packet) {
    if (packet.size() > record_bytes_max) return bad_input("record too long");
    WARREN_TRY(const SignedParts parts, decode_signed(packet, WithGlobalTime::Yes));
    if (!is_curve25519_key(parts.public_key)) return bad_input("record by a legacy key");
    const std::uint8_t message_id = packet[prefix_bytes];
    if (!is_record_kind(message_id)) return bad_input("message is no record");

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
    out.payload = in.rest();
    out.signed_bytes = parts.signed_bytes;
    out.signature = parts.signature;
    out.id.bytes = sha256(parts.signed_bytes);
    return out;
}

Bytes encode_unsigned(const RecordDraft& draft) {
    Writer payload;
    payload.u64(draft.prev.time).bytes(draft.prev.id.view()).bytes(draft.payload);
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

Result<TorrentEntry> decode_torrent_entry(ByteView payload) {
    Reader in(payload);
    TorrentEntry out;
    out.infohash.bytes = in.array<Infohash::size>();
    out.size = in.u64();
    out.created_s = in.u64();
    out.files = in.u32();
    out.name = read_text(in, torrent_name);
    out.tags = read_text(in, torrent_tags);
    while (in.left() > 0)
        out.file_names.emplace_back(read_text(in, file_name));
    if (!in.done() || payload.size() > payload_bytes_max) return bad_payload("torrent entry");
    return out;
}

bool is_torrent_entry(ByteView payload) {
    Reader in(payload);
    in.take(Infohash::size + 8 + 8 + 4);
    read_text(in, torrent_name);
    read_text(in, torrent_tags);
    while (in.left() > 0)
        read_text(in, file_name);
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
    for (const auto& name : entry.file_names) {
        if (to.size() + 2 + std::min(name.size(), file_name.most) > payload_bytes_max) break;
        put_text(to, name, file_name);
    }
    return to.take();
}

}  // namespace warren::protocol
