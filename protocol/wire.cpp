// The formats of protocol/wire.h.
#include "protocol/wire.h"

#include <algorithm>

#include "base/check.h"

namespace warren::protocol {

namespace {

constexpr std::uint8_t type_ipv4 = 1, type_name = 2, type_ipv6 = 3;

Endpoint read_endpoint(Reader& in, std::size_t address_bytes) {
    Endpoint out;
    out.v6 = address_bytes == 16;
    const auto address = in.take(address_bytes);
    std::copy(address.begin(), address.end(), out.address.begin());
    out.port = in.u16();
    return out;
}

std::string_view utf8(Reader& in, ByteView bytes) {
    if (is_utf8(text_of(bytes))) return text_of(bytes);
    in.fail();
    return {};
}

}  // namespace

Bits read_bits(Reader& in) {
    const unsigned byte = in.u8();
    Bits out;
    for (unsigned i = 0; i < out.size(); ++i)
        out[i] = ((byte >> (7 - i)) & 1u) != 0;
    return out;
}

void put_bits(Writer& to, const Bits& bits) {
    unsigned byte = 0;
    for (const bool bit : bits)
        byte = byte << 1 | (bit ? 1u : 0u);
    to.u8(static_cast<std::uint8_t>(byte));
}

Endpoint read_ipv4(Reader& in) {
    return read_endpoint(in, 4);
}

Endpoint read_ip_address(Reader& in) {
    const auto type = in.u8();
    if (type == type_ipv6) return read_endpoint(in, 16);
    if (type != type_ipv4) in.fail();
    return read_endpoint(in, 4);
}

Address read_address(Reader& in) {
    const auto type = in.u8();
    if (type == type_name) {
        const auto name = read_varlen_h_utf8(in);
        return HostName{name, in.u16()};
    }
    if (type != type_ipv4 && type != type_ipv6) in.fail();
    return read_endpoint(in, type == type_ipv6 ? 16 : 4);
}

void put_ipv4(Writer& to, const Endpoint& endpoint) {
    const Endpoint& what = endpoint.v6 ? Endpoint{} : endpoint;
    to.bytes(ByteView(what.address).first(4)).u16(what.port);
}

void put_ip_address(Writer& to, const Endpoint& endpoint) {
    to.u8(endpoint.v6 ? type_ipv6 : type_ipv4);
    to.bytes(ByteView(endpoint.address).first(endpoint.v6 ? 16 : 4)).u16(endpoint.port);
}

void put_address(Writer& to, const Address& address) {
    if (const auto* endpoint = std::get_if<Endpoint>(&address))
        return put_ip_address(to, *endpoint);
    const auto& host = std::get<HostName>(address);
    to.u8(type_name);
    put_varlen_h(to, view_of(host.name));
    to.u16(host.port);
}

Endpoint unmapped(const Endpoint& from) {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (!from.v6 || !std::equal(mapped.begin(), mapped.end(), from.address.begin())) return from;
    return Endpoint::ipv4(from.address[12], from.address[13], from.address[14], from.address[15],
                          from.port);
}

ByteView read_varlen_h(Reader& in) {
    return in.take(in.u16());
}

ByteView read_varlen_i(Reader& in) {
    return in.take(in.u32());
}

ByteView read_varlen_bx2(Reader& in) {
    return in.take(std::size_t{2} * in.u8());
}

ByteView read_varlen_hx20(Reader& in) {
    return in.take(std::size_t{20} * in.u16());
}

std::string_view read_varlen_h_utf8(Reader& in) {
    return utf8(in, read_varlen_h(in));
}

std::string_view read_varlen_i_utf8(Reader& in) {
    return utf8(in, read_varlen_i(in));
}

void put_varlen_h(Writer& to, ByteView bytes) {
    WARREN_CHECK(bytes.size() <= 0xffff);
    to.u16(static_cast<std::uint16_t>(bytes.size())).bytes(bytes);
}

void put_varlen_i(Writer& to, ByteView bytes) {
    WARREN_CHECK(bytes.size() <= 0xffff'ffff);
    to.u32(static_cast<std::uint32_t>(bytes.size())).bytes(bytes);
}

void put_varlen_bx2(Writer& to, ByteView bytes) {
    WARREN_CHECK(bytes.size() % 2 == 0 && bytes.size() / 2 <= 0xff);
    to.u8(static_cast<std::uint8_t>(bytes.size() / 2)).bytes(bytes);
}

void put_varlen_hx20(Writer& to, ByteView bytes) {
    WARREN_CHECK(bytes.size() % 20 == 0 && bytes.size() / 20 <= 0xffff);
    to.u16(static_cast<std::uint16_t>(bytes.size() / 20)).bytes(bytes);
}

std::vector<ByteView> read_varlen_h_list(Reader& in) {
    std::vector<ByteView> out;
    const auto count = in.u8();
    for (unsigned i = 0; i < count && in.ok(); ++i)
        out.push_back(read_varlen_h(in));
    return in.ok() ? out : std::vector<ByteView>{};
}

void put_varlen_h_list(Writer& to, const std::vector<ByteView>& items) {
    WARREN_CHECK(items.size() <= 0xff);
    to.u8(static_cast<std::uint8_t>(items.size()));
    for (const auto item : items)
        put_varlen_h(to, item);
}

}  // namespace warren::protocol
