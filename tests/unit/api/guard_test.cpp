// Who may come in: Host × Origin × routes, tokens × routes, content types (R-A1, R-A2, R-A7).
#include <gtest/gtest.h>

#include "workers/api/gate.h"

namespace warren::api {
namespace {

constexpr std::string_view token =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

GuardRules rules() {
    return {host_names("127.0.0.1:8085", {"node.example:8085"}), sha256(view_of(token))};
}

std::string concrete(std::string_view pattern) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '{') {
            out += pattern[i];
            continue;
        }
        const auto end = pattern.find('}', i);
        const auto name = pattern.substr(i, end - i + 1);
        out += name == "{role}"        ? "storage"
               : name == "{record}"    ? "1." + std::string(64, 'a')
               : name == "{agreement}" ? std::string(64, 'a')
                                       : std::string(40, 'a');
        i = end;
    }
    return out;
}

http::Head head(std::string_view method, std::string_view target) {
    http::Head out{std::string(method), std::string(target), {}, "127.0.0.1"};
    out.fields = {{"host", "127.0.0.1:8085"}, {"authorization", "Bearer " + std::string(token)}};
    if (method != "GET") out.fields.emplace_back("content-type", "application/json");
    return out;
}

void set(http::Head& head, std::string_view name, std::string value) {
    std::erase_if(head.fields, [&](const auto& field) { return field.first == name; });
    head.fields.emplace_back(name, std::move(value));
}

unsigned status_of(const http::Head& head) {
    auto passed = pass_gate(head, rules());
    return passed ? 200 : passed.problem().status;
}

std::string target_of(const Route& route) {
    auto out = concrete(route.path);
    if (route.name == "search") out += "?q=x";
    return out;
}

// Paths that are no routes, and some that a careless matcher would take for one.
const std::vector<std::string> other_paths = {"/",
                                              "/uix",
                                              "//",
                                              "/%2e",
                                              "/%2e%2e/",
                                              "/api",
                                              "/api/",
                                              "/api/v1",
                                              "/api/v1/",
                                              "/api/v1//status",
                                              "/api/v1/status/",
                                              "/api/v2/status",
                                              "/API/V1/STATUS",
                                              "/api/v1/%2e%2e/metrics",
                                              "/index.html",
                                              "/favicon.ico",
                                              "/announce",
                                              "*",
                                              "http://127.0.0.1:8085/api/v1/status",
                                              "/api/v1/%",
                                              "",
                                              "/api%2fv1%2fstatus"};

TEST(Guard, EveryRoutePassesWhenAllIsRight) {
    for (const auto& route : routes())
        EXPECT_EQ(status_of(head(route.method, target_of(route))), 200u) << route.name;
}

TEST(Guard, HostsTimesOriginsTimesRoutes) {
    struct HostCase {
        std::string host;
        bool right;
    };
    const std::vector<HostCase> hosts = {{"127.0.0.1:8085", true},
                                         {"localhost:8085", true},
                                         {"LOCALHOST:8085", true},
                                         {"node.example:8085", true},
                                         {"127.0.0.1", false},
                                         {"localhost", false},
                                         {"127.0.0.1:8086", false},
                                         {"evil.example:8085", false},
                                         {"127.0.0.1.evil.example:8085", false},
                                         {"127.0.0.1:8085.evil.example", false},
                                         {"", false},
                                         {"[::1]:8085", false}};
    const std::vector<std::string> origins = {"(none)",
                                              "(same)",
                                              "null",
                                              "http://evil.example",
                                              "http://127.0.0.1:8086",
                                              "https://127.0.0.1:8085",
                                              "http://127.0.0.1:8085.evil.example",
                                              "file://"};
    for (const auto& route : routes()) {
        for (const auto& host : hosts) {
            for (const auto& origin : origins) {
                auto request = head(route.method, target_of(route));
                set(request, "host", host.host);
                bool same = origin == "(none)" || origin == "(same)";
                if (origin == "(same)") set(request, "origin", "http://" + host.host);
                if (!same) set(request, "origin", origin);
                same = same || origin == "https://" + host.host;
                const unsigned expected = !host.right ? 421 : same ? 200 : 403;
                EXPECT_EQ(status_of(request), expected)
                    << route.name << " host=" << host.host << " origin=" << origin;
            }
        }
    }
}

