// The channel: torrents and playlists that its founder, and whom he lets, publish and edit;
// comments by everybody, unless settings say otherwise. Moderation is the undo of any of them.
#pragma once

#include <array>

#include "protocol/community/channel/channel_content.h"
#include "protocol/community/message_type.h"
#include "protocol/direct_messages.h"
#include "protocol/invitation.h"

namespace warren::protocol {

bool checks_genesis(const RecordView& record);  // its author and nonce make the community's id
// What a record names is earlier than itself.
bool checks_torrent_edit(const RecordView& record);
bool checks_playlist(const RecordView& record);
bool checks_playlist_edit(const RecordView& record);
bool checks_comment(const RecordView& record);

void apply_genesis(const RecordView& record, Projection& projection);
void apply_torrent(const RecordView& record, Projection& projection);
void apply_channel_edit(const RecordView& record, Projection& projection);
void apply_torrent_edit(const RecordView& record, Projection& projection);
void apply_playlist(const RecordView& record, Projection& projection);
void apply_playlist_edit(const RecordView& record, Projection& projection);
void apply_comment(const RecordView& record, Projection& projection);
void apply_agreement(const RecordView& record, Projection& projection);

// From one partner to another, whose address is proven; a letter is signed, for people read it.
constexpr MessageType direct_row(DirectMessage id, std::string_view name, bool (*payload)(ByteView),
                                 Authentication authentication = Authentication::None) {
    MessageType out{.id = static_cast<MessageId>(id),
                    .name = name,
                    .authentication = authentication,
                    .resolution = Resolution::Public,
                    .distribution = Distribution::Direct,
                    .destination = Destination::Peer};
    out.payload = payload;
    return out;
}

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
    MessageType{.id = static_cast<MessageId>(RecordKind::ChannelEdit),
                .name = "channel-edit",
                .resolution = Resolution::Linear,
                .payload = decodes<decode_channel_edit>,
                .apply = apply_channel_edit,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::TorrentEdit),
                .name = "torrent-edit",
                .resolution = Resolution::Linear,
                .payload = decodes<decode_torrent_edit>,
                .check = checks_torrent_edit,
                .apply = apply_torrent_edit,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::Playlist),
                .name = "playlist",
                .resolution = Resolution::Linear,
                .payload = decodes<decode_playlist>,
                .check = checks_playlist,
                .apply = apply_playlist,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::PlaylistEdit),
                .name = "playlist-edit",
                .resolution = Resolution::Linear,
                .payload = decodes<decode_playlist_edit>,
                .check = checks_playlist_edit,
                .apply = apply_playlist_edit,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::Comment),
                .name = "comment",
                .resolution = Resolution::Dynamic,
                .initial = Policy::Public,
                .payload = decodes<decode_comment>,
                .check = checks_comment,
                .apply = apply_comment,
                .undo = hide_record},
    MessageType{.id = static_cast<MessageId>(RecordKind::Agreement),
                .name = "agreement",
                .authentication = Authentication::TwoMembers,
                .resolution = Resolution::Linear,
                .payload = decodes<decode_agreement>,
                .apply = apply_agreement,
                .undo = hide_record},
    direct_row(DirectMessage::PairRequest, "pair-request", decodes<decode_pair_request>),
    direct_row(DirectMessage::PairReply, "pair-reply", decodes<decode_pair_reply>),
    direct_row(DirectMessage::Letter, "letter", decodes<decode_letter>, Authentication::Member),
    direct_row(DirectMessage::LetterReply, "letter-reply", decodes<decode_letter_reply>),
    direct_row(DirectMessage{invitation_id}, "invitation", is_invitation_payload,
               Authentication::Member),  // passed on by people
};
inline constexpr CommunityType channel_type{
    .name = "channel", .messages = channel_messages, .founding = channel_messages[0].id};

}  // namespace warren::protocol
