// Codecs of Warren's overlay messages.
#include "protocol/overlay_messages.h"

#include <algorithm>

#include "protocol/community/proof_request.h"
#include "protocol/overlay_form.h"
#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr std::uint8_t trailer_mark = 0x57;  // 'W'
constexpr std::uint8_t flag_trusts = 0x01, flag_root = 0x02, flag_full = 0x04, flag_offers = 0x08;
constexpr std::size_t header_bytes = prefix_bytes + 1;
constexpr std::size_t records_head_bytes = 1 + 8 + 4 + 1 + 1 + 1;
constexpr std::size_t records_room = overlay_datagram_bytes - header_bytes - records_head_bytes;
constexpr std::size_t fragment_room = records_room - (8 + 32 + 1 + 1);
constexpr std::uint8_t kind_whole = 0, kind_fragment = 1, kind_cut = 2;

Error malformed(const char* what) {
    return bad_input(std::string(what) + " is malformed");
}

bool parts_ok(std::uint8_t part, std::uint8_t parts) {
    return parts > 0 && parts <= parts_max && part < parts;
}

struct RecordsHead {
    std::uint64_t session = 0;
    std::uint32_t request = 0;
    std::uint8_t part = 0, parts = 1;
};

Writer records_head(const RecordsHead& h) {
    Writer out = overlay_head();
    out.u64(h.session).u32(h.request).u8(h.part).u8(h.parts);
    return out;
}

}  // namespace

Bytes encode(const Trailer& trailer) {
    Writer out;
    auto flags = static_cast<std::uint8_t>(
        (trailer.trusts ? flag_trusts : 0) | (trailer.root ? flag_root : 0) |
        (trailer.full ? flag_full : 0) | (trailer.wants_offers ? flag_offers : 0));
    out.u8(trailer_mark).u8(overlay_version).u8(flags).u64(trailer.cookie).u64(trailer.echo);
    if (trailer.root) {
        const auto& sum = trailer.root->sum;
        out.varint(sum.count).u64(sum.high).u64(sum.low).varint(trailer.root->newest);
        out.varint(trailer.root->epoch).varint(trailer.root->floor);
    }
    return out.take();
}

std::optional<Trailer> decode_trailer(ByteView extra) {
    Reader in(extra);
    if (in.u8() != trailer_mark || in.u8() != overlay_version) return std::nullopt;
    Trailer out;
    auto flags = in.u8();
    out.cookie = in.u64();
    out.echo = in.u64();
    out.trusts = (flags & flag_trusts) != 0;
    out.full = (flags & flag_full) != 0;
    out.wants_offers = (flags & flag_offers) != 0;
    if ((flags & flag_root) != 0) {
        CommunityRoot root;
        root.sum.count = in.varint();
        root.sum.high = in.u64();
        root.sum.low = in.u64();
        root.newest = in.varint();
        root.epoch = in.varint();
        root.floor = in.varint();
        out.root = root;
    }
    if (!in.done()) return std::nullopt;
    return out;
}

Bytes encode(const SyncRanges& m) {
    Writer out = overlay_head();
    out.u64(m.session).u8(static_cast<std::uint8_t>(m.direction)).u32(m.sequence);
    return out.u8(m.part).u8(m.parts).bytes(m.elements).take();
}

Result<SyncRanges> decode_sync_ranges(ByteView body) {
    auto in = overlay_body(body);
    SyncRanges out;
    out.session = in.u64();
    auto direction = in.u8();
    out.sequence = in.u32();
    out.part = in.u8();
    out.parts = in.u8();
    out.elements = in.rest();
    if (!in.ok() || direction > 1 || !parts_ok(out.part, out.parts))
        return malformed("sync-ranges");
    out.direction = static_cast<SyncDirection>(direction);
    return out;
}

Bytes encode(const SyncFetch& m) {
    return overlay_head().u64(m.session).u32(m.request).u32(m.bytes_max).bytes(m.selections).take();
}

Result<SyncFetch> decode_sync_fetch(ByteView body) {
    auto in = overlay_body(body);
    SyncFetch out;
    out.session = in.u64();
    out.request = in.u32();
    out.bytes_max = in.u32();
    out.selections = in.rest();
    if (!in.ok()) return malformed("sync-fetch");
    return out;
}

Bytes encode(const SyncRecords& m) {
    Writer out = records_head({m.session, m.request, m.part, m.parts});
    const std::uint8_t cut = m.cut ? kind_cut : 0;
    if (m.fragment) {
        const auto& f = *m.fragment;
        out.u8(kind_fragment | cut).u64(f.ref.time).bytes(f.ref.id.view()).u8(f.index).u8(f.total);
        return out.bytes(f.bytes).take();
    }
    out.u8(kind_whole | cut);
    for (auto packet : m.packets)
        out.u16(static_cast<std::uint16_t>(packet.size())).bytes(packet);
    return out.take();
}

