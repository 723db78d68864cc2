// Votes, subscriptions, edits and moderation: each is a record of this node.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "protocol/community/channel/channel_content.h"
#include "protocol/community/control_records.h"
#include "protocol/community/directory/directory_content.h"
#include "workers/api/resources/channel_parts.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

using protocol::ControlKind;
using protocol::RecordKind;

constexpr std::size_t trackers_max = 16, tracker_bytes_max = 256;

pipe::Task<Outcome<RecordRef>> publish_subscription(Call& call, protocol::Subscribed subscribed) {
    auto payload = protocol::encode(protocol::Subscription{call.community(), subscribed});
    co_return co_await call.outbox().publish(call.errand, protocol::directory_community(),
                                             RecordKind::Subscription, std::move(payload));
}

pipe::Task<Outcome<StoredRecord>> find_torrent(Call& call) {
    auto found = co_await call.outbox().get_record(call.errand, call.community(), call.record());
    if (!found) co_return std::move(found.problem());
    const bool is_torrent = static_cast<RecordKind>(found->item.kind) == RecordKind::Torrent;
    if (!is_torrent || found->torrents.empty())
        co_return problem(404, "this channel shows no such torrent");
    co_return std::move(*found);
}

protocol::TorrentExtras extras_of(const Torrent& torrent) {
    return {protocol::ContentHash::from(torrent.thumbnail), torrent.trackers};
}

}  // namespace

Outcome<protocol::TorrentExtras> extras_of(const Call& call, protocol::TorrentExtras before) {
    if (const auto found = call.body.find("trackers"); found != call.body.end()) {
        before.trackers.clear();
        for (const auto& one : *found) {
            auto url = one.get<std::string>();
            if (before.trackers.size() == trackers_max || url.empty() ||
                url.size() > tracker_bytes_max)
                return invalid("trackers are at most 16 texts of 1 to 256 bytes",
                               {{"/trackers", "are too many, or one is empty or too long"}});
            before.trackers.push_back(std::move(url));
        }
    }
    if (call.body.contains("thumbnail")) {
        const auto text = call.text("thumbnail");
        before.thumbnail = protocol::ContentHash::from_hex_text(text);
        if (!text.empty() && !before.thumbnail)
            return invalid("a thumbnail is named by its SHA-256",
                           {{"/thumbnail", "must be 64 hexadecimal digits, or empty"}});
    }
    return before;
}

Outcome<RecordRef> ref_of(const std::string& text, const std::string& what) {
    const auto ref = protocol::ref_from(text);
    if (!ref) return invalid("this names no record", {{what, "must be a `ref`: TIME.ID"}});
    return *ref;
}

Outcome<std::optional<RecordRef>> after_of(const Call& call) {
    const auto text = call.query_text("after");
    if (text.empty()) return std::optional<RecordRef>{};
    auto ref = protocol::ref_from(text);
    if (!ref) return invalid("the query is not right", {{"?after", "is not what a page gave"}});
    return ref;
}

Reply published(const RecordRef& record) {
    return reply_json({{"ref", protocol::ref_text(record)},
                       {"record", record.id.hex()},
                       {"global_time", record.time}});
}

Handled change_channel(Call& call) {
    auto channel = co_await find_channel(call);
    if (!channel) co_return std::move(channel.problem());
    if (call.body.contains("name")) channel->name = call.text("name");
    if (call.body.contains("description")) channel->description = call.text("description");
    auto payload = protocol::encode(protocol::ChannelEdit{channel->name, channel->description});
    auto record = co_await call.outbox().publish(call.errand, call.community(),
                                                 RecordKind::ChannelEdit, std::move(payload));
    if (!record) co_return std::move(record.problem());
    co_return published(*record);
}

Handled put_vote(Call& call) {
    const auto value = call.body.at("value").get<int>();
    const auto vote = value > 0   ? protocol::VoteValue::Up
                      : value < 0 ? protocol::VoteValue::Down
                                  : protocol::VoteValue::None;
    auto payload = protocol::encode(protocol::Vote{call.community(), vote});
    auto record = co_await call.outbox().publish(call.errand, protocol::directory_community(),
                                                 RecordKind::Vote, std::move(payload));
    if (!record) co_return std::move(record.problem());
    co_return reply_json({{"id", call.community().hex()}, {"value", value}});
}

