// The byte layouts of protocol/ipv8.h. Nothing here trusts a length before it has checked it.
#include "protocol/ipv8.h"

#include <algorithm>

#include "base/hash.h"

namespace warren::protocol {

namespace {

constexpr std::string_view key_tag = "LibNaCLPK:";
constexpr std::uint8_t version = 2;

// Bits of the flag bytes; what has no meaning is kept, so that a message can be written back.
constexpr unsigned connection_shift = 6;
constexpr std::uint8_t connection_undefined = 0x40;
constexpr std::uint8_t request_new_style = 0x20;
constexpr std::uint8_t request_advice = 0x01;
constexpr std::uint8_t request_unused = 0x1e;
constexpr std::uint8_t response_new_style = 0x10;
constexpr std::uint8_t response_introduced_new_style = 0x08;
constexpr std::uint8_t response_peer_limit = 0x04;
constexpr std::uint8_t response_unused = 0x23;
constexpr std::uint8_t new_response_introduced_new_style = 0x80;

enum class AddressType : std::uint8_t { Ipv4 = 1, Ipv6 = 3 };

// Signature length by the key's kind; 0 for no key that we know. Legacy keys are DER; their length
// tells the curve (bootstrap servers use the shortest one).
std::size_t signature_length(ByteView key) {
    if (is_curve25519_key(key)) return signature_bytes;
    constexpr std::uint8_t der_sequence = 0x30;
    if (key.empty() || key[0] != der_sequence) return 0;
    switch (key.size()) {
    case 66: return 42;
    case 84: return 60;
    case 128: return 104;
    case 170: return 144;
    default: return 0;
    }
}

Result<Header> parse_header(ByteView datagram) {
    Reader in(datagram);
    Header out;
    const std::uint8_t zero = in.u8();
    const std::uint8_t came_version = in.u8();
    out.community.bytes = in.array<20>();
    out.message_id = in.u8();
    if (!in.ok()) return bad_input("datagram shorter than its header");
    if (zero != 0 || came_version != version) return bad_input("not an IPv8 version 2 datagram");
    out.body = in.rest();
    return out;
}

// Our rules for endpoints look at IPv4 in its own form only, so a mapped address is put into it.
Endpoint unmapped(const Endpoint& from) {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (!std::equal(mapped.begin(), mapped.end(), from.address.begin())) return from;
    return Endpoint::ipv4(from.address[12], from.address[13], from.address[14], from.address[15],
                          from.port);
}

Endpoint read_endpoint(Reader& in, Style style) {
    const auto type = style == Style::Old ? AddressType::Ipv4 : static_cast<AddressType>(in.u8());
    if (type != AddressType::Ipv4 && type != AddressType::Ipv6) in.fail();
    Endpoint out;
    out.v6 = type == AddressType::Ipv6;
    const auto address = in.take(out.v6 ? 16 : 4);
    std::copy(address.begin(), address.end(), out.address.begin());
    out.port = in.u16();
    return out.v6 ? unmapped(out) : out;
}

// The old style has no room for IPv6: such an address is written as "none".
void put_endpoint(Writer& to, const Endpoint& endpoint, Style style) {
    const Endpoint& what = style == Style::Old && endpoint.v6 ? Endpoint{} : endpoint;
    if (style == Style::New)
        to.u8(static_cast<std::uint8_t>(what.v6 ? AddressType::Ipv6 : AddressType::Ipv4));
    to.bytes(ByteView(what.address).first(what.v6 ? 16 : 4)).u16(what.port);
}

// Flags and identifier change places between the styles.
void read_flags(Reader& in, Style style, std::uint8_t& flags, std::uint16_t& identifier) {
    if (style == Style::Old) flags = in.u8();
    identifier = in.u16();
    if (style == Style::New) flags = in.u8();
}

void put_flags(Writer& to, Style style, std::uint8_t flags, std::uint16_t identifier) {
    if (style == Style::Old) to.u8(flags);
    to.u16(identifier);
    if (style == Style::New) to.u8(flags);
}

template <typename Message>
void read_connection(Message& message, std::uint8_t flags) {
    const auto bits = static_cast<std::uint8_t>(flags >> connection_shift);
    if (bits == 1)
        message.unused_flags |= connection_undefined;
    else
        message.connection = static_cast<ConnectionType>(bits);
}

std::uint8_t flag(bool set, std::uint8_t bit) {
    return set ? bit : std::uint8_t{0};
}

std::uint8_t flags_of(const IntroductionRequest& message) {
    if (message.style == Style::New) return message.unused_flags;
    const auto connection = static_cast<unsigned>(message.connection) << connection_shift;
    return static_cast<std::uint8_t>(connection | message.unused_flags |
                                     flag(message.supports_new_style, request_new_style) |
                                     flag(message.advice, request_advice));
}

std::uint8_t flags_of(const IntroductionResponse& message) {
    if (message.style == Style::New)
        return static_cast<std::uint8_t>(
            message.unused_flags |
            flag(message.introduced_supports_new_style, new_response_introduced_new_style));
    const auto connection = static_cast<unsigned>(message.connection) << connection_shift;
    return static_cast<std::uint8_t>(
        connection | message.unused_flags | flag(message.supports_new_style, response_new_style) |
        flag(message.introduced_supports_new_style, response_introduced_new_style) |
        flag(message.peer_limit_reached, response_peer_limit));
}

}  // namespace

bool is_curve25519_key(ByteView key) {
    return key.size() == PublicKey::size && text_of(key).starts_with(key_tag);
}

ByteView ed25519_part(const PublicKey& key) {
    return key.view().last(32);
}

MemberId member_id(ByteView public_key) {
    return MemberId{sha1(public_key)};
}

Result<Header> decode_header(ByteView datagram) {
    if (datagram.size() > datagram_bytes_max) return bad_input("datagram too long");
    return parse_header(datagram);
}

void put_header(Writer& to, const CommunityId& community, std::uint8_t message_id) {
    to.u8(0).u8(version).bytes(community.view()).u8(message_id);
}

Result<SignedParts> decode_signed(ByteView datagram, WithGlobalTime with) {
    WARREN_TRY(const Header header, parse_header(datagram));
    Reader in(header.body);
    SignedParts out;
    out.public_key = in.take(in.u16());
    if (!in.ok()) return bad_input("public key runs past the end");
    const std::size_t signature = signature_length(out.public_key);
    if (signature == 0) return bad_input("unknown kind of public key");
    if (with == WithGlobalTime::Yes) out.global_time = in.u64();
    if (!in.ok() || in.left() < signature) return bad_input("no room for the signature");
    out.payload = in.take(in.left() - signature);
    out.signed_bytes = datagram.first(datagram.size() - signature);
    out.signature = datagram.last(signature);
    return out;
}

Result<IntroductionRequest> decode_introduction_request(ByteView payload, Style style) {
    Reader in(payload);
    IntroductionRequest out;
    out.style = style;
    out.destination = read_endpoint(in, style);
    out.source_lan = read_endpoint(in, style);
    out.source_wan = read_endpoint(in, style);
    std::uint8_t flags = 0;
    read_flags(in, style, flags, out.identifier);
    if (!in.ok()) return bad_input("introduction request cut short or of an unknown address type");
    out.extra = in.rest();
    if (style == Style::New) {  // its flags have no meaning; who speaks it supports it
        out.supports_new_style = true;
        out.unused_flags = flags;
        return out;
    }
    out.unused_flags = flags & request_unused;
    read_connection(out, flags);
    out.supports_new_style = (flags & request_new_style) != 0;
    out.advice = (flags & request_advice) != 0;
    return out;
}

Result<IntroductionResponse> decode_introduction_response(ByteView payload, Style style) {
    Reader in(payload);
    IntroductionResponse out;
    out.style = style;
    out.destination = read_endpoint(in, style);
    out.source_lan = read_endpoint(in, style);
    out.source_wan = read_endpoint(in, style);
    out.introduced_lan = read_endpoint(in, style);
    out.introduced_wan = read_endpoint(in, style);
    std::uint8_t flags = 0;
    read_flags(in, style, flags, out.identifier);
    if (!in.ok()) return bad_input("introduction response cut short or of an unknown address type");
    out.extra = in.rest();
    if (style == Style::New) {
        out.introduced_supports_new_style = (flags & new_response_introduced_new_style) != 0;
        out.unused_flags = flags & static_cast<std::uint8_t>(~new_response_introduced_new_style);
        return out;
    }
    out.unused_flags = flags & response_unused;
    read_connection(out, flags);
    out.supports_new_style = (flags & response_new_style) != 0;
    out.introduced_supports_new_style = (flags & response_introduced_new_style) != 0;
    out.peer_limit_reached = (flags & response_peer_limit) != 0;
    return out;
}

Result<PunctureRequest> decode_puncture_request(ByteView payload, Style style) {
    Reader in(payload);
    PunctureRequest out;
    out.style = style;
    out.walker_lan = read_endpoint(in, style);
    out.walker_wan = read_endpoint(in, style);
    out.identifier = in.u16();
    if (!in.done()) return bad_input("puncture request of a wrong length or address type");
    return out;
}

Result<Puncture> decode_puncture(ByteView payload, Style style) {
    Reader in(payload);
    Puncture out;
    out.style = style;
    out.source_lan = read_endpoint(in, style);
    out.second = read_endpoint(in, style);
    out.identifier = in.u16();
    if (!in.done()) return bad_input("puncture of a wrong length or address type");
    return out;
}

Bytes encode(const IntroductionRequest& message) {
    Writer to;
    for (const auto* endpoint : {&message.destination, &message.source_lan, &message.source_wan})
        put_endpoint(to, *endpoint, message.style);
    put_flags(to, message.style, flags_of(message), message.identifier);
    return to.bytes(message.extra).take();
}

Bytes encode(const IntroductionResponse& message) {
    Writer to;
    for (const auto* endpoint : {&message.destination, &message.source_lan, &message.source_wan,
                                 &message.introduced_lan, &message.introduced_wan})
        put_endpoint(to, *endpoint, message.style);
    put_flags(to, message.style, flags_of(message), message.identifier);
    return to.bytes(message.extra).take();
}

Bytes encode(const PunctureRequest& message) {
    Writer to;
    put_endpoint(to, message.walker_lan, message.style);
    put_endpoint(to, message.walker_wan, message.style);
    return to.u16(message.identifier).take();
}

Bytes encode(const Puncture& message) {
    Writer to;
    put_endpoint(to, message.source_lan, message.style);
    put_endpoint(to, message.second, message.style);
    return to.u16(message.identifier).take();
}

Bytes frame_signed(const CommunityId& community, std::uint8_t message_id, const PublicKey& author,
                   std::uint64_t global_time, ByteView payload) {
    Writer to;
    put_header(to, community, message_id);
    to.u16(static_cast<std::uint16_t>(PublicKey::size)).bytes(author.view());
    return to.u64(global_time).bytes(payload).take();
}

Bytes frame_unsigned(const CommunityId& community, std::uint8_t message_id,
                     std::uint64_t global_time, ByteView payload) {
    Writer to;
    put_header(to, community, message_id);
    return to.u64(global_time).bytes(payload).take();
}

Bytes frame_bare(const CommunityId& community, std::uint8_t message_id, ByteView payload) {
    Writer to;
    put_header(to, community, message_id);
    return to.bytes(payload).take();
}

}  // namespace warren::protocol
