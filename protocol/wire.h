// The formats that IPv8 messages are made of, beyond plain integers (base/bytes.h reads those).
// Readers follow Reader's rule: after a failure everything reads as empty and ok() is false. A
// length that reaches beyond the buffer is refused.
#pragma once

#include <array>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"

namespace warren::protocol {

// ---- flags: the first is the most significant bit
using Bits = std::array<bool, 8>;
Bits read_bits(Reader& in);
void put_bits(Writer& to, const Bits& bits);

// ---- addresses
struct HostName {
    std::string_view name;  // UTF-8, views into the message
    std::uint16_t port = 0;
    bool operator==(const HostName&) const = default;
};
using Address = std::variant<Endpoint, HostName>;

Endpoint read_ipv4(Reader& in);                       // `ipv4`: 6 bytes
Endpoint read_ip_address(Reader& in);                 // `ip_address`: type 1 or 3, as it came
Address read_address(Reader& in);                     // `address`: type 2 (a name) as well
void put_ipv4(Writer& to, const Endpoint& endpoint);  // IPv6 has no room: written as "none"
void put_ip_address(Writer& to, const Endpoint& endpoint);
void put_address(Writer& to, const Address& address);

// Our rules for endpoints look at IPv4 in its own form only: what a mapped address means.
Endpoint unmapped(const Endpoint& from);

// ---- strings with their length in front
ByteView read_varlen_h(Reader& in);
ByteView read_varlen_i(Reader& in);
ByteView read_varlen_bx2(Reader& in);   // the length counts pairs of bytes
ByteView read_varlen_hx20(Reader& in);  // the length counts ids of 20 bytes
std::string_view read_varlen_h_utf8(Reader& in);
std::string_view read_varlen_i_utf8(Reader& in);
void put_varlen_h(Writer& to, ByteView bytes);
void put_varlen_i(Writer& to, ByteView bytes);
void put_varlen_bx2(Writer& to, ByteView bytes);   // of even length
void put_varlen_hx20(Writer& to, ByteView bytes);  // of a length divisible by 20

// ---- lists of at most 255 items, each a varlenH; `payload-list` is the same on the wire
std::vector<ByteView> read_varlen_h_list(Reader& in);
void put_varlen_h_list(Writer& to, const std::vector<ByteView>& items);

}  // namespace warren::protocol
