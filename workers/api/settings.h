// The settings of this worker, read once from the rows that it was handed.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "runtime/process/settings.h"

namespace warren::api {

struct ApiSettings {
    Sha256 token_sha256{};
    std::vector<std::string> hosts;  // besides the address that we listen on
    std::size_t connections_max = 256;
    std::size_t event_streams_max = 32;
    std::size_t body_bytes_max = 0;  // of routes that take torrents
    Nanoseconds read_timeout = 2_s;
    Nanoseconds write_timeout = 10_s;
    std::string version;
};

inline Result<ApiSettings> read_settings(const process::Settings& from) {
    ApiSettings out;
    const auto hash = from_hex(from.text("api.token_sha256"));
    if (!hash || hash->size() != out.token_sha256.size())
        return Error{ErrorKind::Environment, "api.token_sha256 is not a SHA-256 in hex"};
    std::copy(hash->begin(), hash->end(), out.token_sha256.begin());
    // The hash of nothing: an empty token would open the door to everyone.
    if (out.token_sha256 == sha256({}))
        return Error{ErrorKind::Environment, "the api token is empty"};
    out.hosts = from.list("api.hosts");
    out.connections_max = static_cast<std::size_t>(from.integer("api.connections_max"));
    out.event_streams_max = static_cast<std::size_t>(from.integer("api.event_streams_max"));
    const auto body_max = static_cast<std::size_t>(from.integer("api.body_bytes_max"));
    out.body_bytes_max = std::min<std::size_t>(body_max, 10u << 20);
    out.write_timeout = from.integer("api.request_timeout_ms") * 1_ms;
    out.read_timeout = std::min(out.read_timeout, out.write_timeout);
    out.version = from.has("node.version") ? from.text("node.version") : "";
    return out;
}

}  // namespace warren::api
