// Adding a torrent to a channel: from a shared directory, a .torrent file, or a magnet link.
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "protocol/record.h"
#include "workers/api/call.h"
#include "workers/api/magnet.h"
#include "workers/api/resources/channel_parts.h"
#include "workers/api/resources/handlers.h"

namespace warren::api {

namespace {

Outcome<TorrentFacts> facts_of_magnet(Call& call) {
    if (!call.body.contains("name"))
        return invalid("a magnet link needs a name", {{"/name", "is missing"}});
    const auto infohash = infohash_of_magnet(call.text("magnet"));
    if (!infohash) return invalid("this is no magnet link", {{"/magnet", infohash.error().text}});
    return TorrentFacts{*infohash, call.text("name"), 0, 0, {}};
}

pipe::Task<Outcome<TorrentFacts>> facts_of(Call& call) {
    if (call.body.contains("magnet")) co_return facts_of_magnet(call);
    if (call.body.contains("path"))
        co_return co_await call.outbox().create_torrent(call.errand, call.text("path"));
    const auto torrent = *from_base64(call.text("torrent"));
    co_return co_await call.outbox().inspect_torrent(call.errand, torrent);
}

Bytes payload_of(const TorrentFacts& facts, const std::string& tags,
                 protocol::TorrentExtras extras) {
    protocol::TorrentEntry entry;
    entry.infohash = facts.infohash;
    entry.size = facts.size;
    entry.created_s = static_cast<std::uint64_t>(wall_now_ms() / 1000);
    entry.files = facts.file_count;
    entry.name = facts.name;
    entry.tags = tags;
    for (const auto& file : facts.files)
        entry.file_names.push_back(file.path);
    entry.extras = std::move(extras);
    return protocol::encode(entry);
}

}  // namespace

Handled publish_torrent(Call& call) {
    const auto community = call.community();
    auto facts = co_await facts_of(call);
    if (!facts) co_return std::move(facts.problem());
    if (call.body.contains("name")) facts->name = call.text("name");
    if (facts->name.empty()) co_return problem(422, "the torrent has no name");
    auto extras = extras_of(call, {});
    if (!extras) co_return std::move(extras.problem());
    auto payload = payload_of(*facts, call.text("tags"), std::move(*extras));
    auto record = co_await call.outbox().publish(call.errand, community,
                                                 protocol::RecordKind::Torrent, std::move(payload));
    if (!record) co_return std::move(record.problem());
    auto reply = reply_json({{"community", community.hex()},
                             {"record", record->id.hex()},
                             {"global_time", record->time},
                             {"ref", protocol::ref_text(*record)},
                             {"infohash", facts->infohash.hex()},
                             {"name", facts->name},
                             {"size", facts->size},
                             {"files", facts->file_count}});
    reply.location = "/api/v1/channels/" + community.hex() + "/contents";
    co_return std::move(reply);
}

}  // namespace warren::api
