#include "protocol/community/channel/channel_type.h"

#include <algorithm>

namespace warren::protocol {

namespace {

bool are_earlier(const std::vector<RecordRef>& refs, const RecordView& record) {
    return std::ranges::all_of(refs, [&](const RecordRef& ref) { return ref.time < record.time; });
}

}  // namespace

bool checks_genesis(const RecordView& record) {
    const auto genesis = decode_channel_genesis(record.payload);
    return genesis && channel_community(record.author, genesis->nonce) == record.community;
}

bool checks_torrent_edit(const RecordView& record) {
    const auto edit = decode_torrent_edit(record.payload);
    return edit && are_earlier({edit->target}, record);
}

bool checks_playlist(const RecordView& record) {
    const auto playlist = decode_playlist(record.payload);
    return playlist && are_earlier(playlist->items, record);
}

bool checks_playlist_edit(const RecordView& record) {
    const auto edit = decode_playlist_edit(record.payload);
    return edit && are_earlier({edit->target}, record) && are_earlier(edit->playlist.items, record);
}

bool checks_comment(const RecordView& record) {
    const auto comment = decode_comment(record.payload);
    return comment && are_earlier({comment->about, comment->target}, record);
}

void apply_genesis(const RecordView& record, Projection& projection) {
    const auto genesis = decode_channel_genesis(record.payload);
    if (!genesis) return;
    projection.show(record, {.key = to_bytes(record.community.view()),
                             .title = genesis->name,
                             .words = genesis->description});
}

void apply_torrent(const RecordView& record, Projection& projection) {
    const auto entry = decode_torrent_entry(record.payload);
    if (!entry) return;
    std::string words = entry->tags;
    for (const auto& name : entry->file_names)
        words += "\n" + name;
    projection.show(
        record,
        {.key = to_bytes(entry->infohash.view()), .title = entry->name, .words = std::move(words)});
}

void apply_channel_edit(const RecordView& record, Projection& projection) {
    const auto edit = decode_channel_edit(record.payload);
    if (!edit) return;
    projection.show(record, {.key = to_bytes(record.community.view()),
                             .title = edit->name,
                             .words = edit->description,
                             .is_edit = true});
}

void apply_torrent_edit(const RecordView& record, Projection& projection) {
    const auto edit = decode_torrent_edit(record.payload);
    if (!edit) return;
    projection.show(
        record,
        {.key = key_of(edit->target), .title = edit->name, .words = edit->tags, .is_edit = true});
}

void apply_playlist(const RecordView& record, Projection& projection) {
    const auto playlist = decode_playlist(record.payload);
    if (!playlist) return;
    projection.show(record, {.title = playlist->name, .words = playlist->description});
}

void apply_playlist_edit(const RecordView& record, Projection& projection) {
    const auto edit = decode_playlist_edit(record.payload);
    if (!edit) return;
    projection.show(record, {.key = key_of(edit->target),
                             .title = edit->playlist.name,
                             .words = edit->playlist.description,
                             .is_edit = true});
}

void apply_comment(const RecordView& record, Projection& projection) {
    const auto comment = decode_comment(record.payload);
    if (!comment) return;
    const bool is_edit = comment->role == Comment::Role::Edit;
    projection.show(record, {.key = key_of(is_edit ? comment->target : comment->about),
                             .words = comment->text,
                             .is_edit = is_edit});
}

// Found by either of its members.
void apply_agreement(const RecordView& record, Projection& projection) {
    const auto agreement = decode_agreement(record.payload);
    if (!agreement || !record.second) return;
    auto members = to_bytes(record.author.view());
    append(members, record.second->view());
    projection.show(record, {.key = std::move(members), .title = agreement->text});
}

}  // namespace warren::protocol
