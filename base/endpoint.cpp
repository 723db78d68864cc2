#include "base/endpoint.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace warren {

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const auto digits = text.substr(colon + 1);
    Endpoint out;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size())
        return std::nullopt;
    out.v6 = host.starts_with('[') && host.ends_with(']');
    if (out.v6) host = host.substr(1, host.size() - 2);
    const std::string name(host);
    if (inet_pton(out.v6 ? AF_INET6 : AF_INET, name.c_str(), out.address.data()) != 1)
        return std::nullopt;
    return out;
}

std::string Endpoint::text() const {
    char host[INET6_ADDRSTRLEN] = {};
    inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), host, sizeof host);
    return v6 ? "[" + std::string(host) + "]:" + std::to_string(port)
              : std::string(host) + ":" + std::to_string(port);
}

bool Endpoint::is_loopback() const {
    if (!v6) return address[0] == 127;
    static constexpr std::array<std::uint8_t, 16> one{0, 0, 0, 0, 0, 0, 0, 0,
                                                      0, 0, 0, 0, 0, 0, 0, 1};
    return address == one;
}

bool Endpoint::is_private() const {
    if (v6)
        return (address[0] & 0xfe) == 0xfc || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
    return address[0] == 10 || (address[0] == 172 && (address[1] & 0xf0) == 16) ||
           (address[0] == 192 && address[1] == 168) || (address[0] == 169 && address[1] == 254);
}

bool Endpoint::is_routable() const {
    if (is_loopback() || is_private()) return false;
    if (v6) return address[0] != 0xff && (address[0] & 0xe0) == 0x20;
    if (address[0] == 100 && (address[1] & 0xc0) == 64) return false;  // RFC 6598
    return address[0] != 0 && address[0] < 224;
}

}  // namespace warren
