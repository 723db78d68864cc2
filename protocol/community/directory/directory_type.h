// The directory: one for all, where founders announce their channels, and members vote for and
// subscribe to them. Nobody founded it.
#pragma once

#include <array>

#include "protocol/community/directory/directory_content.h"
#include "protocol/community/message_type.h"

namespace warren::protocol {

bool checks_announced(const RecordView& record);  // by the founder of the channel that it names
void apply_announced(const RecordView& record, Projection& projection);
ByteView voted_channel(ByteView payload);  // of votes and subscriptions: they begin with it
void apply_vote(const RecordView& record, Projection& projection);

inline constexpr std::array directory_messages{
    MessageType{.id = static_cast<MessageId>(RecordKind::ChannelAnnounced),
                .name = "channel-announced",
                .resolution = Resolution::Public,
                .payload = decodes<decode_channel_announced>,
                .check = checks_announced,
                .apply = apply_announced,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::Vote),
                .name = "vote",
                .resolution = Resolution::Public,
                .distribution = Distribution::Last,
                .last = 1,
                .subject = voted_channel,
                .payload = decodes<decode_vote>,
                .apply = apply_vote,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::Subscription),
                .name = "subscription",
                .resolution = Resolution::Public,
                .distribution = Distribution::Last,
                .last = 1,
                .subject = voted_channel,
                .payload = decodes<decode_subscription>,
                .apply = apply_vote,
                .undo = hide_record},
};
inline constexpr CommunityType directory_type{.name = "directory", .messages = directory_messages};

}  // namespace warren::protocol
