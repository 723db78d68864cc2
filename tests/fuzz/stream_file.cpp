// Any bytes as a stream file: what is read has exactly one form, and no byte of it can change
// without being noticed.
#include "base/stream_file.h"

#include <algorithm>

#include "base/check.h"

using namespace warren;

namespace {

// The file that the bytes are, written again; nothing: they are none.
std::optional<Bytes> rewritten(ByteView file) {
    StreamEncoder encoder;
    Bytes out;
    StreamDecoder decoder;
    while (!decoder.ended()) {
        auto left = file.subspan(static_cast<std::size_t>(decoder.offset()));
        if (left.size() < decoder.needs()) return std::nullopt;
        const auto before = decoder.digest();
        auto step = decoder.take(left.first(decoder.needs()));
        if (!step) return std::nullopt;
        if (step->head) {
            append(out, encoder.head(*step->head));
        } else if (decoder.digest() != before) {
            std::vector<Bytes> items;
            for (auto item : step->items)
                items.push_back(to_bytes(item));
            append(out, encoder.block(items));
        }
    }
    append(out, encoder.tail());
    return out;
}

Bytes file_of(ByteView data) {
    StreamEncoder encoder;
    auto out = encoder.head({StreamKind::Records, {}, to_bytes(data.first(data.size() / 3))});
    std::vector<Bytes> items;
    for (std::size_t at = 0; at < data.size();) {
        auto size = std::min<std::size_t>(data[at], data.size() - at);
        items.push_back(to_bytes(data.subspan(at, size)));
        at += size + 1;
    }
    append(out, encoder.block(items));
    append(out, encoder.tail());
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    if (auto again = rewritten(bytes)) {
        WARREN_CHECK(again->size() <= size);
        WARREN_CHECK(std::equal(again->begin(), again->end(), data));
    }
    if (size == 0 || size > 4096) return 0;
    auto file = file_of(bytes);
    WARREN_CHECK(rewritten(file) == file);
    file[(std::size_t{data[0]} * 257 + size) % file.size()] ^= 1;
    WARREN_CHECK(!rewritten(file));
    return 0;
}
