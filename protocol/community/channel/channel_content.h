// What a channel holds beside its torrents, and the edits of all that. An edit names its target; of
// the edits of one target the newest counts. Encoding is canonical; lists without a count go to the
// payload's end.
#pragma once

#include "protocol/record.h"

namespace warren::protocol {

struct ChannelEdit {
    std::string name, description;  // within the bounds of ChannelGenesis
    bool operator==(const ChannelEdit&) const = default;
};
// What may change of a torrent: all but what its infohash says.
struct TorrentEdit {
    RecordRef target;
    std::string name, tags;
    TorrentExtras extras;
    bool operator==(const TorrentEdit&) const = default;
};

inline constexpr TextBounds playlist_name{1, 128};
inline constexpr TextBounds playlist_description{0, 1024};
inline constexpr std::size_t playlist_items_max = 128;
struct Playlist {
    std::string name, description;
    std::vector<RecordRef> items;  // torrents of this channel, in the order that they are shown
    bool operator==(const Playlist&) const = default;
};
struct PlaylistEdit {
    RecordRef target;
    Playlist playlist;
    bool operator==(const PlaylistEdit&) const = default;
};

inline constexpr TextBounds comment_text{1, 2000};
struct Comment {
    enum class Role : std::uint8_t {
        Remark = 0,
        Reply = 1,  // to the comment `target`
        Edit = 2,   // of it; counts when its author wrote that
    };
    RecordRef about;  // a torrent; zero: the channel
    Role role = Role::Remark;
    RecordRef target;  // zero in a remark
    std::string text;
    bool operator==(const Comment&) const = default;
};

Result<ChannelEdit> decode_channel_edit(ByteView payload);
Result<TorrentEdit> decode_torrent_edit(ByteView payload);
Result<Playlist> decode_playlist(ByteView payload);
Result<PlaylistEdit> decode_playlist_edit(ByteView payload);
Result<Comment> decode_comment(ByteView payload);
// Texts and lists are cut at their bounds.
Bytes encode(const ChannelEdit& edit);
Bytes encode(const TorrentEdit& edit);
Bytes encode(const Playlist& playlist);
Bytes encode(const PlaylistEdit& edit);
Bytes encode(const Comment& comment);

}  // namespace warren::protocol
