// Node ids: three bytes of a CRC-32 over the masked address, then the head of the key's hash. So a
// host that has few addresses has few places to choose from.
#include "protocol/dht_id.h"

#include <algorithm>
#include <bit>

namespace warren::protocol {

namespace {

constexpr std::array<std::uint8_t, 4> mask_v4{0x03, 0x0f, 0x3f, 0xff};
constexpr std::array<std::uint8_t, 8> mask_v6{0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};
constexpr std::size_t crc_bytes = 3;

// The common CRC-32 (IEEE 802.3), bit by bit: its input has at most eight bytes.
std::uint32_t crc32(ByteView bytes) {
    std::uint32_t out = 0xffff'ffff;
    for (const auto byte : bytes) {
        out ^= byte;
        for (int bit = 0; bit < 8; ++bit)
            out = (out >> 1) ^ ((out & 1) != 0 ? 0xedb8'8320 : 0);
    }
    return ~out;
}

std::uint32_t address_sum(const Endpoint& address) {
    const ByteView mask = address.v6 ? ByteView(mask_v6) : ByteView(mask_v4);
    std::array<std::uint8_t, 8> masked{};
    for (std::size_t i = 0; i < mask.size(); ++i)
        masked[i] = address.address[i] & mask[i];
    return crc32(ByteView(masked).first(mask.size()));
}

}  // namespace

DhtId dht_node_id(const Endpoint& address, const MemberId& member) {
    DhtId out;
    const auto sum = address_sum(address);
    for (std::size_t i = 0; i < crc_bytes; ++i)
        out.bytes[i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    std::copy_n(member.bytes.begin(), DhtId::size - crc_bytes, out.bytes.begin() + crc_bytes);
    return out;
}

DhtId distance(const DhtId& a, const DhtId& b) {
    DhtId out;
    for (std::size_t i = 0; i < DhtId::size; ++i)
        out.bytes[i] = a.bytes[i] ^ b.bytes[i];
    return out;
}

std::size_t common_bits(const DhtId& a, const DhtId& b) {
    const auto apart = distance(a, b);
    std::size_t out = 0;
    for (const auto byte : apart.bytes) {
        out += static_cast<std::size_t>(std::countl_zero(byte));
        if (byte != 0) break;
    }
    return out;
}

}  // namespace warren::protocol