Result<SyncRecords> decode_sync_records(ByteView body) {
    auto in = overlay_body(body);
    SyncRecords out;
    out.session = in.u64();
    out.request = in.u32();
    out.part = in.u8();
    out.parts = in.u8();
    const std::uint8_t kinds = in.u8();
    const auto kind = kinds & ~kind_cut;
    out.cut = (kinds & kind_cut) != 0;
    if (!in.ok() || kind > kind_fragment || !parts_ok(out.part, out.parts))
        return malformed("sync-records");
    if (kind == kind_fragment) {
        Fragment f;
        f.ref.time = in.u64();
        f.ref.id.bytes = in.array<32>();
        f.index = in.u8();
        f.total = in.u8();
        f.bytes = in.rest();
        constexpr auto total_max = record_bytes_max / fragment_room + 1;
        bool fits = f.index < f.total && f.total <= total_max && !f.bytes.empty();
        if (!in.ok() || !fits) return malformed("sync-records fragment");
        out.fragment = f;
        return out;
    }
    while (in.ok() && in.left() > 0)
        out.packets.push_back(in.take(in.u16()));
    if (!in.ok()) return malformed("sync-records");
    return out;
}

Bytes encode(const SyncOffer& m) {
    return overlay_head().u64(m.session).bytes(m.selections).take();
}

Result<SyncOffer> decode_sync_offer(ByteView body) {
    auto in = overlay_body(body);
    SyncOffer out;
    out.session = in.u64();
    out.selections = in.rest();
    if (!in.ok()) return malformed("sync-offer");
    return out;
}

Bytes encode(const RecordOffer& m) {
    Writer out = overlay_head();
    for (const auto& ref : m.refs)
        out.u64(ref.time).bytes(ref.id.view());
    return out.take();
}

Result<RecordOffer> decode_record_offer(ByteView body) {
    auto in = overlay_body(body);
    RecordOffer out;
    while (in.ok() && in.left() > 0 && out.refs.size() <= record_offers_max) {
        RecordRef ref;
        ref.time = in.u64();
        ref.id.bytes = in.array<32>();
        out.refs.push_back(ref);
    }
    if (!in.done() || out.refs.empty() || out.refs.size() > record_offers_max)
        return malformed("record-offer");
    return out;
}

Bytes encode(const SwarmQuery& m) {
    Writer out = overlay_head();
    out.u32(m.request);
    for (const auto& infohash : m.infohashes)
        out.bytes(infohash.view());
    return out.take();
}

Result<SwarmQuery> decode_swarm_query(ByteView body) {
    auto in = overlay_body(body);
    SwarmQuery out;
    out.request = in.u32();
    if (!in.ok() || in.left() % 20 != 0 || in.left() == 0 || in.left() > 20 * infohashes_max)
        return malformed("swarm-query");
    while (in.left() > 0) {
        Infohash infohash;
        infohash.bytes = in.array<20>();
        out.infohashes.push_back(infohash);
    }
    return out;
}

Bytes encode(const SwarmReply& m) {
    return overlay_head().u32(m.request).u32(m.bitmap).u16(m.port).take();
}

Result<SwarmReply> decode_swarm_reply(ByteView body) {
    auto in = overlay_body(body);
    SwarmReply out;
    out.request = in.u32();
    out.bitmap = in.u32();
    out.port = in.u16();
    if (!in.done()) return malformed("swarm-reply");
    return out;
}

Bytes encode(const ProofRequest& m) {
    return overlay_head().u64(m.session).u32(m.request).u32(m.bytes_max).bytes(m.questions).take();
}

Result<ProofRequest> decode_proof_request(ByteView body) {
    auto in = overlay_body(body);
    ProofRequest out;
    out.session = in.u64();
    out.request = in.u32();
    out.bytes_max = in.u32();
    out.questions = in.rest();
    if (!in.ok() || !decode_questions(out.questions)) return malformed("proof-request");
    return out;
}

RecordRef next_ref(const RecordRef& ref) {
    RecordRef out = ref;
    for (std::size_t i = out.id.bytes.size(); i-- > 0;)
        if (++out.id.bytes[i] != 0) return out;
    ++out.time;  // the id was all ones
    return out;
}

namespace {

void add_fragments(std::vector<SyncRecords>& to, ByteView packet) {
    auto record = decode_record(packet);
    if (!record) return;
    auto total = (packet.size() + fragment_room - 1) / fragment_room;
    for (std::size_t i = 0; i < total; ++i) {
        auto at = i * fragment_room;
        SyncRecords message;
        message.fragment =
            Fragment{record->ref(), static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(total),
                     packet.subspan(at, std::min(fragment_room, packet.size() - at))};
        to.push_back(std::move(message));
    }
}

}  // namespace

std::vector<Bytes> pack_records(std::uint64_t session, std::uint32_t request,
                                const FetchedRecords& fetched) {
    std::vector<SyncRecords> messages;
    SyncRecords whole;
    std::size_t used = 0;
    const auto flush = [&] {  // in their order, which tells the asker how far an answer goes
        if (!whole.packets.empty()) messages.push_back(std::move(whole));
        whole = {};
        used = 0;
    };
    for (const auto& packet : fetched.packets) {
        const bool fits = packet.size() + 2 <= records_room;
        if (!fits || used + packet.size() + 2 > records_room) flush();
        if (!fits) {
            add_fragments(messages, packet);
            continue;
        }
        whole.packets.push_back(packet);
        used += packet.size() + 2;
    }
    flush();
    if (messages.empty()) messages.emplace_back();
    const bool cut = fetched.cut || messages.size() > parts_max;
    if (messages.size() > parts_max) messages.resize(parts_max);
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        messages[i].session = session;
        messages[i].cut = cut;
        messages[i].request = request;
        messages[i].part = static_cast<std::uint8_t>(i);
        messages[i].parts = static_cast<std::uint8_t>(messages.size());
        out.push_back(encode(messages[i]));
    }
    return out;
}

}  // namespace warren::protocol
