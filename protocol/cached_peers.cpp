#include "protocol/cached_peers.h"

namespace warren::protocol {

namespace {
constexpr std::uint8_t format = 1;
}

Bytes encode(const std::vector<CachedPeer>& peers) {
    Writer out;
    out.u8(format).u16(static_cast<std::uint16_t>(peers.size()));
    for (const auto& peer : peers) {
        out.u8(peer.address.v6 ? 1 : 0).bytes(peer.address.address).u16(peer.address.port);
        out.u8(static_cast<std::uint8_t>(peer.communities.size()));
        for (const auto& community : peer.communities)
            out.bytes(community.view());
    }
    return out.take();
}

Result<std::vector<CachedPeer>> decode_cached_peers(ByteView bytes) {
    Reader in(bytes);
    if (in.u8() != format) return bad_input("cached peers of an unknown format");
    const auto count = in.u16();
    if (count > cached_peers_max) return bad_input("more cached peers than are ever kept");
    std::vector<CachedPeer> out;
    for (std::uint16_t i = 0; i < count && in.ok(); ++i) {
        auto& peer = out.emplace_back();
        const auto family = in.u8();
        if (family > 1) return bad_input("a cached peer of no family");
        peer.address.v6 = family == 1;
        const auto address = in.take(peer.address.address.size());
        std::copy(address.begin(), address.end(), peer.address.address.begin());
        peer.address.port = in.u16();
        const auto communities = in.u8();
        for (std::uint8_t c = 0; c < communities && in.ok(); ++c)
            if (const auto id = CommunityId::from(in.take(CommunityId::size)))
                peer.communities.push_back(*id);
    }
    if (!in.done()) return bad_input("cached peers that are cut short, or too long");
    return out;
}

}  // namespace warren::protocol
