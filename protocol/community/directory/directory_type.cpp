#include "protocol/community/directory/directory_type.h"

namespace warren::protocol {

bool checks_announced(const RecordView& record) {
    const auto announced = decode_channel_announced(record.payload);
    return announced && channel_community(record.author, announced->nonce) == announced->channel;
}

void apply_announced(const RecordView& record, Projection& projection) {
    const auto announced = decode_channel_announced(record.payload);
    if (!announced) return;
    projection.show(record, {.key = to_bytes(announced->channel.view()), .title = announced->name});
}

ByteView voted_channel(ByteView payload) {
    return payload.first(CommunityId::size);
}

void apply_vote(const RecordView& record, Projection& projection) {
    projection.show(record, {.key = to_bytes(voted_channel(record.payload))});
}

}  // namespace warren::protocol
