// Whatever a client may put into a request line or a body: target, query and JSON never crash, and
// what is accepted keeps to its bounds. Input: a target, a line break, a body.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "workers/api/json/parse.h"
#include "workers/api/json/schema.h"
#include "workers/api/magnet.h"
#include "workers/api/routes.h"

using namespace warren;

namespace {

void try_target(std::string_view text) {
    const auto target = api::http::parse_target(text);
    if (!target) return;
    WARREN_CHECK(target->query.size() <= api::http::query_pairs_max);
    for (const auto& segment : target->segments)
        WARREN_CHECK(is_utf8(segment));
    const auto match = api::find_route("GET", *target);
    if (!match.route || !api::check_path(*match.route, match.path)) return;
    const auto query = api::check_query(*match.route, *target);
    WARREN_CHECK(!query || query->size() <= match.route->query.size());
}

void try_body(std::string_view text) {
    const auto value = api::json::parse(text);
    if (!value) return;
    const auto again = api::json::parse(api::json::dump(*value));
    WARREN_CHECK(again.ok());
    for (const auto& schema : api::json::schemas())
        for (const auto& error : api::json::check(*value, schema))
            WARREN_CHECK(!error.detail.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = text_of({data, size});
    const auto line = std::min(text.find('\n'), text.size());
    try_target(text.substr(0, line));
    try_body(text.substr(std::min(line + 1, text.size())));
    (void)api::infohash_of_magnet(text);
    return 0;
}
