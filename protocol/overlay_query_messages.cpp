// See overlay_query_messages.h.
#include "protocol/overlay_query_messages.h"

#include "protocol/overlay_form.h"

namespace warren::protocol {

Bytes encode(const Query& m) {
    auto out = overlay_head();
    out.u64(m.id).u8(m.limit).u8(static_cast<std::uint8_t>(m.communities.size()));
    for (const auto& community : m.communities)
        out.bytes(community.view());
    return out.bytes(view_of(m.text)).take();
}

Result<Query> decode_query(ByteView body) {
    auto in = overlay_body(body);
    Query out;
    out.id = in.u64();
    out.limit = in.u8();
    const auto count = in.u8();
    if (count > query_communities_max) in.fail();
    for (std::uint8_t i = 0; in.ok() && i < count; ++i)
        out.communities.push_back({in.array<CommunityId::size>()});
    out.text = text_of(in.rest());
    const bool fits = out.limit > 0 && out.limit <= query_limit_max && !out.text.empty() &&
                      out.text.size() <= query_text_bytes_max;
    if (!in.ok() || !fits || !is_utf8(out.text)) return bad_input("query is malformed");
    return out;
}

Bytes encode(const SwarmCounts& m) {
    auto out = overlay_head();
    out.u8(static_cast<std::uint8_t>(m.swarms.size()));
    for (const auto& swarm : m.swarms)
        out.bytes(swarm.infohash.view()).u32(swarm.seeders).u32(swarm.leechers).u32(swarm.age_s);
    return out.take();
}

Result<SwarmCounts> decode_swarm_counts(ByteView body) {
    auto in = overlay_body(body);
    SwarmCounts out;
    const auto count = in.u8();
    bool right = count > 0 && count <= swarm_counts_max;
    for (std::uint8_t i = 0; right && in.ok() && i < count; ++i) {
        SwarmCount swarm;
        swarm.infohash.bytes = in.array<Infohash::size>();
        swarm.seeders = in.u32();
        swarm.leechers = in.u32();
        swarm.age_s = in.u32();
        right = swarm.seeders > 0 && swarm.seeders <= swarm_members_max &&
                swarm.leechers <= swarm_members_max && swarm.age_s <= swarm_age_s_max;
        out.swarms.push_back(swarm);
    }
    if (!right || !in.done()) return bad_input("swarm-counts is malformed");
    return out;
}

}  // namespace warren::protocol
