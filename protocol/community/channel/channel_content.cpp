#include "protocol/community/channel/channel_content.h"

#include <algorithm>

namespace warren::protocol {

namespace {

Error bad_payload(const char* what) {
    return bad_input(std::string(what) + ": cut short, too long, or a field out of bounds");
}

// No record has time 0, nor id 0.
RecordRef read_ref(Reader& in) {
    RecordRef out;
    out.time = in.u64();
    out.id.bytes = in.array<RecordId::size>();
    if (out.time == 0 || out.id.is_zero()) in.fail();
    return out;
}

RecordRef read_ref_or_none(Reader& in) {
    RecordRef out;
    out.time = in.u64();
    out.id.bytes = in.array<RecordId::size>();
    if ((out.time == 0) != out.id.is_zero()) in.fail();
    return out;
}

void put_ref(Writer& to, const RecordRef& ref) {
    to.u64(ref.time).bytes(ref.id.view());
}

Playlist read_playlist(Reader& in) {
    Playlist out;
    out.name = read_text(in, playlist_name);
    out.description = read_text(in, playlist_description);
    while (in.left() > 0 && out.items.size() < playlist_items_max)
        out.items.push_back(read_ref(in));
    return out;
}

void put_playlist(Writer& to, const Playlist& playlist) {
    put_text(to, playlist.name, playlist_name);
    put_text(to, playlist.description, playlist_description);
    for (std::size_t i = 0; i < std::min(playlist.items.size(), playlist_items_max); ++i)
        put_ref(to, playlist.items[i]);
}

}  // namespace

Result<ChannelEdit> decode_channel_edit(ByteView payload) {
    Reader in(payload);
    ChannelEdit out;
    out.name = read_text(in, channel_name);
    out.description = read_text(in, channel_description);
    if (!in.done()) return bad_payload("channel edit");
    return out;
}

Bytes encode(const ChannelEdit& edit) {
    Writer to;
    put_text(to, edit.name, channel_name);
    put_text(to, edit.description, channel_description);
    return to.take();
}

Result<TorrentEdit> decode_torrent_edit(ByteView payload) {
    Reader in(payload);
    TorrentEdit out;
    out.target = read_ref(in);
    out.name = read_text(in, torrent_name);
    out.tags = read_text(in, torrent_tags);
    read_extras(in, &out.extras);
    if (!in.done()) return bad_payload("torrent edit");
    return out;
}

Bytes encode(const TorrentEdit& edit) {
    Writer to;
    put_ref(to, edit.target);
    put_text(to, edit.name, torrent_name);
    put_text(to, edit.tags, torrent_tags);
    put_extras(to, edit.extras);
    return to.take();
}

Result<Playlist> decode_playlist(ByteView payload) {
    Reader in(payload);
    auto out = read_playlist(in);
    if (!in.done()) return bad_payload("playlist");
    return out;
}

Bytes encode(const Playlist& playlist) {
    Writer to;
    put_playlist(to, playlist);
    return to.take();
}

Result<PlaylistEdit> decode_playlist_edit(ByteView payload) {
    Reader in(payload);
    PlaylistEdit out;
    out.target = read_ref(in);
    out.playlist = read_playlist(in);
    if (!in.done()) return bad_payload("playlist edit");
    return out;
}

Bytes encode(const PlaylistEdit& edit) {
    Writer to;
    put_ref(to, edit.target);
    put_playlist(to, edit.playlist);
    return to.take();
}

Result<Comment> decode_comment(ByteView payload) {
    Reader in(payload);
    Comment out;
    out.about = read_ref_or_none(in);
    const auto role = in.u8();
    if (role > static_cast<std::uint8_t>(Comment::Role::Edit)) return bad_payload("comment");
    out.role = static_cast<Comment::Role>(role);
    if (out.role != Comment::Role::Remark) out.target = read_ref(in);
    out.text = read_text(in, comment_text);
    if (!in.done()) return bad_payload("comment");
    return out;
}

Bytes encode(const Comment& comment) {
    Writer to;
    put_ref(to, comment.about);
    to.u8(static_cast<std::uint8_t>(comment.role));
    if (comment.role != Comment::Role::Remark) put_ref(to, comment.target);
    put_text(to, comment.text, comment_text);
    return to.take();
}

}  // namespace warren::protocol
