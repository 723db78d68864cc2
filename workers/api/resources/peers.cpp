// The overlay: peers, and how far communities are in sync with them.
#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

Handled list_peers(Call& call) {
    auto list = co_await call.outbox().list_peers(call.errand);
    if (!list) co_return std::move(list.problem());
    auto out = items<json::Value>(list->peers);
    out["port"] = list->port;
    co_return reply_json(out);
}

Handled add_peer(Call& call) {
    const auto endpoint = Endpoint::parse(call.text("address"));
    if (!endpoint || endpoint->port == 0)
        co_return invalid("this is no address", {{"/address", "must be IP:PORT"}});
    auto done = co_await call.outbox().add_peer(call.errand, *endpoint);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"address", endpoint->text()}});
}

Handled list_sync(Call& call) {
    auto list = co_await call.outbox().list_sync(call.errand);
    if (!list) co_return std::move(list.problem());
    co_return reply_json(items<json::Value>(*list));
}

}  // namespace warren::api
