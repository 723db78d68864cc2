// The byte layouts of protocol/dht_messages.h.
#include "protocol/dht_messages.h"

#include "base/hash.h"
#include "protocol/wire.h"

namespace warren::protocol {

namespace {

template <typename Id>
Id read_id(Reader& in) {
    return Id{in.array<Id::size>()};
}

std::vector<DhtNodeEntry> read_nodes(Reader& in) {
    std::vector<DhtNodeEntry> out;
    const auto count = in.u8();
    for (unsigned i = 0; i < count && in.ok(); ++i) {
        const auto address = unmapped(read_ip_address(in));
        out.push_back({address, read_varlen_h(in)});
    }
    return out;
}

void put_nodes(Writer& to, const std::vector<DhtNodeEntry>& nodes) {
    to.u8(static_cast<std::uint8_t>(nodes.size()));
    for (const auto& node : nodes) {
        put_ip_address(to, node.address);
        put_varlen_h(to, node.public_key);
    }
}

template <typename Message>
Result<Message> whole(const Reader& in, Message message, const char* name) {
    if (!in.done()) return bad_input(std::string("DHT ") + name + " of a wrong form");
    return message;
}

}  // namespace

Result<std::uint32_t> decode_dht_identifier(ByteView payload) {
    Reader in(payload);
    const auto identifier = in.u32();
    return whole(in, identifier, "message");
}

Bytes encode_dht_identifier(std::uint32_t identifier) {
    return Writer().u32(identifier).take();
}

Result<DhtStoreRequest> decode_dht_store_request(ByteView payload) {
    Reader in(payload);
    DhtStoreRequest out;
    out.identifier = in.u32();
    out.token = read_id<DhtToken>(in);
    out.target = read_id<DhtId>(in);
    out.values = read_varlen_h_list(in);
    return whole(in, std::move(out), "store request");
}

Bytes encode(const DhtStoreRequest& message) {
    Writer to;
    to.u32(message.identifier).bytes(message.token.view()).bytes(message.target.view());
    put_varlen_h_list(to, message.values);
    return to.take();
}

Result<DhtFindRequest> decode_dht_find_request(ByteView payload) {
    Reader in(payload);
    DhtFindRequest out;
    out.identifier = in.u32();
    out.lan = unmapped(read_ip_address(in));
    out.target = read_id<DhtId>(in);
    out.offset = in.u32();
    out.force_nodes = in.u8() != 0;
    return whole(in, out, "find request");
}

Bytes encode(const DhtFindRequest& message) {
    Writer to;
    to.u32(message.identifier);
    put_ip_address(to, message.lan);
    to.bytes(message.target.view()).u32(message.offset);
    return to.u8(message.force_nodes ? 1 : 0).take();
}

Result<DhtFindResponse> decode_dht_find_response(ByteView payload) {
    Reader in(payload);
    DhtFindResponse out;
    out.identifier = in.u32();
    out.token = read_id<DhtToken>(in);
    out.values = read_varlen_h_list(in);
    out.nodes = read_nodes(in);
    return whole(in, std::move(out), "find response");
}

Bytes encode(const DhtFindResponse& message) {
    Writer to;
    to.u32(message.identifier).bytes(message.token.view());
    put_varlen_h_list(to, message.values);
    put_nodes(to, message.nodes);
    return to.take();
}

Result<DhtStorePeerRequest> decode_dht_store_peer_request(ByteView payload) {
    Reader in(payload);
    DhtStorePeerRequest out;
    out.identifier = in.u32();
    out.token = read_id<DhtToken>(in);
    out.target = read_id<DhtId>(in);
    return whole(in, out, "store-peer request");
}

Bytes encode(const DhtStorePeerRequest& message) {
    Writer to;
    to.u32(message.identifier).bytes(message.token.view());
    return to.bytes(message.target.view()).take();
}

Result<DhtConnectPeerRequest> decode_dht_connect_peer_request(ByteView payload) {
    Reader in(payload);
    DhtConnectPeerRequest out;
    out.identifier = in.u32();
    out.lan = unmapped(read_ip_address(in));
    out.target = read_id<DhtId>(in);
    return whole(in, out, "connect-peer request");
}

Bytes encode(const DhtConnectPeerRequest& message) {
    Writer to;
    to.u32(message.identifier);
    put_ip_address(to, message.lan);
    return to.bytes(message.target.view()).take();
}

Result<DhtConnectPeerResponse> decode_dht_connect_peer_response(ByteView payload) {
    Reader in(payload);
    DhtConnectPeerResponse out;
    out.identifier = in.u32();
    out.nodes = read_nodes(in);
    return whole(in, std::move(out), "connect-peer response");
}

Bytes encode(const DhtConnectPeerResponse& message) {
    Writer to;
    to.u32(message.identifier);
    put_nodes(to, message.nodes);
    return to.take();
}

Result<DhtValue> decode_dht_value(ByteView value) {
    Reader in(value);
    const auto form = in.u8();
    DhtValue out;
    if (in.ok() && form == dht_value_plain) {
        out.data = in.rest();
        return out;
    }
    if (form != dht_value_signed) return bad_input("DHT value of an unknown form");
    out.data = read_varlen_h(in);
    out.version = in.u32();
    out.public_key = read_varlen_h(in);
    out.signed_bytes = value.first(value.size() - in.left());
    out.signature = in.rest();
    if (!in.ok() || out.public_key.empty() ||
        out.signature.size() != signature_length(out.public_key))
        return bad_input("signed DHT value of a wrong form");
    return out;
}

Bytes encode_plain_value(ByteView data) {
    return Writer().u8(dht_value_plain).bytes(data).take();
}

Bytes frame_signed_value(ByteView data, std::uint32_t version, ByteView public_key) {
    Writer to;
    to.u8(dht_value_signed);
    put_varlen_h(to, data);
    to.u32(version);
    put_varlen_h(to, public_key);
    return to.take();
}

DhtToken make_dht_token(const Endpoint& asker, const MemberId& member, const DhtSecret& secret) {
    const auto name = "Peer<" + asker.text() + ", " + to_base64(member.view()) + ">";
    return DhtToken{sha1(Writer().bytes(view_of(name)).bytes(secret).peek())};
}

Result<DhtIntroductionPoint> decode_dht_introduction_point(ByteView data) {
    Reader in(data);
    DhtIntroductionPoint out;
    out.address = unmapped(read_ip_address(in));
    out.last_seen_s = in.u32();
    out.introduction_key = read_varlen_h(in);
    out.seeder_key = read_varlen_h(in);
    return whole(in, out, "introduction point");
}

Bytes encode(const DhtIntroductionPoint& point) {
    Writer to;
    put_ip_address(to, point.address);
    to.u32(point.last_seen_s);
    put_varlen_h(to, point.introduction_key);
    put_varlen_h(to, point.seeder_key);
    return to.take();
}

}  // namespace warren::protocol
