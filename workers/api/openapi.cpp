#include "workers/api/openapi.h"

#include <nlohmann/json.hpp>

#include "workers/api/json/schema.h"
#include "workers/api/problem.h"
#include "workers/api/routes.h"

namespace warren::api {

namespace {

using Json = nlohmann::json;

Json reference(std::string_view schema) {
    return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

Json describe(const Parameter& row) {
    Json schema;
    switch (row.type) {
    case ParameterType::Text: schema = {{"type", "string"}, {"maxLength", row.max}}; break;
    case ParameterType::Integer:
        schema = {{"type", "integer"}, {"minimum", row.min}, {"maximum", row.max}};
        break;
    case ParameterType::Choice: {
        schema = {{"type", "string"}, {"enum", Json::array()}};
        for (auto rest = row.choices; !rest.empty();) {
            const auto end = std::min(rest.find('|'), rest.size());
            schema["enum"].push_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        break;
    }
    }
    return {{"name", row.name},
            {"in", "query"},
            {"required", row.required},
            {"description", row.note},
            {"schema", schema}};
}

Json path_parameter(std::string_view name) {
    Json schema = {{"type", "string"}};
    if (name == "role")
        schema["enum"] = {"network", "torrent", "verify", "sign", "storage", "api"};
    else if (name == "record")
        schema["pattern"] = "^[0-9]{1,20}\\.[0-9a-fA-F]{64}$";
    else if (name == "member")
        schema["pattern"] = "^([0-9a-fA-F]{40}|[0-9a-fA-F]{148})$";
    else
        schema["pattern"] = "^[0-9a-fA-F]{40}$";
    return {{"name", name}, {"in", "path"}, {"required", true}, {"schema", schema}};
}

Json parameters_of(const Route& route) {
    auto out = Json::array();
    for (const auto name : path_parameters(route))
        out.push_back(path_parameter(name));
    for (const auto& row : route.query)
        out.push_back(describe(row));
    if (route.changes())
        out.push_back({{"name", "Idempotency-Key"},
                       {"in", "header"},
                       {"required", false},
                       {"description", "The same key on the same path is one request, however "
                                       "often it is sent."},
                       {"schema", {{"type", "string"}, {"pattern", "^[!-~]{1,64}$"}}}});
    return out;
}

Json success_of(const Route& route, unsigned status) {
    Json out = {{"description", reason_phrase(status)}};
    switch (route.content) {
    case Content::Json:
        out["content"]["application/json"]["schema"] = reference(route.response);
        if (!route.line.empty())
            out["content"]["application/x-ndjson"]["schema"] = reference(route.line);
        break;
    case Content::Events:
        out["content"]["text/event-stream"]["schema"] = {{"type", "string"}};
        break;
    case Content::MetricsText: out["content"]["text/plain"]["schema"] = {{"type", "string"}}; break;
    case Content::None: break;
    }
    if (status == 201) out["headers"]["Location"]["schema"] = {{"type", "string"}};
    return out;
}

// What can go wrong follows from the row.
std::vector<unsigned> failures_of(const Route& route) {
    std::vector<unsigned> out = {400, 401, 403, 421, 500, 503};
    if (!path_parameters(route).empty()) out.push_back(404);
    if (route.changes()) {
        for (const auto status : {409u, 413u, 415u, 422u, 507u})
            out.push_back(status);
    }
    return out;
}

Json operation_of(const Route& route) {
    Json out = {{"operationId", route.name}, {"summary", route.summary}};
    if (auto parameters = parameters_of(route); !parameters.empty()) out["parameters"] = parameters;
    if (!route.request.empty()) {
        out["requestBody"]["required"] = true;
        out["requestBody"]["content"]["application/json"]["schema"] = reference(route.request);
    }
    out["responses"][std::to_string(route.status)] = success_of(route, route.status);
    if (route.also_status != 0)
        out["responses"][std::to_string(route.also_status)] = success_of(route, route.also_status);
    for (const auto status : failures_of(route)) {
        auto& failure = out["responses"][std::to_string(status)];
        failure["description"] = reason_phrase(status);
        failure["content"]["application/problem+json"]["schema"] = reference("Problem");
    }
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

}  // namespace

std::string openapi_text(std::string_view version) {
    Json out = {{"openapi", "3.1.0"},
                {"info",
                 {{"title", "Warren"},
                  {"version", version.empty() ? "0" : version},
                  {"description", "The REST interface of a Warren node."},
                  {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
                {"security", Json::array({{{"token", Json::array()}}})},
                {"paths", Json::object()}};
    out["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
    for (const auto& schema : api::json::schemas())
        out["components"]["schemas"][std::string(schema.name)] = api::json::describe(schema);
    for (const auto& route : routes())
        out["paths"][std::string(route.path)][lower(route.method)] = operation_of(route);
    return out.dump();
}

}  // namespace warren::api
