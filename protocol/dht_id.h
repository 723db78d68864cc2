// Places in the DHT: node ids, which never travel but follow from address and key, and the XOR
// distance between them. Keys of values are of the same kind.
#pragma once

#include "base/endpoint.h"
#include "base/ids.h"

namespace warren::protocol {

using DhtId = FixedId<20, struct DhtIdTag>;

DhtId dht_node_id(const Endpoint& address, const MemberId& member);
DhtId distance(const DhtId& a, const DhtId& b);  // compares as a 160-bit number
// Whether `a` is nearer to the target than `b`.
inline bool nearer(const DhtId& target, const DhtId& a, const DhtId& b) {
    return distance(target, a) < distance(target, b);
}
inline bool bit_of(const DhtId& id, std::size_t at) {
    return ((id.bytes[at / 8] >> (7 - at % 8)) & 1) != 0;
}
std::size_t common_bits(const DhtId& a, const DhtId& b);

}  // namespace warren::protocol
