#include "workers/api/http/connection.h"

#include <sys/socket.h>
#include <time.h>

#include <array>

#include <fmt/format.h>

#include "workers/api/problem.h"

namespace warren::api::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

constexpr std::size_t read_bytes = 64 * 1024;
constexpr Nanoseconds chunk_time = 10_s;

auto returning(error_code& code) {
    return asio::redirect_error(asio::use_awaitable, code);
}

std::string lower(beast::string_view text) {
    std::string out(text.data(), text.size());
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

void append_date(std::string& out) {
    const auto now = ::time(nullptr);
    tm utc{};
    gmtime_r(&now, &utc);
    std::array<char, 64> text{};
    const auto size = strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    out.append("Date: ").append(text.data(), size).append("\r\n");
}

// The status line and everything that every answer says.
std::string common_head(const Response& response, bool keep) {
    std::string out =
        fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
    append_date(out);
    if (!response.content_type.empty()) out += "Content-Type: " + response.content_type + "\r\n";
    for (const auto& [name, value] : response.fields)
        out += name + ": " + value + "\r\n";
    out += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
           "Referrer-Policy: no-referrer\r\n"
           "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
    out += keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    return out;
}

struct Refusal {
    unsigned status;
    const char* detail;
};
Refusal refusal_of(error_code code) {
    namespace bh = beast::http;
    if (code == bh::error::header_limit) return {431, "the header is larger than 16 KiB"};
    if (code == bh::error::body_limit) return {413, "the body is too large for this route"};
    if (code == bh::error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    return {400, "this is not HTTP"};
}

}  // namespace

Connection::Connection(Origin origin, const Limits& limits, Application& application)
    : stream_(std::move(origin.socket)), remote_(std::move(origin.remote)), limits_(limits),
      application_(application) {}

void Connection::allow_until(Nanoseconds when) {
    stream_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when)));
}

void Connection::finish_soon() {
    last_ = true;
    if (at_rest_) close();
}

bool Connection::keep_alive() const {
    return parser_->keep_alive() && !last_ && requests_ < limits_.requests_per_connection_max;
}

pipe::Task<void> Connection::run() {
    const auto self = shared_from_this();
    auto next = Next::Again;
    while (next == Next::Again) {
        if (!co_await wait_for_request()) co_return;
        next = co_await serve_one();
    }
    if (next == Next::Linger) co_await linger();
}

// At rest between requests: this is where a connection may be closed to make room.
pipe::Task<bool> Connection::wait_for_request() {
    if (buffer_.size() > 0) co_return true;
    if (last_) co_return false;
    at_rest_ = true;
    resting_since_ = monotonic_now();
    allow_until(resting_since_ + limits_.idle_time);
    const auto code = co_await read_more(4096);
    at_rest_ = false;
    co_return !code;
}

pipe::Task<Connection::Code> Connection::read_more(std::size_t most) {
    Code code;
    const auto room = buffer_.prepare(most);
    const auto size = co_await stream_.async_read_some(room, returning(code));
    buffer_.commit(size);
    co_return code;
}

pipe::Task<Connection::Code> Connection::read_head() {
    allow_until(monotonic_now() + limits_.header_time);
    while (!parser_->is_header_done()) {
        Code code;
        buffer_.consume(parser_->put(buffer_.data(), code));
        if (!code) continue;
        if (code != beast::http::error::need_more) co_return code;
        code = co_await read_more(4096);
        if (code) co_return code;
    }
    co_return Code{};
}

pipe::Task<Connection::Code> Connection::read_body() {
    parser_->eager(true);
    const auto start = monotonic_now();
    std::size_t moved = buffer_.size();
    while (!parser_->is_done()) {
        Code code = beast::http::error::need_more;
        if (buffer_.size() > 0) {
            code = {};
            buffer_.consume(parser_->put(buffer_.data(), code));
        }
        if (!code) continue;
        if (code != beast::http::error::need_more) co_return code;
        // At least 1 KiB a second, else others wait for nothing.
        allow_until(start + limits_.body_time + static_cast<Nanoseconds>(moved / 1024) * 1_s);
        const auto before = buffer_.size();
        code = co_await read_more(read_bytes);
        if (code) co_return code;
        moved += buffer_.size() - before;
    }
    co_return Code{};
}

Head Connection::head_of() const {
    const auto& message = parser_->get();
    Head out;
    out.method = std::string(message.method_string());
    out.target = std::string(message.target());
    out.remote = remote_;
    for (const auto& field : message)
        out.fields.emplace_back(lower(field.name_string()), std::string(field.value()));
    return out;
}

pipe::Task<Connection::Next> Connection::serve_one() {
    ++requests_;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
    // None yet: the route says how much. (Beast 1.74 takes boost::none for a limit of nothing.)
    parser_->body_limit(std::uint64_t{1} << 62);
    head_only_ = false;
    if (const auto code = co_await read_head()) co_return co_await refuse(code);
    auto head = head_of();
    head_only_ = head.method == "HEAD";
    chunked_ = parser_->get().version() >= 11;
    stream_.expires_never();
    auto admission = application_.admit(head);
    if (admission.refusal) {
        // With its body unread the connection can say nothing more.
        const bool keep = keep_alive() && parser_->is_done();
        co_return co_await send(std::move(*admission.refusal), keep);
    }
    co_return co_await serve_admitted(std::move(head), admission.body_bytes_max);
}

