// Any payload as a message of the discovery community or the DHT: what decodes can be written back,
// not longer than it was, and then reads the same. The first byte says as which one.
#include "base/check.h"
#include "protocol/dht_messages.h"
#include "protocol/discovery_messages.h"

using namespace warren;
using namespace warren::protocol;

namespace {

template <typename Message>
void check(ByteView payload, Result<Message> (*decode)(ByteView)) {
    const auto decoded = decode(payload);
    if (!decoded.ok()) return;
    const auto bytes = encode(*decoded);
    WARREN_CHECK(bytes.size() <= payload.size());
    const auto twice = decode(bytes);
    WARREN_CHECK(twice.ok() && encode(*twice) == bytes);
}

void check_value(ByteView payload) {
    const auto value = decode_dht_value(payload);
    if (!value.ok()) return;
    if (!value->is_signed()) {
        WARREN_CHECK(value->data.size() + 1 == payload.size());
        return;
    }
    auto again = frame_signed_value(value->data, value->version, value->public_key);
    append(again, value->signature);
    WARREN_CHECK(again == to_bytes(payload));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView payload(data + 1, size - 1);
    switch (data[0] % 10) {
    case 0: check(payload, decode_similarity_request); break;
    case 1: check(payload, decode_similarity_response); break;
    case 2: check(payload, decode_discovery_introduction_request); break;
    case 3: check(payload, decode_dht_store_request); break;
    case 4: check(payload, decode_dht_find_request); break;
    case 5: check(payload, decode_dht_find_response); break;
    case 6: check(payload, decode_dht_store_peer_request); break;
    case 7: check(payload, decode_dht_connect_peer_request); break;
    case 8: check(payload, decode_dht_connect_peer_response); break;
    case 9: check_value(payload); break;
    }
    return 0;
}
