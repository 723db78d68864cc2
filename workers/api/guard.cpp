#include "workers/api/guard.h"

#include <algorithm>

namespace warren::api {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::optional<Problem> check_host(const http::Head& head, const GuardRules& rules) {
    const auto host = head.only("host");
    if (host && std::ranges::find(rules.hosts, lower(*host)) != rules.hosts.end())
        return std::nullopt;
    return problem(421, "this node does not answer to that Host; api.hosts names more");
}

std::optional<Problem> check_site(const http::Head& head) {
    if (head.count("origin") > 0) {
        const auto origin = lower(head.only("origin").value_or(""));
        const auto host = lower(head.only("host").value_or(""));
        if (origin != "http://" + host && origin != "https://" + host)
            return problem(403, "requests from other origins are refused");
    }
    if (head.count("sec-fetch-site") > 0) {
        const auto site = head.only("sec-fetch-site").value_or("");
        if (site != "same-origin" && site != "none")
            return problem(403, "requests from other sites are refused");
    }
    if (head.count("access-control-request-method") > 0)
        return problem(403, "requests from other origins are refused");
    return std::nullopt;
}

std::optional<Problem> check_token(const http::Head& head, const GuardRules& rules) {
    constexpr std::string_view scheme = "bearer ";
    const auto field = head.only("authorization").value_or("");
    const bool bearer = lower(field.substr(0, scheme.size())) == scheme;
    const auto token = bearer ? field.substr(scheme.size()) : std::string_view();
    // Hashes are compared, so time says nothing about the token; an empty one is never right.
    const auto hash = sha256(view_of(token));
    if (!token.empty() && equal_constant_time(hash, rules.token_sha256)) return std::nullopt;
    return problem(401, "send Authorization: Bearer TOKEN");
}

}  // namespace

std::vector<std::string> host_names(std::string_view listen, const std::vector<std::string>& more) {
    std::vector<std::string> out = {lower(listen)};
    const auto colon = listen.rfind(':');
    if (colon != listen.npos) {
        const auto port = std::string(listen.substr(colon));
        out.push_back("localhost" + port);
        out.push_back("127.0.0.1" + port);
        // A client leaves the scheme's own port away.
        if (port == ":80") {
            out.push_back("localhost");
            out.push_back("127.0.0.1");
        }
    }
    for (const auto& name : more)
        out.push_back(lower(name));
    return out;
}

std::optional<Problem> guard(const http::Head& head, const GuardRules& rules) {
    if (auto wrong = check_host(head, rules)) return wrong;
    if (auto wrong = check_site(head)) return wrong;
    return check_token(head, rules);
}

bool is_json_content(const http::Head& head) {
    const auto field = lower(head.only("content-type").value_or(""));
    const auto type = std::string_view(field).substr(0, field.find(';'));
    return type.substr(0, type.find_last_not_of(" \t") + 1) == "application/json";
}

bool accepts(const http::Head& head, std::string_view type) {
    const auto field = lower(head.only("accept").value_or(""));
    for (auto rest = std::string_view(field); !rest.empty();) {
        const auto end = std::min(rest.find(','), rest.size());
        auto range = rest.substr(0, std::min(rest.find(';'), end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        range.remove_prefix(std::min(range.find_first_not_of(" \t"), range.size()));
        if (range.substr(0, range.find_last_not_of(" \t") + 1) == type) return true;
    }
    return false;
}

}  // namespace warren::api
