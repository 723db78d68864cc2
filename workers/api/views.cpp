#include "workers/api/views.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "protocol/community/channel/channel_content.h"
#include "protocol/community/control_records.h"
#include "protocol/record_ref.h"
#include "workers/api/outbox.h"

namespace warren::api {

using nlohmann::json;

json to_json(const process::RosterEntry& entry, const process::SlotMap& slots) {
    const auto role = process::name_of(entry.role);
    json out = {{"name", std::string(role) + "-" + std::to_string(entry.index)},
                {"role", role},
                {"index", entry.index},
                {"state", process::name_of(entry.state)},
                {"pid", entry.pid},
                {"restarts", entry.restarts},
                {"epoch", entry.epoch}};
    if (!entry.reason.empty()) out["reason"] = entry.reason;
    if (entry.role != process::Role::Storage) return out;
    out["slots"] = std::ranges::count(slots.workers, entry.index);
    out["pinned_slots"] = json::array();
    for (auto slot : slots.pinned)
        if (slots.workers[slot] == entry.index) out["pinned_slots"].push_back(std::to_string(slot));
    return out;
}

json to_json(const Community& community) {
    return {{"id", community.id.hex()},   {"kind", community.directory ? "directory" : "channel"},
            {"joined", community.joined}, {"records", community.records},
            {"bytes", community.bytes},   {"name", community.name}};
}

json to_json(const Channel& channel) {
    return {{"id", channel.id.hex()},
            {"name", channel.name},
            {"description", channel.description},
            {"founder", to_hex(channel.founder)},
            {"torrents", channel.torrents},
            {"joined", channel.joined},
            {"own", channel.own},
            {"updated_ms", channel.updated_ms},
            {"votes_up", channel.up},
            {"votes_down", channel.down},
            {"subscribers", channel.subscribers},
            {"popularity", channel.popularity},
            {"vote", channel.vote},
            {"subscribed", channel.subscribed}};
}

json to_json(const Torrent& torrent) {
    json out = {{"community", torrent.community.hex()},
                {"channel", torrent.channel},
                {"record", torrent.record.id.hex()},
                {"global_time", torrent.record.time},
                {"ref", protocol::ref_text(torrent.record)},
                {"edited", torrent.edited},
                {"infohash", torrent.infohash.hex()},
                {"name", torrent.name},
                {"size", torrent.size},
                {"files", torrent.files},
                {"tags", torrent.tags},
                {"created_ms", torrent.created_ms}};
    if (!torrent.swarm) return out;
    out["seeders"] = torrent.swarm->seeders;
    out["leechers"] = torrent.swarm->leechers;
    out["checked_ms"] = torrent.swarm->checked_ms;
    out["checked_by"] = torrent.swarm->counted_here ? "node" : "neighbour";
    return out;
}

namespace {

void add_comment(json& out, const Item& item) {
    const auto first = protocol::decode_comment(item.payload);
    if (!first) return;
    const auto edit = protocol::decode_comment(item.edited);
    out["text"] = item.edit && edit ? edit->text : first->text;
    if (first->about != RecordRef{}) out["about"] = protocol::ref_text(first->about);
    if (first->role == protocol::Comment::Role::Reply)
        out["reply_to"] = protocol::ref_text(first->target);
}

void add_playlist(json& out, const Item& item) {
    auto list = protocol::decode_playlist(item.payload);
    if (!list) return;
    auto edit = protocol::decode_playlist_edit(item.edited);
    if (item.edit && edit) *list = std::move(edit->playlist);
    out["name"] = list->name;
    out["description"] = list->description;
    out["items"] = json::array();
    for (const auto& ref : list->items)
        out["items"].push_back(protocol::ref_text(ref));
}

void add_undo(json& out, const Item& item) {
    const auto undo = protocol::decode_undo(item.payload);
    if (!undo) return;
    out["target"] = protocol::ref_text(undo->target);
    out["kind"] = kind_name(static_cast<protocol::RecordKind>(undo->kind));
    out["action"] = undo->action == protocol::Undo::Action::Undo ? "hide" : "restore";
}

}  // namespace

json to_json(const Item& item) {
    json out = {{"ref", protocol::ref_text(item.record)},
                {"record", item.record.id.hex()},
                {"global_time", item.record.time},
                {"public_key", to_hex(item.author)},
                {"member", MemberId{sha1(item.author)}.hex()}};
    switch (static_cast<protocol::RecordKind>(item.kind)) {
    case protocol::RecordKind::Comment: add_comment(out, item); break;
    case protocol::RecordKind::Playlist: add_playlist(out, item); break;
    default: add_undo(out, item); return out;
    }
    out["edited"] = item.edit.has_value();
    return out;
}

json to_json(const FoundTorrent& found) {
    auto out = to_json(found.torrent);
    out["score"] = found.score;
    out["text"] = found.text;
    out["health"] = found.health;
    out["freshness"] = found.freshness;
    out["source"] = found.here ? "local" : "remote";
    for (const auto& peer : found.peers)
        out["peers"].push_back(peer.hex());
    return out;
}

json to_json(const AuthoredRecord& authored) {
    return {{"community", authored.community.hex()},
            {"record", authored.record.id.hex()},
            {"global_time", authored.record.time},
            {"kind", authored.kind},
            {"forked", authored.forked}};
}

json to_json(const Download& download) {
    json out = {{"infohash", download.infohash.hex()},
                {"name", download.name},
                {"state", download.state},
                {"size", download.size},
                {"done", download.done},
                {"down_rate", download.down_rate},
                {"up_rate", download.up_rate},
                {"uploaded", download.uploaded},
                {"peers", download.peers},
                {"seeds", download.seeds},
                {"files", download.files},
                {"added_ms", download.added_ms},
                {"path", download.path}};
    if (!download.error.empty()) out["error"] = download.error;
    return out;
}

json to_json(const Peer& peer) {
    json out = {{"address", peer.endpoint.text()},   {"verified", peer.verified},
                {"last_seen_ms", peer.last_seen_ms}, {"bytes_in", peer.bytes_in},
                {"bytes_out", peer.bytes_out},       {"communities", json::array()}};
    if (peer.member) out["member"] = peer.member->hex();
    if (peer.round_trip_us > 0) out["round_trip_us"] = peer.round_trip_us;
    for (const auto& id : peer.communities)
        out["communities"].push_back(id.hex());
    return out;
}

json to_json(const SyncState& state) {
    return {{"community", state.community.hex()},   {"peers", state.peers},
            {"peers_in_sync", state.peers_in_sync}, {"bytes_in", state.bytes_in},
            {"bytes_out", state.bytes_out},         {"last_in_sync_ms", state.last_in_sync_ms}};
}

json to_json(const RetentionRule& rule) {
    return {{"age_s", rule.age_ms / 1000}, {"records", rule.records}, {"bytes", rule.bytes}};
}

json to_json(const RetentionInForce& found) {
    auto out = to_json(found.rule);
    out["source"] = found.own ? "community" : "settings";
    return out;
}

json to_json(const Shard& shard) {
    json out = {{"community", shard.community.hex()},
                {"state", shard.state},
                {"slot", shard.slot},
                {"worker", "storage-" + std::to_string(shard.worker)},
                {"records", shard.records},
                {"bytes", shard.bytes},
                {"log_bytes", shard.log_bytes},
                {"bytes_max", shard.bytes_max},
                {"oldest", shard.oldest},
                {"newest", shard.newest},
                {"floor", shard.floor},
                {"checked_ms", shard.checked_ms}};
    if (shard.own_rule) out["retention"] = to_json(*shard.own_rule);
    return out;
}

json to_json(const NodeTask& task) {
    return {{"task", task.kind}, {"subject", task.subject}, {"state", task.state},
            {"done", task.done}, {"total", task.total},     {"found", task.found}};
}

json to_json(const Backup& backup) {
    return {{"name", backup.name},       {"created_ms", backup.created_ms},
            {"records", backup.records}, {"communities", backup.communities},
            {"bytes", backup.bytes},     {"damaged", backup.damaged},
            {"whole", backup.whole}};
}

}  // namespace warren::api
