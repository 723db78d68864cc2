// Any datagram: what decodes can be written back, and views stay inside it.
#include "base/check.h"
#include "protocol/ipv8.h"

using namespace warren;
using namespace warren::protocol;

namespace {

// Writing back gives the same bytes, save that a v4-mapped address (12 bytes more) becomes plain.
template <typename Message>
void check(const Result<Message>& decoded, ByteView payload,
           Result<Message> (*again)(ByteView, Style), Style style) {
    if (!decoded.ok()) return;
    const auto bytes = encode(*decoded);
    WARREN_CHECK(bytes.size() <= payload.size());
    if (bytes.size() == payload.size()) WARREN_CHECK(bytes == to_bytes(payload));
    const auto twice = again(bytes, style);
    WARREN_CHECK(twice.ok() && encode(*twice) == bytes);
}

void check_all(ByteView payload) {
    for (const auto style : {Style::Old, Style::New}) {
        check(decode_introduction_request(payload, style), payload, decode_introduction_request,
              style);
        check(decode_introduction_response(payload, style), payload, decode_introduction_response,
              style);
        check(decode_puncture_request(payload, style), payload, decode_puncture_request, style);
        check(decode_puncture(payload, style), payload, decode_puncture, style);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView datagram(data, size);
    const auto header = decode_header(datagram);
    if (header.ok()) {
        WARREN_CHECK(header->body.size() + 23 == size);
        if (header->body.size() >= 8) check_all(header->body.subspan(8));  // unsigned shape
    }
    for (const auto with : {WithGlobalTime::Yes, WithGlobalTime::No}) {
        const auto parts = decode_signed(datagram, with);
        if (!parts.ok()) continue;
        WARREN_CHECK(parts->signed_bytes.size() + parts->signature.size() == size);
        WARREN_CHECK(parts->payload.data() + parts->payload.size() == parts->signature.data());
        check_all(parts->payload);
    }
    return 0;
}
