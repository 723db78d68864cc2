// The directory: one for all, where founders announce their channels. Nobody founded it.
#pragma once

#include <array>

#include "protocol/community/message_type.h"

namespace warren::protocol {

bool checks_announced(const RecordView& record);  // by the founder of the channel that it names
void apply_announced(const RecordView& record, Projection& projection);

inline constexpr std::array directory_messages{
    MessageType{.id = static_cast<MessageId>(RecordKind::ChannelAnnounced),
                .name = "channel-announced",
                .resolution = Resolution::Public,
                .payload = decodes<decode_channel_announced>,
                .check = checks_announced,
                .apply = apply_announced,
                .undo = hide_record},
};
inline constexpr CommunityType directory_type{.name = "directory", .messages = directory_messages};

}  // namespace warren::protocol
