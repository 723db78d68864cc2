// Any bytes as a record, and its payload as every kind: what is accepted has exactly one form.
#include "protocol/record.h"

#include "base/check.h"
#include "protocol/community/types.h"

using namespace warren;
using namespace warren::protocol;

namespace {

template <typename Payload>
void check(const Result<Payload>& decoded, ByteView payload) {
    if (decoded.ok()) WARREN_CHECK(encode(*decoded) == to_bytes(payload));
}

struct Shown final : Projection {
    void show(const RecordView&, const ProjectionRow& row) override {
        WARREN_CHECK(row.title.size() <= record_bytes_max && row.key.size() <= 40);
    }
    void hide(const RecordRef&) override {}
};

// As a record of either type: what fits its table can be shown, and has a subject.
void check_table(const RecordView& record) {
    for (const auto* type : community_types) {
        const auto* message = type->find(static_cast<MessageId>(record.kind));
        if (!message || !message->fits(record)) continue;
        Shown shown;
        if (message->apply) (*message->apply)(record, shown);
        WARREN_CHECK(message->subject_of(record.payload).size() <= record.payload.size());
    }
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
    WARREN_CHECK(is_torrent_entry(record->payload) == decode_torrent_entry(record->payload).ok());
    check(decode_vote(record->payload), record->payload);
    check(decode_subscription(record->payload), record->payload);
    check(decode_channel_edit(record->payload), record->payload);
    check(decode_torrent_edit(record->payload), record->payload);
    check(decode_playlist(record->payload), record->payload);
    check(decode_playlist_edit(record->payload), record->payload);
    check(decode_comment(record->payload), record->payload);
    check_table(*record);
    return 0;
}
