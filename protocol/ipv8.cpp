// The byte layouts of protocol/ipv8.h. Nothing here trusts a length before it has checked it.
#include "protocol/ipv8.h"

#include <algorithm>

#include "base/hash.h"
#include "protocol/wire.h"

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

Endpoint read_endpoint(Reader& in, Style style) {
    return style == Style::Old ? read_ipv4(in) : unmapped(read_ip_address(in));
}

void put_endpoint(Writer& to, const Endpoint& endpoint, Style style) {
    return style == Style::Old ? put_ipv4(to, endpoint) : put_ip_address(to, endpoint);
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

// DER of a named curve 1.3.132.0.N with an uncompressed point: lengths and identifiers in full.
std::optional<LegacyCurve> legacy_curve(ByteView key) {
    static constexpr std::array curves = {
        LegacyCurve{1, "sect163k1", 66, 42},    LegacyCurve{26, "sect233k1", 84, 60},
        LegacyCurve{36, "sect409k1", 128, 104}, LegacyCurve{38, "sect571k1", 170, 144},
        LegacyCurve{39, "sect571r1", 170, 144},
    };
    static constexpr std::array<std::uint8_t, 16> algorithm{0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                            0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                                            0x05, 0x2b, 0x81, 0x04};
    constexpr std::uint8_t sequence = 0x30, bit_string = 0x03, uncompressed = 0x04;
    const auto length = [](Reader& in) {  // below 256, in its one canonical form
        const auto first = in.u8();
        if (first < 0x80) return std::size_t{first};
        const auto second = in.u8();
        if (first != 0x81 || second < 0x80) in.fail();
        return std::size_t{second};
    };
    Reader in(key);
    if (in.u8() != sequence || length(in) != in.left()) return std::nullopt;
    if (!std::ranges::equal(in.take(algorithm.size()), algorithm)) return std::nullopt;
    if (in.u8() != 0) return std::nullopt;
    const auto number = in.u8();
    if (in.u8() != bit_string || length(in) != in.left()) return std::nullopt;
    if (in.u8() != 0 || in.u8() != uncompressed) return std::nullopt;
    for (const auto& curve : curves)
        if (curve.number == number && curve.key_bytes == key.size()) return curve;
    return std::nullopt;
}

std::size_t signature_length(ByteView public_key) {
    if (is_curve25519_key(public_key)) return signature_bytes;
    const auto curve = legacy_curve(public_key);
    return curve ? curve->signature_bytes : 0;
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

Bytes frame_signed_untimed(const CommunityId& community, std::uint8_t message_id,
                           const PublicKey& author, ByteView payload) {
    Writer to;
    put_header(to, community, message_id);
    put_varlen_h(to, author.view());
    return to.bytes(payload).take();
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
