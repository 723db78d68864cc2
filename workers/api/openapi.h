// The OpenAPI 3.1 document, made from the route and schema rows.
#pragma once

#include <string>
#include <string_view>

namespace warren::api {

std::string openapi_text(std::string_view version);

}  // namespace warren::api