pipe::Task<Connection::Next> Connection::serve_admitted(Head head, std::size_t body_bytes_max) {
    const auto length = parser_->content_length();
    if (length && *length > body_bytes_max)
        co_return co_await refuse(make_error_code(beast::http::error::body_limit));
    parser_->body_limit(static_cast<std::uint64_t>(body_bytes_max));
    const auto expect = head.only("expect").value_or("");
    if (!parser_->is_done() && buffer_.size() == 0 &&
        lower({expect.data(), expect.size()}) == "100-continue") {
        if (!co_await send_text("HTTP/1.1 100 Continue\r\n\r\n", "")) co_return Next::Close;
    }
    if (const auto code = co_await read_body()) co_return co_await refuse(code);
    const bool keep = keep_alive();
    stream_.expires_never();
    auto body = std::move(parser_->get().body());
    auto response = co_await application_.handle(std::move(head), std::move(body));
    if (response.stream) co_return co_await send_stream(std::move(response));
    co_return co_await send(std::move(response), keep && !last_);
}

// What is wrong with the bytes themselves. Whoever is gone or too slow gets no answer.
pipe::Task<Connection::Next> Connection::refuse(Code code) {
    if (code.category() != make_error_code(beast::http::error::bad_method).category() ||
        code == beast::http::error::end_of_stream || code == beast::http::error::partial_message)
        co_return Next::Close;
    const auto why = refusal_of(code);
    auto response = application_.refuse(why.status, why.detail);
    co_return co_await send(std::move(response), false);
}

pipe::Task<Connection::Next> Connection::send(Response response, bool keep) {
    auto head = common_head(response, keep);
    if (response.status != 204)
        head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    head += "\r\n";
    if (head_only_ || response.status == 204) response.body.clear();
    const bool sent = co_await send_text(std::move(head), std::move(response.body));
    if (!sent) co_return Next::Close;
    co_return keep ? Next::Again : Next::Linger;
}

// Header and body leave in one gather write; asio::async_write would cut them at 64 KiB.
pipe::Task<bool> Connection::send_text(std::string head, std::string body) {
    const auto start = monotonic_now();
    std::size_t moved = 0;
    while (moved < head.size() + body.size()) {
        const auto in_head = std::min(moved, head.size());
        const auto in_body = moved - in_head;
        const std::array<asio::const_buffer, 2> rest = {asio::buffer(head) + in_head,
                                                        asio::buffer(body) + in_body};
        allow_until(start + limits_.body_time + static_cast<Nanoseconds>(moved / 1024) * 1_s);
        Code code;
        moved += co_await stream_.async_write_some(rest, returning(code));
        if (code) co_return false;
    }
    co_return true;
}

pipe::Task<Connection::Next> Connection::send_stream(Response response) {
    auto head = common_head(response, false);
    if (chunked_) head += "Transfer-Encoding: chunked\r\n";
    head += "\r\n";
    if (!co_await send_text(std::move(head), "")) co_return Next::Close;
    if (head_only_) co_return Next::Linger;
    auto watching = [](std::shared_ptr<Connection> self) -> pipe::Task<void> {
        co_await self->watch();
    };
    auto& io = static_cast<asio::io_context&>(stream_.socket().get_executor().context());
    pipe::spawn(io, watching(shared_from_this()));
    co_await response.stream(*this);
    on_gone = nullptr;
    if (gone_) co_return Next::Close;
    if (chunked_) co_await send_text("0\r\n\r\n", "");
    co_return Next::Linger;
}

pipe::Task<bool> Connection::write(std::string_view chunk) {
    if (gone_) co_return false;
    auto head = chunked_ ? fmt::format("{:x}\r\n", chunk.size()) : std::string();
    auto body = std::string(chunk);
    if (chunked_) body += "\r\n";
    co_return co_await send_text(std::move(head), std::move(body));
}

// While we stream, the client has nothing to say; when it goes, the stream must not wait to notice.
pipe::Task<void> Connection::watch() {
    Code code;
    co_await stream_.socket().async_wait(asio::ip::tcp::socket::wait_read, returning(code));
    if (code || !stream_.socket().is_open()) co_return;
    char byte = 0;
    const auto size = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size > 0) co_return;
    gone_ = true;
    if (on_gone) on_gone();
}

// Closing with unread bytes would reset the connection and may lose our answer: read them away, a
// little and for a short time.
pipe::Task<void> Connection::linger() {
    Code code;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, code);
    buffer_.clear();
    allow_until(monotonic_now() + 1_s);
    for (std::size_t moved = 0; !code && moved < (4u << 20);) {
        code = co_await read_more(read_bytes);
        moved += buffer_.size();
        buffer_.consume(buffer_.size());
    }
    close();
}

}  // namespace warren::api::http
