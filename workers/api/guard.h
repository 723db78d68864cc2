// Who may come in at all, decided on the header alone and before routing: the same for every path,
// known or not. Host against DNS rebinding, Origin and Sec-Fetch-Site against other pages, the
// token against everyone else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "workers/api/http/message.h"
#include "workers/api/problem.h"

namespace warren::api {

struct GuardRules {
    std::vector<std::string> hosts;  // exact names with port, lower case
    Sha256 token_sha256{};
};

// Every name that the listening address answers to, and the configured ones.
std::vector<std::string> host_names(std::string_view listen, const std::vector<std::string>& more);

// Nothing: come in.
std::optional<Problem> guard(const http::Head& head, const GuardRules& rules);
// State changes must be JSON that a plain form cannot send.
bool is_json_content(const http::Head& head);
// The client names this very type among those it takes; wildcards do not count.
bool accepts(const http::Head& head, std::string_view type);

}  // namespace warren::api
