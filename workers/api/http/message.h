// Requests and responses as the rest of the worker sees them; Beast stays in connection.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/pipe/loop.h"

namespace warren::api::http {

struct Head {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
    std::string remote;                                       // address of the client

    std::size_t count(std::string_view name) const {
        std::size_t out = 0;
        for (const auto& field : fields)
            out += field.first == name;
        return out;
    }
    // Its value when it stands exactly once.
    std::optional<std::string_view> only(std::string_view name) const {
        if (count(name) != 1) return std::nullopt;
        for (const auto& field : fields)
            if (field.first == name) return field.second;
        return std::nullopt;
    }
};

// Where a body without a known end goes, chunk by chunk.
class ChunkWriter {
public:
    virtual ~ChunkWriter() = default;
    // False: the client is gone or too slow; end the stream.
    virtual pipe::Task<bool> write(std::string_view chunk) = 0;
    std::function<void()> on_gone;  // called once when the client goes away
};
using Stream = std::function<pipe::Task<void>(ChunkWriter&)>;

struct Response {
    unsigned status = 200;
    std::string content_type;  // empty: no body
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
    Stream stream;  // instead of a body
};

// What is decided when the header is there and the body is not yet.
struct Admission {
    std::optional<Response> refusal;  // then the connection closes
    std::size_t body_bytes_max = 0;
};

class Application {
public:
    virtual ~Application() = default;
    virtual Admission admit(const Head& head) = 0;
    virtual pipe::Task<Response> handle(Head head, std::string body) = 0;
    // What the server itself refuses (too large, malformed).
    virtual Response refuse(unsigned status, std::string detail) = 0;
};

}  // namespace warren::api::http