// Two steps; a retry repeats both, each under the id that it had.
Handled subscribe(Call& call) {
    auto joined = co_await call.outbox().join_community(call.errand, call.community());
    if (!joined) co_return std::move(joined.problem());
    auto record = co_await publish_subscription(call, protocol::Subscribed::Yes);
    if (!record) co_return std::move(record.problem());
    co_return reply_json({{"id", call.community().hex()}, {"subscribed", true}});
}

Handled unsubscribe(Call& call) {
    auto record = co_await publish_subscription(call, protocol::Subscribed::No);
    if (!record) co_return std::move(record.problem());
    co_return Reply{};
}

Handled get_torrent(Call& call) {
    auto found = co_await find_torrent(call);
    if (!found) co_return std::move(found.problem());
    const auto& torrent = found->torrents.front();
    auto out = to_json(torrent);
    out["trackers"] = torrent.trackers;
    if (!torrent.thumbnail.empty()) out["thumbnail"] = to_hex(torrent.thumbnail);
    co_return reply_json(out);
}

Handled change_torrent(Call& call) {
    auto found = co_await find_torrent(call);
    if (!found) co_return std::move(found.problem());
    const auto& torrent = found->torrents.front();
    auto extras = extras_of(call, extras_of(torrent));
    if (!extras) co_return std::move(extras.problem());
    protocol::TorrentEdit edit{call.record(), torrent.name, torrent.tags, std::move(*extras)};
    if (call.body.contains("name")) edit.name = call.text("name");
    if (call.body.contains("tags")) edit.tags = call.text("tags");
    auto payload = protocol::encode(edit);
    auto record = co_await call.outbox().publish(call.errand, call.community(),
                                                 RecordKind::TorrentEdit, std::move(payload));
    if (!record) co_return std::move(record.problem());
    co_return published(*record);
}

Handled list_moderation(Call& call) {
    auto after = after_of(call);
    if (!after) co_return std::move(after.problem());
    ItemQuery query{call.community(), protocol::id_of(ControlKind::UndoOther)};
    query.after = *after;
    query.limit = std::min(call.limit(), 100u);
    query.newest_first = true;
    auto page = co_await call.outbox().list_items(call.errand, std::move(query));
    if (!page) co_return std::move(page.problem());
    auto out = items<json::Value>(page->items);
    // Where the records are that allowed it.
    const auto why = "/api/v1/communities/" + call.community().hex() + "/why/";
    for (std::size_t i = 0; i < page->items.size(); ++i)
        out["items"][i]["why"] = why + protocol::ref_text(page->items[i].record);
    if (page->more) out["next"] = protocol::ref_text(page->items.back().record);
    co_return reply_json(out);
}

// What one wrote oneself one takes back as its author; that needs no right of a moderator, and is
// no matter of the log.
Handled moderate(Call& call) {
    auto target = ref_of(call.text("target"), "/target");
    if (!target) co_return std::move(target.problem());
    auto found = co_await call.outbox().get_record(call.errand, call.community(), *target);
    if (!found) co_return std::move(found.problem());
    auto own = co_await call.outbox().get_identity(call.errand);
    if (!own) co_return std::move(own.problem());
    const auto as = call.text("as");
    const bool is_author = found->item.author == own->public_key;
    if (as == "author" && !is_author)
        co_return problem(403, "this node did not write the record; hide it as a moderator");
    const auto by = is_author && as != "moderator" ? ControlKind::UndoOwn : ControlKind::UndoOther;
    protocol::Undo undo{*target, found->item.kind, protocol::Undo::Action::Undo};
    if (call.text("action") == "restore") undo.action = protocol::Undo::Action::Restore;
    auto payload = protocol::encode(undo);
    auto record = co_await call.outbox().publish(call.errand, call.community(),
                                                 static_cast<RecordKind>(protocol::id_of(by)),
                                                 std::move(payload));
    if (!record) co_return std::move(record.problem());
    co_return published(*record);
}

}  // namespace warren::api
