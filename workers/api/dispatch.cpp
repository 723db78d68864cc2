#include "workers/api/dispatch.h"

#include <algorithm>

#include "base/random.h"
#include "runtime/process/log.h"
#include "workers/api/json/schema.h"

namespace warren::api {

namespace {

constexpr std::size_t small_body_bytes = 1u << 20;

std::string_view type_of(Content content) {
    switch (content) {
    case Content::Json: return "application/json";
    case Content::Events: return "text/event-stream";
    case Content::MetricsText: return "text/plain; version=0.0.4; charset=utf-8";
    case Content::None: return "";
    }
    return "";
}

constexpr std::string_view lines_type = "application/x-ndjson";

http::Response success(const Route& route, Reply reply) {
    http::Response out;
    out.status = reply.existed && route.also_status != 0 ? route.also_status : route.status;
    out.content_type = type_of(route.content);
    out.body = std::move(reply.body);
    out.stream = std::move(reply.stream);
    if (!reply.location.empty()) out.fields.emplace_back("Location", std::move(reply.location));
    return out;
}

// One line for each change that somebody asked for: what, where, how it ended; no bodies.
void audit(const http::Head& head, const Route& route, const RequestId& id, unsigned status) {
    process::log::info("audit route={} path={} status={} request={} from={}", route.name,
                       instance_of(head), status, id.hex(), head.remote);
}

// A role that the whole request cannot do without, and that is not there.
std::optional<Problem> missing_role(const Parts& parts, const Route& route, Patience patience) {
    for (std::size_t i = 0; i < process::role_count; ++i) {
        const auto role = static_cast<process::Role>(i);
        if ((route.needs & process::bit(role)) == 0) continue;
        if (auto wrong = parts.outbox.obstacle(patience, role)) return wrong;
    }
    return std::nullopt;
}

}  // namespace

Outcome<json::Value> check_body(const Route& route, const std::string& body) {
    // A body that a route has no use for is refused, so that nobody believes it was heard.
    static const json::Schema no_members{.name = "none"};
    const auto* schema = route.request.empty() ? &no_members : json::find_schema(route.request);
    auto value = json::parse(body.empty() ? "{}" : std::string_view(body));
    if (!value) return invalid("the body is not JSON: " + value.error().text, {});
    auto errors = json::check(*value, *schema);
    if (!errors.empty()) return invalid("the body is not right", std::move(errors));
    return std::move(*value);
}

Outcome<RequestId> request_id_of(const http::Head& head) {
    if (head.count("idempotency-key") == 0) return SystemRandom().id<RequestId>();
    const auto key = head.only("idempotency-key").value_or("");
    const bool visible = std::ranges::all_of(key, [](char c) { return c > 0x20 && c < 0x7f; });
    if (key.empty() || key.size() > 64 || !visible)
        return invalid("Idempotency-Key must be 1 to 64 visible characters", {});
    const auto path = std::string_view(head.target).substr(0, head.target.find('?'));
    return Errand::id_of(head.method, path, key);
}

http::Admission Dispatch::admit(const http::Head& head) {
    const auto passed = pass_gate(head, rules_);
    if (!passed) {
        auto wrong = passed;
        ++parts_.host.metrics().counter(
            "api_refused_total{status=" + std::to_string(wrong.problem().status) + "}");
        return {to_response(wrong.problem(), instance_of(head)), 0};
    }
    const bool large = passed->route->body == BodySize::Torrent;
    const auto most = std::max(parts_.settings.body_bytes_max, small_body_bytes);
    return {std::nullopt, large ? most : small_body_bytes};
}

http::Response Dispatch::refuse(unsigned status, std::string detail) {
    return to_response(problem(status, std::move(detail)), "");
}

pipe::Task<http::Response> Dispatch::handle(http::Head head, std::string body) {
    const auto start = monotonic_now();
    auto passed = pass_gate(head, rules_);
    if (!passed) co_return to_response(passed.problem(), instance_of(head));
    const auto& route = *passed->route;
    auto response = co_await run(head, body, std::move(*passed));
    count(route, response.status, start);
    co_return std::move(response);
}

pipe::Task<http::Response> Dispatch::run(const http::Head& head, const std::string& body,
                                         Passed passed) {
    const auto& route = *passed.route;
    const auto patience = route.changes() ? Patience::Write : Patience::Read;
    auto id = request_id_of(head);
    if (!id) co_return to_response(id.problem(), instance_of(head));
    auto value = check_body(route, body);
    if (!value) co_return to_response(value.problem(), instance_of(head));
    if (auto wrong = missing_role(parts_, route, patience))
        co_return to_response(*wrong, instance_of(head));
    const bool long_span = route.changes() || route.asks_peers;
    const auto span = long_span ? parts_.settings.write_timeout : parts_.settings.read_timeout;
    Call call{.parts = parts_,
              .route = route,
              .path = std::move(passed.path),
              .query = std::move(passed.query),
              .body = std::move(*value),
              .errand = Errand(monotonic_now() + span, patience, *id),
              .lines = !route.line.empty() && accepts(head, lines_type)};
    auto reply = co_await route.handler(call);
    const auto status = reply ? route.status : reply.problem().status;
    if (route.changes()) audit(head, route, *id, status);
    if (!reply) co_return to_response(reply.problem(), instance_of(head));
    auto response = success(route, std::move(*reply));
    if (call.lines) response.content_type = lines_type;
    co_return std::move(response);
}

void Dispatch::count(const Route& route, unsigned status, Nanoseconds since) {
    auto& metrics = parts_.host.metrics();
    const auto label = "{route=" + std::string(route.name);
    ++metrics.counter("api_requests_total" + label + ",status=" + std::to_string(status) + "}");
    const auto us = static_cast<std::uint64_t>((monotonic_now() - since) / 1000);
    metrics.observe_us("api_request_us" + label + "}", us);
}

}  // namespace warren::api
