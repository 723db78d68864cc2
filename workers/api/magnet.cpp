#include "workers/api/magnet.h"

#include <algorithm>

#include "workers/api/http/target.h"
#include "workers/api/json/schema.h"

namespace warren::api {

namespace {

// RFC 4648 base32 of exactly 20 bytes: 32 letters, no padding.
std::optional<Infohash> from_base32(std::string_view text) {
    Infohash out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    std::size_t at = 0;
    for (const char c : text) {
        std::uint32_t value = 0;
        if (c >= 'A' && c <= 'Z')
            value = static_cast<std::uint32_t>(c - 'A');
        else if (c >= 'a' && c <= 'z')
            value = static_cast<std::uint32_t>(c - 'a');
        else if (c >= '2' && c <= '7')
            value = static_cast<std::uint32_t>(c - '2' + 26);
        else
            return std::nullopt;
        bits = (bits << 5 | value) & 0xfff;
        count += 5;
        if (count < 8) continue;
        count -= 8;
        out.bytes[at++] = static_cast<std::uint8_t>(bits >> count);
    }
    return out;
}

}  // namespace

Result<Infohash> infohash_of_magnet(std::string_view magnet) {
    constexpr std::string_view scheme = "magnet:?";
    if (!magnet.starts_with(scheme)) return bad_input("must begin with magnet:?");
    magnet.remove_prefix(scheme.size());
    while (!magnet.empty()) {
        const auto end = std::min(magnet.find('&'), magnet.size());
        const auto pair = magnet.substr(0, end);
        magnet.remove_prefix(std::min(end + 1, magnet.size()));
        if (!pair.starts_with("xt=") && !pair.starts_with("xt.1=")) continue;
        const auto topic = http::percent_decode(pair.substr(pair.find('=') + 1), false);
        constexpr std::string_view urn = "urn:btih:";
        if (!topic || !topic->starts_with(urn)) continue;
        const auto hash = std::string_view(*topic).substr(urn.size());
        if (json::is_hex(hash, 40)) return *Infohash::from_hex_text(hash);
        if (hash.size() != 32) break;
        if (const auto id = from_base32(hash)) return *id;
        break;
    }
    return bad_input("needs xt=urn:btih: with 40 hexadecimal digits or 32 letters of base32");
}

}  // namespace warren::api
