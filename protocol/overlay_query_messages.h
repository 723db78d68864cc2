// What neighbours ask one another about what they have: a search, and how alive torrents are. Pure
// codecs; decoded views point into the datagram. The answer to a search has the form of
// SyncRecords.
#pragma once

#include "protocol/overlay_messages.h"

namespace warren::protocol {

inline constexpr std::size_t query_text_bytes_max = 512;
inline constexpr std::size_t query_communities_max = 16;
inline constexpr std::size_t query_limit_max = 50;  // torrents that a neighbour names
inline constexpr std::size_t query_answer_bytes_max = 10 * 1024;
inline constexpr std::size_t swarm_counts_max = 10;
inline constexpr std::uint32_t swarm_members_max = 10'000'000;  // more is a lie
inline constexpr std::uint32_t swarm_age_s_max = 4 * 3600;

// Torrents that hold these words. No communities: all those that the two share.
struct Query {
    std::uint64_t id = 0;
    std::uint8_t limit = 0;
    std::vector<CommunityId> communities;
    std::string_view text;
};
// Of torrents of the datagram's community, counted by the sender itself. Times are ages: clocks
// need not agree.
struct SwarmCounts {
    std::vector<SwarmCount> swarms;
};

Bytes encode(const Query& message);
Bytes encode(const SwarmCounts& message);
Result<Query> decode_query(ByteView body);
Result<SwarmCounts> decode_swarm_counts(ByteView body);

}  // namespace warren::protocol