TEST(Guard, HostMustStandExactlyOnce) {
    auto request = head("GET", "/api/v1/status");
    request.fields.emplace_back("host", "127.0.0.1:8085");
    EXPECT_EQ(status_of(request), 421u);
    std::erase_if(request.fields, [](const auto& field) { return field.first == "host"; });
    EXPECT_EQ(status_of(request), 421u);
}

TEST(Guard, OtherSitesAreRefused) {
    for (const std::string site : {"cross-site", "same-site", "CROSS-SITE", ""}) {
        auto request = head("GET", "/api/v1/status");
        set(request, "sec-fetch-site", site);
        EXPECT_EQ(status_of(request), 403u) << site;
    }
    for (const std::string site : {"same-origin", "none"}) {
        auto request = head("GET", "/api/v1/status");
        set(request, "sec-fetch-site", site);
        EXPECT_EQ(status_of(request), 200u) << site;
    }
}

TEST(Guard, PreflightIsRefusedEvenWithTheToken) {
    auto request = head("OPTIONS", "/api/v1/channels");
    set(request, "origin", "http://evil.example");
    set(request, "access-control-request-method", "POST");
    EXPECT_EQ(status_of(request), 403u);
    set(request, "origin", "http://127.0.0.1:8085");
    EXPECT_EQ(status_of(request), 403u);
}

TEST(Guard, TokensTimesRoutes) {
    const auto text = std::string(token);
    const std::vector<std::optional<std::string>> wrong = {std::nullopt,
                                                           "",
                                                           "Bearer",
                                                           "Bearer ",
                                                           "Bearer  " + text,
                                                           "Bearer " + text.substr(0, 63),
                                                           "Bearer " + text.substr(0, 63) + "0",
                                                           "Bearer " + text + "0",
                                                           "Bearer " +
                                                               to_hex(sha256(view_of(token))),
                                                           "Basic " + text,
                                                           text};
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& route : routes())
        all.emplace_back(route.method, target_of(route));
    for (const auto& path : other_paths)
        all.emplace_back("GET", path);
    for (const auto& [method, target] : all) {
        for (const auto& field : wrong) {
            auto request = head(method, target);
            std::erase_if(request.fields, [](const auto& f) { return f.first == "authorization"; });
            if (field) request.fields.emplace_back("authorization", *field);
            EXPECT_EQ(status_of(request), 401u)
                << method << " " << target << " " << field.value_or("(none)");
        }
    }
}

TEST(Guard, TokenInTheQueryIsNoToken) {
    auto request = head("GET", "/api/v1/status?access_token=" + std::string(token));
    EXPECT_EQ(status_of(request), 400u);  // an unknown parameter
    std::erase_if(request.fields, [](const auto& f) { return f.first == "authorization"; });
    EXPECT_EQ(status_of(request), 401u);
}

TEST(Guard, TwoTokensAreNone) {
    auto request = head("GET", "/api/v1/status");
    request.fields.emplace_back("authorization", "Bearer " + std::string(token));
    EXPECT_EQ(status_of(request), 401u);
}

TEST(Guard, WithTheTokenOtherPathsDoNotExist) {
    for (const auto& path : other_paths) {
        const auto status = status_of(head("GET", path));
        EXPECT_TRUE(status == 404 || status == 400) << path << " " << status;
    }
}

TEST(Guard, ChangesMustBeJson) {
    for (const auto& route : routes()) {
        if (!route.changes()) continue;
        for (const std::string type :
             {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
              "application/jsonx", "text/plain; application/json"}) {
            auto request = head(route.method, target_of(route));
            set(request, "content-type", type);
            EXPECT_EQ(status_of(request), 415u) << route.name << " " << type;
        }
        auto request = head(route.method, target_of(route));
        set(request, "content-type", "Application/JSON ; charset=utf-8");
        EXPECT_EQ(status_of(request), 200u) << route.name;
    }
}

TEST(Guard, WrongMethodNamesTheRightOnes) {
    auto passed = pass_gate(head("PATCH", "/api/v1/channels"), rules());
    ASSERT_FALSE(passed);
    EXPECT_EQ(passed.problem().status, 405u);
    EXPECT_EQ(passed.problem().allow, "GET, HEAD, POST");
    EXPECT_EQ(status_of(head("TRACE", "/api/v1/status")), 405u);
    EXPECT_EQ(status_of(head("get", "/api/v1/status")), 405u);
}

}  // namespace
}  // namespace warren::api
