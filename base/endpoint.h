// A UDP or TCP address. IPv4 and IPv6; IPv4 is kept in its own form, never v4-mapped.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warren {

struct Endpoint {
    std::array<std::uint8_t, 16> address{};  // IPv4 uses the first four bytes
    std::uint16_t port = 0;
    bool v6 = false;

    static Endpoint ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                         std::uint16_t port) {
        Endpoint out;
        out.address = {a, b, c, d};
        out.port = port;
        return out;
    }
    static std::optional<Endpoint> parse(std::string_view text);  // "1.2.3.4:5", "[::1]:5"
    std::string text() const;
    bool is_loopback() const;
    bool is_private() const;   // RFC 1918, RFC 4193, link-local
    bool is_routable() const;  // could be an internet host
    bool is_zero() const { return *this == Endpoint{}; }
    auto operator<=>(const Endpoint&) const = default;
};

}  // namespace warren
