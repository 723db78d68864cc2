// Everything that is decided about a request before its body is read and any worker is asked.
#pragma once

#include "workers/api/guard.h"
#include "workers/api/routes.h"

namespace warren::api {

struct Passed {
    const Route* route = nullptr;
    Parameters path;
    Parameters query;
};
// Guard, then target, route, method, content type, path and query, in this order.
Outcome<Passed> pass_gate(const http::Head& head, const GuardRules& rules);

// The target without its query, cut and cleaned: what a problem's `instance` and the log may show.
std::string instance_of(const http::Head& head);
http::Response to_response(const Problem& problem, std::string_view instance);

}  // namespace warren::api
