#include "protocol/community/channel/channel_type.h"

namespace warren::protocol {

bool checks_genesis(const RecordView& record) {
    const auto genesis = decode_channel_genesis(record.payload);
    return genesis && channel_community(record.author, genesis->nonce) == record.community;
}

void apply_genesis(const RecordView& record, Projection& projection) {
    const auto genesis = decode_channel_genesis(record.payload);
    if (!genesis) return;
    projection.show(
        {record.ref(), to_bytes(record.community.view()), genesis->name, genesis->description});
}

void apply_torrent(const RecordView& record, Projection& projection) {
    const auto entry = decode_torrent_entry(record.payload);
    if (!entry) return;
    std::string words = entry->tags;
    for (const auto& name : entry->file_names)
        words += "\n" + name;
    projection.show({record.ref(), to_bytes(entry->infohash.view()), entry->name, words});
}

// Found by either of its members.
void apply_agreement(const RecordView& record, Projection& projection) {
    const auto agreement = decode_agreement(record.payload);
    if (!agreement || !record.second) return;
    auto members = to_bytes(record.author.view());
    append(members, record.second->view());
    projection.show({record.ref(), std::move(members), agreement->text, {}});
}

}  // namespace warren::protocol
