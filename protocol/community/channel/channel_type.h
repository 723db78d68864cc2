// The channel: torrents that its founder, and whom he lets, publish.
#pragma once

#include <array>

#include "protocol/community/message_type.h"

namespace warren::protocol {

bool checks_genesis(const RecordView& record);  // its author and nonce make the community's id
void apply_genesis(const RecordView& record, Projection& projection);
void apply_torrent(const RecordView& record, Projection& projection);
void apply_agreement(const RecordView& record, Projection& projection);

inline constexpr std::array channel_messages{
    MessageType{.id = static_cast<MessageId>(RecordKind::ChannelGenesis),
                .name = "channel-genesis",
                .resolution = Resolution::Public,
                .payload = decodes<decode_channel_genesis>,
                .check = checks_genesis,
                .apply = apply_genesis},
    MessageType{.id = static_cast<MessageId>(RecordKind::Torrent),
                .name = "torrent",
                .resolution = Resolution::Linear,
                .payload = is_torrent_entry,
                .apply = apply_torrent,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::Agreement),
                .name = "agreement",
                .authentication = Authentication::TwoMembers,
                .resolution = Resolution::Linear,
                .payload = decodes<decode_agreement>,
                .apply = apply_agreement,
                .undo = hide_record},
};
inline constexpr CommunityType channel_type{
    .name = "channel", .messages = channel_messages, .founding = channel_messages[0].id};

}  // namespace warren::protocol
