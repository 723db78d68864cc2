// Messages of IPv8's DHT, all of shape A, and the values that it keeps. Pure codecs; decoded views
// point into the datagram.
#pragma once

#include <vector>

#include "protocol/dht_id.h"
#include "protocol/ipv8.h"

namespace warren::protocol {

inline constexpr CommunityId dht_community{{0x8d, 0x0b, 0xe1, 0x84, 0x5d, 0x74, 0xd1,
                                            0x75, 0xf1, 0x78, 0x19, 0x7c, 0xad, 0x00,
                                            0x15, 0x91, 0xd0, 0x4d, 0x73, 0xcc}};
inline constexpr std::size_t dht_value_bytes_max = 170;  // encoded
inline constexpr std::size_t dht_values_max = 8;         // of one message
inline constexpr std::size_t dht_nodes_max = 8;          // of one answer that we make

enum class DhtMessage : std::uint8_t {
    PingRequest = 1,
    PingResponse = 2,
    StoreRequest = 3,
    StoreResponse = 4,
    FindRequest = 5,
    FindResponse = 6,
    StorePeerRequest = 7,
    StorePeerResponse = 8,
    ConnectPeerRequest = 9,
    ConnectPeerResponse = 10,
};

using DhtToken = FixedId<20, struct DhtTokenTag>;

struct DhtNodeEntry {
    Endpoint address;
    ByteView public_key;
};
struct DhtStoreRequest {
    std::uint32_t identifier = 0;
    DhtToken token;
    DhtId target;
    std::vector<ByteView> values;
};
struct DhtFindRequest {
    std::uint32_t identifier = 0;
    Endpoint lan;
    DhtId target;
    std::uint32_t offset = 0;
    bool force_nodes = false;
};
struct DhtFindResponse {
    std::uint32_t identifier = 0;
    DhtToken token;
    std::vector<ByteView> values;
    std::vector<DhtNodeEntry> nodes;
};
struct DhtStorePeerRequest {
    std::uint32_t identifier = 0;
    DhtToken token;
    DhtId target;
};
struct DhtConnectPeerRequest {
    std::uint32_t identifier = 0;
    Endpoint lan;
    DhtId target;
};
struct DhtConnectPeerResponse {
    std::uint32_t identifier = 0;
    std::vector<DhtNodeEntry> nodes;
};

// Pings, and the answers of pings and stores, are an identifier alone.
Result<std::uint32_t> decode_dht_identifier(ByteView payload);
Result<DhtStoreRequest> decode_dht_store_request(ByteView payload);
Result<DhtFindRequest> decode_dht_find_request(ByteView payload);
Result<DhtFindResponse> decode_dht_find_response(ByteView payload);
Result<DhtStorePeerRequest> decode_dht_store_peer_request(ByteView payload);
Result<DhtConnectPeerRequest> decode_dht_connect_peer_request(ByteView payload);
Result<DhtConnectPeerResponse> decode_dht_connect_peer_response(ByteView payload);
Bytes encode_dht_identifier(std::uint32_t identifier);
Bytes encode(const DhtStoreRequest& message);
Bytes encode(const DhtFindRequest& message);
Bytes encode(const DhtFindResponse& message);
Bytes encode(const DhtStorePeerRequest& message);
Bytes encode(const DhtConnectPeerRequest& message);
Bytes encode(const DhtConnectPeerResponse& message);

// One stored value. First byte 0: plain data. First byte 1: data, version, key, and a signature
// over all before it. That byte keeps it apart from packets, which begin with 0 and are never
// values.
inline constexpr std::uint8_t dht_value_plain = 0, dht_value_signed = 1;
struct DhtValue {
    ByteView data;
    ByteView public_key;  // empty: not signed
    std::uint32_t version = 0;
    ByteView signed_bytes, signature;

    bool is_signed() const { return !public_key.empty(); }
};
Result<DhtValue> decode_dht_value(ByteView value);  // form only; the signature is checked elsewhere
Bytes encode_plain_value(ByteView data);
// Up to the signature, which the caller appends.
Bytes frame_signed_value(ByteView data, std::uint32_t version, ByteView public_key);

// Who may store under a key: SHA-1 over the asker's name and the issuer's secret.
using DhtSecret = std::array<std::uint8_t, 16>;
DhtToken make_dht_token(const Endpoint& asker, const MemberId& member, const DhtSecret& secret);

// Where a hidden service can be met; stored as the data of a plain value. Keys without their tag.
struct DhtIntroductionPoint {
    Endpoint address;
    std::uint32_t last_seen_s = 0;
    ByteView introduction_key, seeder_key;
};
Result<DhtIntroductionPoint> decode_dht_introduction_point(ByteView data);
Bytes encode(const DhtIntroductionPoint& point);

}  // namespace warren::protocol
