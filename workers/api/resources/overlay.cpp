// The overlay as a whole, and its DHT.
#include <nlohmann/json.hpp>

#include "protocol/dht_messages.h"
#include "protocol/discovery_messages.h"
#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"

namespace warren::api {

namespace {

// What is left of a value of the DHT for data; a signed one names its signer.
constexpr std::size_t plain_bytes_max = protocol::dht_value_bytes_max - 1;
constexpr std::size_t signed_bytes_max = protocol::dht_value_bytes_max - 1 - 2 - 4 - 2 -
                                         protocol::PublicKey::size - protocol::signature_bytes;

DhtKey key_of(const Call& call) {
    return *DhtKey::from_hex_text(call.path.at("id"));
}

std::string_view kind_of(const CommunityId& community) {
    if (community == protocol::discovery_community) return "discovery";
    return community == protocol::dht_community ? "dht" : "records";
}

json::Value texts(const std::vector<Endpoint>& endpoints) {
    auto out = json::Value::array();
    for (const auto& endpoint : endpoints)
        out.push_back(endpoint.text());
    return out;
}

}  // namespace

Handled get_overlay(Call& call) {
    auto state = co_await call.outbox().get_overlay(call.errand);
    if (!state) co_return std::move(state.problem());
    auto communities = json::Value::array();
    for (const auto& one : state->communities)
        communities.push_back({{"id", one.id.hex()},
                               {"kind", kind_of(one.id)},
                               {"neighbours", one.neighbours},
                               {"partners", one.partners}});
    co_return reply_json({{"peers", state->peers},
                          {"proven", state->proven},
                          {"lan", texts(state->lan)},
                          {"wan", texts(state->wan)},
                          {"connection", state->connection},
                          {"bootstrap", state->bootstrap},
                          {"introduced", state->introduced},
                          {"communities", std::move(communities)}});
}

Handled get_dht(Call& call) {
    auto state = co_await call.outbox().get_dht(call.errand);
    if (!state) co_return std::move(state.problem());
    auto families = json::Value::array();
    for (const auto& one : state->families)
        families.push_back({{"family", one.v6 ? "ipv6" : "ipv4"},
                            {"node_id", to_hex(one.node_id)},
                            {"nodes", one.nodes},
                            {"good", one.good},
                            {"buckets", one.buckets},
                            {"keys", one.keys},
                            {"values", one.values},
                            {"members_held", one.members_held}});
    co_return reply_json(
        {{"running", !state->families.empty()}, {"families", std::move(families)}});
}

Handled find_values(Call& call) {
    auto found = co_await call.outbox().find_values(call.errand, key_of(call));
    if (!found) co_return std::move(found.problem());
    auto items = json::Value::array();
    for (const auto& value : *found) {
        json::Value item = {{"data", to_base64(value.data)}};
        if (!value.signer.empty()) {
            item["signer"] = to_hex(value.signer);
            item["member"] = protocol::member_id(value.signer).hex();
            item["version"] = value.version;
        }
        items.push_back(std::move(item));
    }
    co_return reply_json({{"items", std::move(items)}});
}

Handled store_value(Call& call) {
    const auto is_signed = call.body.contains("signed") && call.body["signed"].get<bool>();
    auto data = *from_base64(call.text("data"));
    const auto most = is_signed ? signed_bytes_max : plain_bytes_max;
    if (data.size() > most)
        co_return invalid("the value is too long",
                          {{"/data", "may have " + std::to_string(most) + " bytes, has " +
                                         std::to_string(data.size())}});
    const auto key = key_of(call);
    auto nodes = co_await call.outbox().store_value(call.errand, key, std::move(data),
                                                    is_signed ? DhtSigned::Yes : DhtSigned::No);
    if (!nodes) co_return std::move(nodes.problem());
    if (*nodes == 0) co_return role_unavailable("network", "no node of the DHT took the value");
    co_return reply_json({{"key", key.hex()}, {"nodes", *nodes}});
}

Handled find_member(Call& call) {
    auto found = co_await call.outbox().find_member(call.errand, key_of(call));
    if (!found) co_return std::move(found.problem());
    auto items = json::Value::array();
    for (const auto& one : *found)
        items.push_back({{"address", one.endpoint.text()}, {"public_key", to_hex(one.public_key)}});
    co_return reply_json({{"items", std::move(items)}});
}

}  // namespace warren::api
