#include "protocol/community/directory/directory_type.h"

namespace warren::protocol {

bool checks_announced(const RecordView& record) {
    const auto announced = decode_channel_announced(record.payload);
    return announced && channel_community(record.author, announced->nonce) == announced->channel;
}

void apply_announced(const RecordView& record, Projection& projection) {
    const auto announced = decode_channel_announced(record.payload);
    if (!announced) return;
    projection.show({record.ref(), to_bytes(announced->channel.view()), announced->name, {}});
}

}  // namespace warren::protocol
