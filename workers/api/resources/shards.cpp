// Files as operators see them: shards, their upkeep, records in and out.
#include <charconv>

#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

// "TIME.ID", as `next` gave it.
std::optional<RecordRef> ref_from(std::string_view text) {
    RecordRef out;
    if (text.empty()) return out;
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto* end = text.data() + dot;
    const auto parsed = std::from_chars(text.data(), end, out.time);
    const auto id = RecordId::from_hex_text(text.substr(dot + 1));
    if (parsed.ec != std::errc{} || parsed.ptr != end || !id) return std::nullopt;
    out.id = *id;
    return out;
}

// Each with its size in front, in two bytes.
Bytes joined(const std::vector<Bytes>& packets) {
    Writer out;
    for (const auto& packet : packets)
        out.u16(static_cast<std::uint16_t>(packet.size())).bytes(packet);
    return out.take();
}
std::optional<std::vector<Bytes>> cut(ByteView bytes) {
    std::vector<Bytes> out;
    Reader in(bytes);
    while (in.left() > 0)
        out.push_back(to_bytes(in.take(in.u16())));
    if (!in.done()) return std::nullopt;
    return out;
}

std::uint64_t number_of(const json::Value& body, const char* name, std::uint64_t unit = 1) {
    const auto found = body.find(name);
    return found == body.end() ? 0 : found->get<std::uint64_t>() * unit;
}

}  // namespace

Handled list_shards(Call& call) {
    auto list = co_await call.outbox().list_shards(call.errand);
    if (!list) co_return std::move(list.problem());
    auto out = items<json::Value>(list->shards);
    const auto& usage = list->usage;
    out["usage"] = {
        {"shards", usage.shards},   {"left", usage.left}, {"logs", usage.logs},
        {"derived", usage.derived}, {"node", usage.node}, {"backups", usage.backups},
        {"other", usage.other},     {"free", usage.free}, {"set_aside", usage.set_aside}};
    co_return reply_json(out);
}

Handled start_shard_task(Call& call) {
    auto task = call.text("task");
    auto done = co_await call.outbox().start_shard_task(call.errand, call.community(), task);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"detail", task + " began; GET tasks says how far it is"}});
}

Handled list_tasks(Call& call) {
    auto list = co_await call.outbox().list_tasks(call.errand);
    if (!list) co_return std::move(list.problem());
    co_return reply_json(items<json::Value>(*list));
}

Handled get_retention(Call& call) {
    auto found = co_await call.outbox().get_retention(call.errand, call.community());
    if (!found) co_return std::move(found.problem());
    co_return reply_json(to_json(*found));
}

Handled set_retention(Call& call) {
    const RetentionRule rule{number_of(call.body, "age_s", 1000), number_of(call.body, "records"),
                             number_of(call.body, "bytes")};
    auto done = co_await call.outbox().set_retention(call.errand, call.community(), rule);
    if (!done) co_return std::move(done.problem());
    co_return reply_json(to_json(RetentionInForce{rule, true}));
}

Handled reset_retention(Call& call) {
    auto done = co_await call.outbox().set_retention(call.errand, call.community(), std::nullopt);
    if (!done) co_return std::move(done.problem());
    co_return Reply{};
}

Handled export_records(Call& call) {
    const auto after = ref_from(call.query_text("after"));
    if (!after) co_return invalid("`after` is not a cursor that a page gave", {});
    auto part = co_await call.outbox().export_records(call.errand, call.community(), *after);
    if (!part) co_return std::move(part.problem());
    json::Value out = {{"records", part->packets.size()},
                       {"packets", to_base64(joined(part->packets))},
                       {"details", to_base64(part->details)},
                       {"damaged", part->damaged}};
    if (part->more) out["next"] = std::to_string(part->last.time) + "." + part->last.id.hex();
    co_return reply_json(out);
}

Handled import_records(Call& call) {
    const auto bytes = from_base64(call.text("packets"));
    auto packets = bytes ? cut(*bytes) : std::nullopt;
    if (!packets || packets->empty())
        co_return invalid("`packets` is not a list of records, each with its size in front", {});
    auto details = from_base64(call.text("details"));
    if (details && !details->empty()) {
        auto joined =
            co_await call.outbox().join_with_details(call.errand, call.community(), *details);
        if (!joined) co_return std::move(joined.problem());
    }
    auto counts =
        co_await call.outbox().import_records(call.errand, call.community(), std::move(*packets));
    if (!counts) co_return std::move(counts.problem());
    co_return reply_json({{"stored", counts->stored},
                          {"known", counts->known},
                          {"waiting", counts->waiting},
                          {"refused", counts->refused},
                          {"bad_signature", counts->bad_signature},
                          {"not_stored", counts->not_stored}});
}

}  // namespace warren::api
