// How the node is. Always answers, whatever else is down.
#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/openapi.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

using process::WorkerState;

json::Value degraded_reasons(const process::Roster& roster) {
    auto out = json::Value::array();
    for (const auto& entry : roster) {
        if (entry.state == WorkerState::Ready || entry.state == WorkerState::Draining) continue;
        auto line = std::string(process::name_of(entry.role)) + "-" + std::to_string(entry.index) +
                    " is " + std::string(process::name_of(entry.state));
        if (!entry.reason.empty()) line += ": " + entry.reason;
        out.push_back(line);
    }
    return out;
}

}  // namespace

Handled get_status(Call& call) {
    auto& facts = call.parts.facts;
    const auto id = call.errand.next_id();
    co_await facts.learn(call.outbox(), id);
    const auto& host = call.parts.host;
    auto degraded = degraded_reasons(host.roster());
    json::Value out = {{"name", facts.name()},
                       {"version", call.parts.settings.version},
                       {"state", degraded.empty() ? "ok" : "degraded"},
                       {"degraded", degraded},
                       {"uptime_s", facts.uptime_s()},
                       {"epoch", host.epoch()},
                       {"worker", host.name()},
                       {"api", facts.listen()},
                       {"workers", json::Value::array()}};
    if (facts.identity()) {
        out["member"] = facts.identity()->member.hex();
        out["public_key"] = to_hex(facts.identity()->public_key);
    }
    if (facts.overlay_port()) out["overlay_port"] = *facts.overlay_port();
    for (const auto& entry : host.roster())
        out["workers"].push_back(to_json(entry, host.slots()));
    co_return reply_json(out);
}

Handled get_openapi(Call& call) {
    co_return Reply{openapi_text(call.parts.settings.version), {}, false, {}};
}

}  // namespace warren::api
