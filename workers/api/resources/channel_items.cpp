// Comments and playlists.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "protocol/community/channel/channel_content.h"
#include "workers/api/resources/channel_parts.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

using protocol::Comment;
using protocol::RecordKind;

Handled publish_in_channel(Call& call, RecordKind kind, Bytes payload) {
    auto record =
        co_await call.outbox().publish(call.errand, call.community(), kind, std::move(payload));
    if (!record) co_return std::move(record.problem());
    co_return published(*record);
}

Handled list_page(Call& call, ItemQuery query) {
    auto after = after_of(call);
    if (!after) co_return std::move(after.problem());
    query.community = call.community();
    query.after = *after;
    query.limit = std::min(call.limit(), 100u);
    auto page = co_await call.outbox().list_items(call.errand, std::move(query));
    if (!page) co_return std::move(page.problem());
    auto out = items<json::Value>(page->items);
    if (page->more) out["next"] = protocol::ref_text(page->items.back().record);
    co_return reply_json(out);
}

Outcome<protocol::Playlist> playlist_of(const Call& call) {
    protocol::Playlist out{call.text("name"), call.text("description"), {}};
    for (const auto& one : call.body.at("items")) {
        auto ref = ref_of(one.get<std::string>(), "/items");
        if (!ref) return std::move(ref.problem());
        out.items.push_back(*ref);
    }
    if (out.items.size() > protocol::playlist_items_max)
        return invalid("a playlist has 128 torrents at most", {{"/items", "are too many"}});
    return out;
}

pipe::Task<Outcome<StoredRecord>> find_item(Call& call, RecordKind kind) {
    auto found = co_await call.outbox().get_record(call.errand, call.community(), call.record());
    if (!found) co_return std::move(found.problem());
    if (static_cast<RecordKind>(found->item.kind) != kind || !found->shown)
        co_return problem(404, "this channel shows no such record");
    co_return std::move(*found);
}

}  // namespace

Handled list_comments(Call& call) {
    ItemQuery query;
    query.kind = static_cast<std::uint8_t>(RecordKind::Comment);
    if (const auto about = call.query_text("about"); !about.empty()) {
        query.about = protocol::ref_from(about);
        if (!query.about)
            co_return invalid("the query is not right", {{"?about", "must be a `ref`: TIME.ID"}});
    }
    co_return co_await list_page(call, std::move(query));
}

// A reply is about what the comment that it answers is about.
Handled add_comment(Call& call) {
    Comment comment;
    comment.text = call.text("text");
    if (call.body.contains("about")) {
        auto about = ref_of(call.text("about"), "/about");
        if (!about) co_return std::move(about.problem());
        comment.about = *about;
    }
    if (call.body.contains("reply_to")) {
        auto target = ref_of(call.text("reply_to"), "/reply_to");
        if (!target) co_return std::move(target.problem());
        auto found = co_await call.outbox().get_record(call.errand, call.community(), *target);
        if (!found) co_return std::move(found.problem());
        const auto answered = protocol::decode_comment(found->item.payload);
        if (static_cast<RecordKind>(found->item.kind) != RecordKind::Comment || !answered)
            co_return problem(422, "`reply_to` names no comment");
        comment.role = Comment::Role::Reply;
        comment.target = *target;
        comment.about = answered->about;
    }
    co_return co_await publish_in_channel(call, RecordKind::Comment, protocol::encode(comment));
}

Handled change_comment(Call& call) {
    auto found = co_await find_item(call, RecordKind::Comment);
    if (!found) co_return std::move(found.problem());
    auto own = co_await call.outbox().get_identity(call.errand);
    if (!own) co_return std::move(own.problem());
    if (found->item.author != own->public_key)
        co_return problem(403, "a comment is changed by its author only");
    auto before = protocol::decode_comment(found->item.payload);
    if (!before) co_return problem(404, "this channel shows no such record");
    const Comment edit{before->about, Comment::Role::Edit, call.record(), call.text("text")};
    co_return co_await publish_in_channel(call, RecordKind::Comment, protocol::encode(edit));
}

Handled list_playlists(Call& call) {
    ItemQuery query;
    query.kind = static_cast<std::uint8_t>(RecordKind::Playlist);
    co_return co_await list_page(call, std::move(query));
}

Handled add_playlist(Call& call) {
    auto playlist = playlist_of(call);
    if (!playlist) co_return std::move(playlist.problem());
    co_return co_await publish_in_channel(call, RecordKind::Playlist, protocol::encode(*playlist));
}

Handled get_playlist(Call& call) {
    auto found = co_await find_item(call, RecordKind::Playlist);
    if (!found) co_return std::move(found.problem());
    auto out = to_json(found->item);
    out["torrents"] = items<json::Value>(found->torrents)["items"];
    co_return reply_json(out);
}

Handled change_playlist(Call& call) {
    auto found = co_await find_item(call, RecordKind::Playlist);
    if (!found) co_return std::move(found.problem());
    auto playlist = playlist_of(call);
    if (!playlist) co_return std::move(playlist.problem());
    const protocol::PlaylistEdit edit{call.record(), std::move(*playlist)};
    co_return co_await publish_in_channel(call, RecordKind::PlaylistEdit, protocol::encode(edit));
}

}  // namespace warren::api
