// The communities that this node takes part in.
#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

Handled list_communities(Call& call) {
    auto list = co_await call.outbox().list_communities(call.errand);
    if (!list) co_return std::move(list.problem());
    co_return reply_json(items<json::Value>(*list));
}

Handled join_community(Call& call) {
    const auto id = call.community();
    auto done = co_await call.outbox().join_community(call.errand, id);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"id", id.hex()}, {"joined", true}});
}

Handled leave_community(Call& call) {
    auto done = co_await call.outbox().leave_community(call.errand, call.community());
    if (!done) co_return std::move(done.problem());
    co_return Reply{};
}

}  // namespace warren::api
