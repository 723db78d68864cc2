// The route table: one row a route. Dispatch, limits, metrics and the OpenAPI document derive from
// it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/process/settings.h"
#include "workers/api/http/message.h"
#include "workers/api/http/target.h"
#include "workers/api/problem.h"

namespace warren::api {

struct Call;

// What a handler gives back when nothing stands in its way.
struct Reply {
    std::string body;
    std::string location;
    bool existed = false;  // answer with `also_status`
    http::Stream stream;
};
using Handler = pipe::Task<Outcome<Reply>> (*)(Call&);

enum class ParameterType : std::uint8_t { Text, Integer, Choice };
struct Parameter {
    std::string_view name;
    ParameterType type = ParameterType::Text;
    std::int64_t min = 0, max = 0;  // Text: bytes
    std::string_view choices = {};  // "a|b"
    bool required = false;
    std::string_view note = {};
};

enum class Content : std::uint8_t { Json, Events, MetricsText, None };
enum class BodySize : std::uint8_t { Small, Torrent };

struct Route {
    std::string_view method;
    std::string_view path;  // "/api/v1/channels/{id}"
    std::string_view name;  // operation id and label in metrics
    std::string_view summary;
    Handler handler = nullptr;
    std::vector<Parameter> query = {};
    std::string_view request = {};   // schema of the body; empty: none
    std::string_view response = {};  // schema of the answer
    std::string_view line = {};      // of a line, for those who accept application/x-ndjson
    unsigned status = 200;
    unsigned also_status = 0;
    unsigned needs = 0;  // bits of the roles that it cannot do without
    Content content = Content::Json;
    BodySize body = BodySize::Small;
    bool asks_peers = false;  // other nodes have to answer: has as long as a change

    bool changes() const { return method != "GET"; }
};
std::span<const Route> routes();

using Parameters = std::map<std::string, std::string, std::less<>>;
struct Match {
    const Route* route = nullptr;
    Parameters path;    // {id} -> value
    std::string allow;  // no such method: what there is instead
};
// HEAD is GET. No route and no `allow`: there is nothing at this path.
Match find_route(std::string_view method, const http::Target& target);
// Names in the path's braces, in order.
std::vector<std::string_view> path_parameters(const Route& route);

Outcome<Nothing> check_path(const Route& route, const Parameters& values);
Outcome<Parameters> check_query(const Route& route, const http::Target& target);

}  // namespace warren::api
