// Any bytes as a record, and its payload as every kind: what is accepted has exactly one form.
#include "protocol/record.h"

#include "base/check.h"

using namespace warren;
using namespace warren::protocol;

namespace {

template <typename Payload>
void check(const Result<Payload>& decoded, ByteView payload) {
    if (decoded.ok()) WARREN_CHECK(encode(*decoded) == to_bytes(payload));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView packet(data, size);
    const auto record = decode_record(packet);
    if (!record.ok()) return 0;
    WARREN_CHECK(size <= record_bytes_max && record->time >= 1);
    WARREN_CHECK(record->prev.time < record->time);
    const RecordDraft draft{record->community, record->kind, record->author,
                            record->time,      record->prev, record->payload};
    WARREN_CHECK(encode_unsigned(draft) == to_bytes(record->signed_bytes));
    check(decode_channel_genesis(record->payload), record->payload);
    check(decode_channel_announced(record->payload), record->payload);
    check(decode_torrent_entry(record->payload), record->payload);
    return 0;
}
