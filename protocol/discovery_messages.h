// Messages of IPv8's DiscoveryCommunity: who takes part in what, and signs of life. Pure codecs;
// decoded views point into the datagram.
#pragma once

#include <vector>

#include "protocol/ipv8.h"

namespace warren::protocol {

inline constexpr CommunityId discovery_community{{0x7e, 0x31, 0x36, 0x85, 0xc1, 0x91, 0x2a,
                                                  0x14, 0x12, 0x79, 0xf8, 0x24, 0x8f, 0xc8,
                                                  0xdb, 0x58, 0x99, 0xc5, 0xdf, 0x5a}};
// An introduction request here with so many extra bytes would be taken for its legacy form.
inline constexpr std::size_t discovery_extra_bytes_max = 20;

enum class DiscoveryMessage : std::uint8_t {
    SimilarityRequest = 1,   // shape AG
    SimilarityResponse = 2,  // shape AG
    Ping = 3,                // shape G
    Pong = 4,                // shape G
};

struct SimilarityRequest {
    std::uint16_t identifier = 0;
    Endpoint lan, wan;
    ConnectionType connection = ConnectionType::Unknown;
    std::uint8_t unused_flags = 0;  // wire bits without a meaning, as they came
    std::vector<CommunityId> communities;
};
struct SimilarityResponse {
    struct Overlap {
        MemberId member;
        std::uint32_t count = 0;
        bool operator==(const Overlap&) const = default;
    };
    std::uint16_t identifier = 0;
    std::vector<CommunityId> communities;
    std::vector<Overlap> overlaps;  // always empty in practice
};

Result<SimilarityRequest> decode_similarity_request(ByteView payload);
Result<SimilarityResponse> decode_similarity_response(ByteView payload);
Result<std::uint16_t> decode_ping(ByteView payload);  // and pong: the identifier
Bytes encode(const SimilarityRequest& message);
Bytes encode(const SimilarityResponse& message);
Bytes encode_ping(std::uint16_t identifier);

// Old-style introduction requests of this community may begin with the wish for a certain peer.
struct DiscoveryIntroductionRequest {
    std::optional<MemberId> wanted;
    IntroductionRequest request;
};
Result<DiscoveryIntroductionRequest> decode_discovery_introduction_request(ByteView payload);
Bytes encode(const DiscoveryIntroductionRequest& message);

}  // namespace warren::protocol
