#include "workers/api/gate.h"

namespace warren::api {

Outcome<Passed> pass_gate(const http::Head& head, const GuardRules& rules) {
    if (auto wrong = guard(head, rules)) return std::move(*wrong);
    const auto target = http::parse_target(head.target);
    if (!target) return problem(400, target.error().text);
    auto match = find_route(head.method, *target);
    if (!match.route && match.allow.empty()) return problem(404, "there is nothing at this path");
    if (!match.route) {
        auto wrong = problem(405, "this path knows: " + match.allow);
        wrong.allow = match.allow;
        return wrong;
    }
    if (match.route->changes() && !is_json_content(head))
        return problem(415, "send Content-Type: application/json");
    if (auto right = check_path(*match.route, match.path); !right) return right.problem();
    auto query = check_query(*match.route, *target);
    if (!query) return query.problem();
    return Passed{match.route, std::move(match.path), std::move(*query)};
}

std::string instance_of(const http::Head& head) {
    const auto path = std::string_view(head.target).substr(0, head.target.find('?'));
    std::string out(path.substr(0, 256));
    for (auto& c : out)
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') c = '_';
    return out;
}

http::Response to_response(const Problem& problem, std::string_view instance) {
    http::Response out;
    out.status = problem.status;
    out.content_type = "application/problem+json";
    out.body = to_json(problem, instance);
    if (problem.status == 401)
        out.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"warren\"");
    if (!problem.allow.empty()) out.fields.emplace_back("Allow", problem.allow);
    if (problem.retry_after_s > 0)
        out.fields.emplace_back("Retry-After", std::to_string(problem.retry_after_s));
    return out;
}

}  // namespace warren::api
