// The route table and the OpenAPI document say the same; and what the table itself must keep to.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <set>

#include "workers/api/json/schema.h"
#include "workers/api/openapi.h"
#include "workers/api/routes.h"

namespace warren::api {
namespace {

using Json = nlohmann::json;

Json document() {
    return Json::parse(openapi_text("1.2.3"));
}

std::string upper(std::string text) {
    for (auto& c : text)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

TEST(OpenApi, HoldsEveryRouteAndNoOther) {
    std::set<std::string> in_table, in_document;
    for (const auto& route : routes())
        in_table.insert(std::string(route.method) + " " + std::string(route.path));
    const auto all = document();
    for (const auto& [path, operations] : all["paths"].items())
        for (const auto& [method, operation] : operations.items())
            in_document.insert(upper(method) + " " + path);
    EXPECT_EQ(in_table, in_document);
    EXPECT_EQ(in_table.size(), routes().size()) << "a route stands twice";
}

TEST(OpenApi, OperationsSayWhatTheRowsSay) {
    const auto all = document();
    std::set<std::string> ids;
    for (const auto& route : routes()) {
        SCOPED_TRACE(route.name);
        auto method = std::string(route.method);
        for (auto& c : method)
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        const auto& operation = all["paths"][std::string(route.path)][method];
        EXPECT_EQ(operation["operationId"], route.name);
        EXPECT_TRUE(ids.insert(std::string(route.name)).second);
        std::set<std::string> expected, got;
        for (const auto name : path_parameters(route))
            expected.insert("path " + std::string(name));
        for (const auto& row : route.query)
            expected.insert("query " + std::string(row.name));
        if (route.changes()) expected.insert("header Idempotency-Key");
        if (operation.contains("parameters"))
            for (const auto& row : operation["parameters"])
                got.insert(row["in"].get<std::string>() + " " + row["name"].get<std::string>());
        EXPECT_EQ(expected, got);
        EXPECT_EQ(operation.contains("requestBody"), !route.request.empty());
        EXPECT_TRUE(operation["responses"].contains(std::to_string(route.status)));
        for (const auto status : {"401", "403", "421", "503"})
            EXPECT_TRUE(operation["responses"].contains(status)) << status;
        EXPECT_FALSE(route.summary.empty());
        EXPECT_NE(route.handler, nullptr);
    }
}

void collect_references(const Json& node, std::set<std::string>& out) {
    if (node.is_object() && node.contains("$ref")) out.insert(node["$ref"].get<std::string>());
    if (node.is_structured())
        for (const auto& inner : node)
            collect_references(inner, out);
}

TEST(OpenApi, EveryReferenceLeadsSomewhereAndEverySchemaIsUsed) {
    const auto all = document();
    std::set<std::string> used, known;
    collect_references(all, used);
    for (const auto& [name, schema] : all["components"]["schemas"].items())
        known.insert("#/components/schemas/" + name);
    EXPECT_EQ(used, known);
}

TEST(Routes, BodiesHaveSchemas) {
    for (const auto& route : routes()) {
        if (!route.request.empty()) {
            EXPECT_NE(json::find_schema(route.request), nullptr) << route.name;
        }
        if (route.content == Content::Json) {
            EXPECT_NE(json::find_schema(route.response), nullptr) << route.name;
        }
        EXPECT_EQ(route.content == Content::None, route.status == 204) << route.name;
    }
}

// R-A3: libtorrent may be led to fetch plain GETs and /announce from loopback.
TEST(Routes, NothingThatASeedUrlCouldReachHasEffects) {
    const std::set<std::string_view> changing = {"POST", "PUT", "PATCH", "DELETE"};
    for (const auto& route : routes()) {
        EXPECT_FALSE(route.path.ends_with("/announce")) << route.path;
        EXPECT_TRUE(route.method == "GET" || changing.contains(route.method)) << route.name;
        EXPECT_TRUE(route.request.empty() || route.changes()) << route.name;
    }
}

Match match(std::string_view method, std::string_view target) {
    return find_route(method, *http::parse_target(target));
}

TEST(Routes, Matching) {
    const std::string id(40, 'b');
    auto found = match("GET", "/api/v1/channels/" + id + "/contents?limit=3");
    ASSERT_NE(found.route, nullptr);
    EXPECT_EQ(found.route->name, "contents");
    EXPECT_EQ(found.path.at("id"), id);
    EXPECT_EQ(match("HEAD", "/api/v1/status").route->name, "status");
    EXPECT_EQ(match("GET", "/api/v1/channels/").route, nullptr);
    EXPECT_EQ(match("GET", "/api/v1/channels/a/b/c").route, nullptr);
    EXPECT_EQ(match("GET", "/api/v1/channels%2fx").route, nullptr);
    EXPECT_EQ(match("PUT", "/metrics").allow, "GET, HEAD");
}

unsigned path_status(std::string_view method, std::string_view target) {
    const auto found = match(method, target);
    auto right = check_path(*found.route, found.path);
    return right ? 200 : right.problem().status;
}

TEST(Routes, PathValues) {
    EXPECT_EQ(path_status("GET", "/api/v1/channels/" + std::string(40, 'F')), 200u);
    EXPECT_EQ(path_status("GET", "/api/v1/channels/" + std::string(39, 'f')), 400u);
    EXPECT_EQ(path_status("GET", "/api/v1/channels/" + std::string(40, 'g')), 400u);
    EXPECT_EQ(path_status("GET", "/api/v1/channels/.."), 400u);
    EXPECT_EQ(path_status("PUT", "/api/v1/workers/storage"), 200u);
    EXPECT_EQ(path_status("PUT", "/api/v1/workers/supervisor"), 404u);
    EXPECT_EQ(path_status("PUT", "/api/v1/workers/nobody"), 404u);
}

std::string query_error(std::string_view target) {
    const auto parsed = http::parse_target(target);
    const auto found = find_route("GET", *parsed);
    auto values = check_query(*found.route, *parsed);
    if (values) return "(none)";
    const auto& first = values.problem().errors.at(0);
    return first.pointer + " " + first.detail;
}

TEST(Routes, QueryValues) {
    EXPECT_EQ(query_error("/api/v1/search?q=a+b&limit=1000"), "(none)");
    EXPECT_EQ(query_error("/api/v1/search"), "?q is missing");
    EXPECT_EQ(query_error("/api/v1/search?q="), "?q must have 1 to 256 bytes");
    EXPECT_EQ(query_error("/api/v1/search?q=a&limit=0"),
              "?limit must be a whole number from 1 to 1000");
    EXPECT_EQ(query_error("/api/v1/search?q=a&limit=10x"),
              "?limit must be a whole number from 1 to 1000");
    EXPECT_EQ(query_error("/api/v1/search?q=a&limt=1"),
              "?limt is unknown; known are: q, community, remote, wait_ms, limit");
    EXPECT_EQ(query_error("/api/v1/status?x=1"), "?x is unknown; known are: none");
}

}  // namespace
}  // namespace warren::api
