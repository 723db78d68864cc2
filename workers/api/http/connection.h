// One HTTP connection. Beast parses, we write: its own writer costs a fifth more.
// This header and the two files that include it are all that sees Beast.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>
#include <optional>

#include "workers/api/http/server.h"

namespace warren::api::http {

class Connection final : public ChunkWriter, public std::enable_shared_from_this<Connection> {
public:
    struct Origin {
        boost::asio::ip::tcp::socket socket;
        std::string remote;
    };
    Connection(Origin origin, const Limits& limits, Application& application);

    pipe::Task<void> run();
    // Ends whatever it is doing.
    void close() { stream_.close(); }
    // Closes now when at rest, else after the request at hand.
    void finish_soon();
    bool at_rest() const { return at_rest_; }
    Nanoseconds resting_since() const { return resting_since_; }

    pipe::Task<bool> write(std::string_view chunk) override;

private:
    enum class Next { Again, Close, Linger };
    using Code = boost::system::error_code;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    pipe::Task<bool> wait_for_request();
    pipe::Task<Code> read_more(std::size_t most);
    pipe::Task<Code> read_head();
    pipe::Task<Code> read_body();
    pipe::Task<Next> serve_one();
    pipe::Task<Next> serve_admitted(Head head, std::size_t body_bytes_max);
    pipe::Task<Next> refuse(Code code);
    pipe::Task<Next> send(Response response, bool keep);
    pipe::Task<Next> send_stream(Response response);
    pipe::Task<bool> send_text(std::string head, std::string body);
    pipe::Task<void> linger();
    pipe::Task<void> watch();
    Head head_of() const;
    bool keep_alive() const;
    void allow_until(Nanoseconds when);

    boost::beast::tcp_stream stream_;
    std::string remote_;
    const Limits& limits_;
    Application& application_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::size_t requests_ = 0;
    Nanoseconds resting_since_ = 0;
    bool at_rest_ = false, last_ = false, head_only_ = false, chunked_ = true, gone_ = false;
};

}  // namespace warren::api::http
