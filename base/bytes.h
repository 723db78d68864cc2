// Byte strings, hex, and bounded big-endian reading and writing (IPv8 uses network order).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warren {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView view_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) {
    return {view.begin(), view.end()};
}
inline void append(Bytes& to, ByteView what) {
    to.insert(to.end(), what.begin(), what.end());
}

std::string to_hex(ByteView bytes);
std::optional<Bytes> from_hex(std::string_view hex);
std::string to_base64(ByteView bytes);
std::optional<Bytes> from_base64(std::string_view text);
bool is_utf8(std::string_view text);

// Reads from a buffer and never past it. After the first failed read every further one fails too,
// so that a decoder may read a whole structure and ask `ok()` once.
class Reader {
public:
    explicit Reader(ByteView bytes) : rest_(bytes) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    std::uint64_t varint();  // LEB128, canonical, at most 10 bytes
    ByteView take(std::size_t count);
    ByteView rest() { return take(rest_.size()); }
    template <std::size_t N>
    std::array<std::uint8_t, N> array() {
        std::array<std::uint8_t, N> out{};
        auto from = take(N);
        for (std::size_t i = 0; i < from.size(); ++i)
            out[i] = from[i];
        return out;
    }

    std::size_t left() const { return rest_.size(); }
    bool ok() const { return ok_; }
    bool done() const { return ok_ && rest_.empty(); }
    void fail() {
        ok_ = false;
        rest_ = {};
    }

private:
    std::uint64_t number(std::size_t count);

    ByteView rest_;
    bool ok_ = true;
};

class Writer {
public:
    Writer& u8(std::uint8_t v) { return number(v, 1); }
    Writer& u16(std::uint16_t v) { return number(v, 2); }
    Writer& u32(std::uint32_t v) { return number(v, 4); }
    Writer& u64(std::uint64_t v) { return number(v, 8); }
    Writer& varint(std::uint64_t v);
    Writer& bytes(ByteView v) {
        append(out_, v);
        return *this;
    }
    std::size_t size() const { return out_.size(); }
    const Bytes& peek() const { return out_; }
    Bytes take() { return std::move(out_); }

private:
    Writer& number(std::uint64_t v, std::size_t count);

    Bytes out_;
};

}  // namespace warren
