// What a handler sees: one checked request, and the parts of the worker that it may use.
#pragma once

#include <nlohmann/json.hpp>

#include "protocol/record_ref.h"
#include "workers/api/errand.h"
#include "workers/api/json/parse.h"
#include "workers/api/node_facts.h"
#include "workers/api/outbox.h"
#include "workers/api/routes.h"
#include "workers/api/settings.h"
#include "workers/api/tap_hub.h"

namespace warren::api {

struct Parts {
    pipe::Host& host;
    const ApiSettings& settings;
    Outbox& outbox;
    TapHub& taps;
    NodeFacts& facts;
    std::shared_ptr<std::size_t> event_streams = std::make_shared<std::size_t>(0);
};

struct Call {
    Parts& parts;
    const Route& route;
    Parameters path;
    Parameters query;
    json::Value body;  // checked against the route's schema
    Errand errand;
    bool lines = false;  // the client takes the answer line by line, and the route can

    Outbox& outbox() { return parts.outbox; }
    std::string text(std::string_view name) const {
        const auto found = body.find(name);
        return found == body.end() ? std::string() : found->get<std::string>();
    }
    std::string query_text(std::string_view name) const {
        const auto found = query.find(name);
        return found == query.end() ? std::string() : found->second;
    }
    std::uint32_t limit() const {
        const auto found = query.find("limit");
        return found == query.end() ? 50 : static_cast<std::uint32_t>(std::stoul(found->second));
    }
    CommunityId community() const { return *CommunityId::from_hex_text(path.at("id")); }
    RecordRef record() const { return *protocol::ref_from(path.at("record")); }
    Infohash infohash() const { return *Infohash::from_hex_text(path.at("infohash")); }
};

inline Reply reply_json(const json::Value& value) {
    return {.body = json::dump(value), .location = {}, .existed = false, .stream = {}};
}

}  // namespace warren::api
