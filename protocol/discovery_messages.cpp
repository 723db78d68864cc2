// The byte layouts of protocol/discovery_messages.h.
#include "protocol/discovery_messages.h"

#include "base/check.h"
#include "protocol/wire.h"

namespace warren::protocol {

namespace {

constexpr unsigned connection_shift = 6;
constexpr std::uint8_t connection_undefined = 0x40, flags_unused = 0x3f;
constexpr std::uint8_t wish = 'Y';
constexpr std::size_t wish_bytes = 1 + MemberId::size, request_bytes = 21;

std::vector<CommunityId> read_communities(ByteView bytes) {
    std::vector<CommunityId> out;
    for (Reader in(bytes); in.left() >= CommunityId::size;)
        out.push_back(CommunityId{in.array<CommunityId::size>()});
    return out;
}

Bytes joined(const std::vector<CommunityId>& communities) {
    Bytes out;
    for (const auto& community : communities)
        append(out, community.view());
    return out;
}

}  // namespace

Result<SimilarityRequest> decode_similarity_request(ByteView payload) {
    Reader in(payload);
    SimilarityRequest out;
    out.identifier = in.u16();
    out.lan = read_ipv4(in);
    out.wan = read_ipv4(in);
    const auto flags = in.u8();
    if (!in.ok() || in.left() % CommunityId::size != 0)
        return bad_input("similarity request of a wrong length");
    out.unused_flags = flags & flags_unused;
    const auto connection = static_cast<std::uint8_t>(flags >> connection_shift);
    if (connection == 1)
        out.unused_flags |= connection_undefined;
    else
        out.connection = static_cast<ConnectionType>(connection);
    out.communities = read_communities(in.rest());
    return out;
}

Bytes encode(const SimilarityRequest& message) {
    Writer to;
    to.u16(message.identifier);
    put_ipv4(to, message.lan);
    put_ipv4(to, message.wan);
    const auto connection = static_cast<unsigned>(message.connection) << connection_shift;
    to.u8(static_cast<std::uint8_t>(connection | message.unused_flags));
    return to.bytes(joined(message.communities)).take();
}

Result<SimilarityResponse> decode_similarity_response(ByteView payload) {
    Reader in(payload);
    SimilarityResponse out;
    out.identifier = in.u16();
    out.communities = read_communities(read_varlen_hx20(in));
    while (in.left() > 0) {
        const MemberId member{in.array<MemberId::size>()};
        out.overlaps.push_back({member, in.u32()});
    }
    if (!in.done()) return bad_input("similarity response cut short");
    return out;
}

Bytes encode(const SimilarityResponse& message) {
    Writer to;
    to.u16(message.identifier);
    put_varlen_hx20(to, joined(message.communities));
    for (const auto& overlap : message.overlaps)
        to.bytes(overlap.member.view()).u32(overlap.count);
    return to.take();
}

Result<std::uint16_t> decode_ping(ByteView payload) {
    Reader in(payload);
    const auto identifier = in.u16();
    if (!in.done()) return bad_input("ping or pong of a wrong length");
    return identifier;
}

Bytes encode_ping(std::uint16_t identifier) {
    return Writer().u16(identifier).take();
}

// The legacy form is tried first, as others do; but we do look at its first byte.
Result<DiscoveryIntroductionRequest> decode_discovery_introduction_request(ByteView payload) {
    DiscoveryIntroductionRequest out;
    if (payload.size() >= wish_bytes + request_bytes && payload[0] == wish) {
        out.wanted = MemberId::from(payload.subspan(1, MemberId::size));
        payload = payload.subspan(wish_bytes);
    }
    WARREN_TRY(out.request, decode_introduction_request(payload, Style::Old));
    return out;
}

Bytes encode(const DiscoveryIntroductionRequest& message) {
    WARREN_CHECK(message.request.style == Style::Old);
    Writer to;
    if (message.wanted) to.u8(wish).bytes(message.wanted->view());
    return to.bytes(encode(message.request)).take();
}

}  // namespace warren::protocol
