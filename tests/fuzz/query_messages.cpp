// Any bytes as a search and as swarm counts: what is accepted has one form and keeps to its bounds.
#include "base/check.h"
#include "protocol/overlay_query_messages.h"

using namespace warren;
using namespace warren::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    const auto whole = to_bytes(bytes);
    if (const auto query = decode_query(bytes)) {
        WARREN_CHECK(encode(*query) == whole);
        WARREN_CHECK(query->limit <= query_limit_max && query->text.size() <= query_text_bytes_max);
        WARREN_CHECK(query->communities.size() <= query_communities_max);
    }
    if (const auto counts = decode_swarm_counts(bytes)) {
        WARREN_CHECK(encode(*counts) == whole);
        WARREN_CHECK(counts->swarms.size() <= swarm_counts_max);
    }
    return 0;
}
