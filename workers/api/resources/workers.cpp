// What an operator may ask of the supervisor: scale, reload, stop, settings.
#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

using pipe::Control;

// The supervisor's own words when it said no.
pipe::Task<Outcome<std::string>> control(Call& call, Control what) {
    auto answer = co_await call.parts.host.control(what, call.errand.deadline());
    if (answer.ok) co_return Outcome<std::string>(std::move(answer.text));
    if (monotonic_now() >= call.errand.deadline())
        co_return Outcome<std::string>(
            role_unavailable("supervisor", "the supervisor did not answer in time"));
    co_return Outcome<std::string>(problem(422, std::move(answer.text)));
}

}  // namespace

Handled list_workers(Call& call) {
    const auto& host = call.parts.host;
    json::Value out = {{"items", json::Value::array()}};
    for (const auto& entry : host.roster())
        out["items"].push_back(to_json(entry, host.slots()));
    co_return reply_json(out);
}

Handled scale_workers(Call& call) {
    const auto role = call.path.at("role");
    const auto count = call.body.at("count").get<std::uint16_t>();
    const Control what{
        .kind = Control::Kind::Scale, .role = *process::role_from(role), .count = count};
    auto done = co_await control(call, what);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"role", role}, {"count", count}});
}

Handled reload_node(Call& call) {
    const Control what{.kind = Control::Kind::Reload};
    auto done = co_await control(call, what);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"detail", *done}});
}

Handled stop_node(Call& call) {
    const Control what{.kind = Control::Kind::StopNode};
    auto done = co_await control(call, what);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"detail", *done}});
}

Handled get_settings(Call& call) {
    const Control what{.kind = Control::Kind::ListSettings};
    auto text = co_await control(call, what);
    if (!text) co_return std::move(text.problem());
    co_return Reply{std::move(*text), {}, false, {}};
}

}  // namespace warren::api
