// A community as such: founding it, who may do what in it, its end, and how it is in sync.
#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "protocol/community/types.h"
#include "protocol/record_ref.h"
#include "workers/api/kinds.h"
#include "workers/api/resources/grants.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

using protocol::ControlKind;

Handled publish_control(Call& call, ControlKind kind, Bytes payload) {
    const auto community = call.community();
    if (protocol::type_of(community).founding == 0)
        co_return problem(422, "nobody founded this community, so nobody has rights in it");
    auto record = co_await call.outbox().publish(
        call.errand, community, static_cast<protocol::RecordKind>(protocol::id_of(kind)),
        std::move(payload));
    if (!record) co_return std::move(record.problem());
    auto reply = reply_json({{"community", community.hex()},
                             {"record", record->id.hex()},
                             {"global_time", record->time}});
    reply.location = "/api/v1/communities/" + community.hex() + "/permissions";
    co_return std::move(reply);
}

json::Value ref_json(const RecordRef& ref) {
    return {{"record", ref.id.hex()}, {"global_time", ref.time}};
}

json::Value to_json(const CommunityId& community, const Permission& one) {
    auto out = ref_json(one.record);
    if (!one.member.empty()) {
        out["member"] = protocol::member_id(one.member).hex();
        out["public_key"] = to_hex(one.member);
    }
    out["kind"] = name_of_kind(community, one.kind);
    out["right"] = names_of_rights(one.right).empty() ? "" : names_of_rights(one.right).front();
    out["held"] = one.held;
    out["since"] = one.since;
    return out;
}

// All pages: what a community's rights are together.
pipe::Task<Outcome<PermissionPage>> all_permissions(Call& call) {
    constexpr std::uint32_t page_max = 500, pages_max = 20;
    PermissionPage out;
    std::string after;
    for (std::uint32_t page = 0; page < pages_max; ++page) {
        Page wish{after, page_max};
        auto got =
            co_await call.outbox().list_permissions(call.errand, call.community(), std::move(wish));
        if (!got) co_return std::move(got.problem());
        std::ranges::move(got->items, std::back_inserter(out.items));
        out.founder = got->founder;
        out.own = got->own;
        out.end = got->end;
        out.next = got->next;
        if (!out.next) break;
        after = *out.next;
    }
    co_return out;
}

}  // namespace

Handled list_permissions(Call& call) {
    Page page{call.query_text("after"), call.limit()};
    auto got = co_await call.outbox().list_permissions(call.errand, call.community(), page);
    if (!got) co_return std::move(got.problem());
    auto items = json::Value::array();
    for (const auto& one : got->items)
        items.push_back(to_json(call.community(), one));
    json::Value out = {{"items", std::move(items)}};
    if (!got->founder.empty()) out["founder"] = protocol::member_id(got->founder).hex();
    if (got->end) out["end"] = got->end->id.hex();
    if (got->next) out["next"] = *got->next;
    co_return reply_json(out);
}

Handled list_members(Call& call) {
    auto all = co_await all_permissions(call);
    if (!all) co_return std::move(all.problem());
    std::map<Bytes, std::map<std::uint8_t, protocol::Rights>> members;
    if (!all->founder.empty()) members[all->founder];
    for (const auto& one : all->items)
        if (one.held && !one.member.empty()) members[one.member][one.kind] |= one.right;
    auto items = json::Value::array();
    for (const auto& [key, kinds] : members) {
        auto rights = json::Value::array();
        for (const auto& [kind, set] : kinds)
            rights.push_back(
                {{"kind", name_of_kind(call.community(), kind)}, {"rights", names_of_rights(set)}});
        items.push_back({{"member", protocol::member_id(key).hex()},
                         {"public_key", to_hex(key)},
                         {"founder", key == all->founder},
                         {"own", key == all->own},
                         {"rights", std::move(rights)}});
    }
    co_return reply_json({{"items", std::move(items)}, {"complete", !all->next.has_value()}});
}

Handled explain_record(Call& call) {
    const auto record = *protocol::ref_from(call.path.at("record"));
    auto got = co_await call.outbox().explain_record(call.errand, call.community(), record);
    if (!got) co_return std::move(got.problem());
    auto because = json::Value::array();
    for (const auto& one : got->because) {
        auto item = ref_json(one.record);
        item["kind"] = name_of_kind(call.community(), one.kind);
        item["by"] = protocol::member_id(one.author).hex();
        because.push_back(std::move(item));
    }
    co_return reply_json({{"state", got->state}, {"because", std::move(because)}});
}

