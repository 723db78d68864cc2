// Formatting for people.
#include "cli/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace warren::cli {

namespace {

struct Point {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false;
};

// One code point of strict UTF-8: no overlong forms, no surrogates.
Point decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned head = byte(0);
    if (head < 0x80) return {head, 1, true};
    const std::size_t length = head >= 0xf0 ? 4 : head >= 0xe0 ? 3 : 2;
    if (head < 0xc2 || head > 0xf4 || text.size() < length) return {};
    char32_t code = head & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0u) != 0x80) return {};
        code = (code << 6) | (byte(i) & 0x3fu);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
    return {code, length, true};
}

bool is_control(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

// Marks that reorder, hide or join what stands around them.
bool is_deceptive(char32_t code) {
    return code == 0x61c || code == 0x200b || (code >= 0x200e && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
           (code >= 0xe0000 && code <= 0xe007f);
}

bool is_combining(char32_t code) {
    return (code >= 0x300 && code <= 0x36f) || (code >= 0x1ab0 && code <= 0x1aff) ||
           (code >= 0x20d0 && code <= 0x20ff) || code == 0x200d ||
           (code >= 0xfe00 && code <= 0xfe0f);
}

bool is_wide(char32_t code) {
    return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
           (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
           (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
           (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1f64f) ||
           (code >= 0x1f900 && code <= 0x1f9ff) || (code >= 0x20000 && code <= 0x3fffd);
}

std::size_t width_of(const Point& point) {
    if (!point.valid) return 1;
    if (is_combining(point.code)) return 0;
    return is_wide(point.code) ? 2 : 1;
}

std::string escape_of(const Point& point, unsigned char byte) {
    char out[16];
    if (!point.valid || point.code < 0x80)
        std::snprintf(out, sizeof out, "\\x%02x",
                      point.valid ? static_cast<unsigned>(point.code) : byte);
    else
        std::snprintf(out, sizeof out, "\\u{%x}", static_cast<unsigned>(point.code));
    return out;
}

std::string two(std::int64_t big, const char* big_unit, std::int64_t small,
                const char* small_unit) {
    std::string out = std::to_string(big) + " " + big_unit;
    if (small != 0) out += " " + std::to_string(small) + " " + small_unit;
    return out;
}

}  // namespace

std::string human_size(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    constexpr std::array<const char*, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 1023.95 would print as 1024.0
    while (value >= 1023.95 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    char out[32];
    std::snprintf(out, sizeof out, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

std::string human_duration(std::int64_t ms) {
    if (ms < 0) return "-";
    if (ms < 1000) return std::to_string(ms) + " ms";
    const auto s = ms / 1000;
    if (s < 60) return std::to_string(s) + " s";
    if (s < 3600) return two(s / 60, "m", s % 60, "s");
    if (s < 86'400) return two(s / 3600, "h", s % 3600 / 60, "m");
    return two(s / 86'400, "d", s % 86'400 / 3600, "h");
}

std::string human_count(std::uint64_t count) {
    auto out = std::to_string(count);
    for (auto at = out.size(); at > 3; at -= 3)
        out.insert(at - 3, ",");
    return out;
}

std::string progress_bar(double share, std::size_t width) {
    const double bounded = std::clamp(std::isfinite(share) ? share : 0.0, 0.0, 1.0);
    const auto filled = static_cast<std::size_t>(bounded * static_cast<double>(width));
    return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto point = decode(text);
        if (!point.valid || is_control(point.code) || is_deceptive(point.code))
            out += escape_of(point, static_cast<unsigned char>(text[0]));
        else
            out += text.substr(0, point.bytes);
        text.remove_prefix(point.bytes);
    }
    return out;
}

std::size_t display_width(std::string_view text) {
    std::size_t out = 0;
    while (!text.empty()) {
        auto point = decode(text);
        out += width_of(point);
        text.remove_prefix(point.bytes);
    }
    return out;
}

std::string fitted(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    std::string out;
    for (std::size_t used = 0; !text.empty();) {
        auto point = decode(text);
        used += width_of(point);
        if (used + 1 > width) break;
        out += text.substr(0, point.bytes);
        text.remove_prefix(point.bytes);
    }
    return width == 0 ? out : out + "…";
}

}  // namespace warren::cli