Outcome<std::vector<protocol::Grant>> grants_of(const Call& call) {
    const auto community = call.community();
    const auto& list = call.body.at("grants");
    if (list.empty() || list.size() > protocol::grants_max)
        return invalid("between 1 and 64 grants go into one record",
                       {{"/grants", "must have 1 to 64 items"}});
    std::vector<protocol::Grant> out;
    std::vector<FieldError> errors;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto at = "/grants/" + std::to_string(i);
        const auto& item = list[i];
        protocol::Grant grant;
        grant.member = *protocol::PublicKey::from_hex_text(item["member"].get<std::string>());
        const auto name = item["kind"].get<std::string>();
        const auto kind = kind_of_name(community, name);
        const auto* message =
            kind ? protocol::find_message(protocol::type_of(community), *kind) : nullptr;
        if (!message) {
            errors.push_back({at + "/kind", "there is no kind of record named " + name});
            continue;
        }
        grant.kind = *kind;
        const auto there_are = protocol::rights_on(*message);
        for (const auto& text : item["rights"]) {
            const auto right = right_of_name(text.get<std::string>());
            if (!right || (there_are & *right) == 0)
                errors.push_back({at + "/rights",
                                  "there is no right " + text.get<std::string>() + " on " + name});
            else
                grant.rights |= *right;
        }
        if (grant.rights == 0 && errors.empty())
            errors.push_back({at + "/rights", "must name one at least"});
        out.push_back(grant);
    }
    if (!errors.empty()) return invalid("the grants are not right", std::move(errors));
    return out;
}

Handled create_community(Call& call) {
    const NewChannel channel{call.text("name"), call.text("description"),
                             !call.body.contains("listed") || call.body["listed"].get<bool>()};
    auto made = co_await call.outbox().create_channel(call.errand, channel);
    if (!made) co_return std::move(made.problem());
    auto reply = reply_json({{"id", made->community.hex()},
                             {"type", call.text("type")},
                             {"name", channel.name},
                             {"listed", channel.listed},
                             {"record", made->record.id.hex()},
                             {"global_time", made->record.time}});
    reply.location = "/api/v1/communities/" + made->community.hex();
    co_return std::move(reply);
}

Handled authorize_members(Call& call) {
    auto grants = grants_of(call);
    if (!grants) co_return std::move(grants.problem());
    co_return co_await publish_control(call, ControlKind::Authorize,
                                       protocol::encode_grants(std::move(*grants)));
}

Handled revoke_members(Call& call) {
    auto grants = grants_of(call);
    if (!grants) co_return std::move(grants.problem());
    co_return co_await publish_control(call, ControlKind::Revoke,
                                       protocol::encode_grants(std::move(*grants)));
}

Handled set_policy(Call& call) {
    const auto name = call.text("kind");
    const auto kind = kind_of_name(call.community(), name);
    const auto* message = kind ? protocol::type_of(call.community()).find(*kind) : nullptr;
    if (!message || message->resolution != protocol::Resolution::Dynamic)
        co_return invalid("the policy of this kind cannot be changed",
                          {{"/kind", name + " is no kind whose policy is dynamic"}});
    const auto policy =
        call.text("policy") == "public" ? protocol::Policy::Public : protocol::Policy::Linear;
    co_return co_await publish_control(call, ControlKind::Settings,
                                       protocol::encode(protocol::Settings{*kind, policy}));
}

Handled destroy_community(Call& call) {
    if (call.text("confirm") != call.community().hex())
        co_return invalid("what is destroyed cannot be brought back",
                          {{"/confirm", "must be the community's id once more"}});
    co_return co_await publish_control(call, ControlKind::Destroy, {});
}

Handled get_sync(Call& call) {
    auto detail = co_await call.outbox().get_sync(call.errand, call.community());
    if (!detail) co_return std::move(detail.problem());
    auto peers = json::Value::array();
    for (const auto& peer : detail->peers)
        peers.push_back({{"member", to_hex(peer.member)},
                         {"address", peer.endpoint.text()},
                         {"in_sync", peer.in_sync},
                         {"records", peer.records},
                         {"bytes_in", peer.bytes_in},
                         {"bytes_out", peer.bytes_out}});
    detail->state.community = call.community();
    auto out = to_json(detail->state);
    out["records"] = detail->root.records;
    out["newest"] = detail->root.newest;
    out["fingerprint"] = to_hex(detail->root.fingerprint);
    out["epoch"] = detail->root.epoch;
    out["floor"] = detail->root.floor;
    out["members"] = std::move(peers);
    co_return reply_json(out);
}

}  // namespace warren::api
