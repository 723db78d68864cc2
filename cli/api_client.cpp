// The HTTP client stays in this file.
#include "cli/api_client.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/endpoint.h"
#include "base/ids.h"
#include "base/random.h"
#include "cli/node.h"

namespace warren::cli {

namespace {

constexpr std::int64_t connect_ms_max = 2'000;
constexpr std::int64_t read_get_ms_max = 5'000;  // then perhaps another api worker answers
constexpr std::int64_t pause_ms_first = 100;
constexpr std::int64_t pause_ms_max = 1'000;

bool changes(const std::string& method) {
    return method != "GET" && method != "HEAD";
}

std::string full_path(const std::string& path) {
    return path.starts_with('/') ? path : "/api/v1/" + path;
}

std::string new_key() {
    SystemRandom random;
    return random.id<RequestId>().hex();
}

struct HostPort {
    std::string host;
    int port = 0;
};

std::optional<HostPort> parse_host_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    HostPort out{std::string(text.substr(0, colon)), 0};
    const auto digits = text.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || out.port < 1 ||
        out.port > 65'535)
        return std::nullopt;
    if (out.host.starts_with('[') && out.host.ends_with(']'))
        out.host = out.host.substr(1, out.host.size() - 2);
    if (out.host == "0.0.0.0") out.host = "127.0.0.1";
    if (out.host == "::") out.host = "::1";
    return out;
}

std::int64_t now_ms() {
    return monotonic_now() / 1'000'000;
}

}  // namespace

struct ApiClient::Attempt {
    std::optional<ApiAnswer> answer;
    std::string error;
    std::int64_t retry_after_ms = -1;  // -1: the node did not ask for another attempt
};

Result<ApiClient> ApiClient::open(const Call& call) {
    ApiClient out;
    out.state_dir_ = state_dir_of(call);
    out.timeout_ms_ = call.number("--timeout", 15) * 1000;
    out.fixed_ = call.has("--api");
    if (out.fixed_) {
        auto address = parse_host_port(call.text("--api"));
        if (!address) return bad_input("--api is \"" + call.text("--api") + "\"; write HOST:PORT");
        out.host_ = address->host;
        out.port_ = address->port;
    } else {
        auto roster = read_roster(out.state_dir_);
        const auto hint =
            "\n  what to do: start it with `warren up`, or name its state directory with --state";
        if (!roster && roster.error().kind == ErrorKind::NotFound)
            return unavailable("no node runs in " + out.state_dir_ + hint);
        if (!roster) return unavailable(roster.error().text + hint);
        if (!is_running(*roster))
            return unavailable("the node of " + out.state_dir_ + " is not running (any more)" +
                               hint);
        out.locate();
    }
    const auto path = call.text("--token-file", out.state_dir_ + "/api_token");
    auto token = read_token(path);
    if (!token)
        return unavailable(
            "cannot read the token: " + token.error().text +
            "\n  what to do: run as the node's user, or name the file with --token-file");
    out.token_ = std::move(*token);
    return out;
}

// The address changes when the node starts anew.
void ApiClient::locate() {
    if (fixed_) return;
    auto roster = read_roster(state_dir_);
    auto address = roster ? parse_host_port(roster->api) : std::nullopt;
    if (!address) return;
    host_ = address->host;
    port_ = address->port;
}

bool ApiClient::worth_another() const {
    if (fixed_) return true;
    auto roster = read_roster(state_dir_);
    return roster && is_running(*roster);
}

ApiClient::Attempt ApiClient::attempt(const ApiRequest& request, std::int64_t left_ms) const {
    Attempt out;
    if (port_ == 0) {
        out.error = "its API has no address yet";
        return out;
    }
    httplib::Client client(host_, port_);
    const auto read_ms = changes(request.method) ? left_ms : std::min(left_ms, read_get_ms_max);
    client.set_connection_timeout(std::chrono::milliseconds(std::min(left_ms, connect_ms_max)));
    client.set_read_timeout(std::chrono::milliseconds(read_ms));
    client.set_write_timeout(std::chrono::milliseconds(left_ms));
    httplib::Request message;
    message.method = request.method;
    message.path = full_path(request.path);
    message.set_header("Authorization", "Bearer " + token_);
    message.set_header("Accept", "application/json, application/problem+json, */*;q=0.1");
    if (changes(request.method)) {
        message.set_header("Content-Type", "application/json");
        message.set_header("Idempotency-Key", request.key);
        message.body = request.body;
    }
    auto result = client.send(message);
    if (!result) {
        out.error =
            httplib::to_string(result.error()) + " (" + host_ + ":" + std::to_string(port_) + ")";
        return out;
    }
    out.answer = ApiAnswer{result->status, result->body};
    const auto after = result->get_header_value("Retry-After");
    std::int64_t seconds = 0;
    auto parsed = std::from_chars(after.data(), after.data() + after.size(), seconds);
    if (result->status == 503 && !after.empty() && parsed.ec == std::errc{} && seconds >= 0)
        out.retry_after_ms = std::min<std::int64_t>(seconds, 3600) * 1000;
    return out;
}

Result<ApiAnswer> ApiClient::send(ApiRequest request) {
    if (changes(request.method) && request.key.empty()) request.key = new_key();
    const auto deadline = now_ms() + timeout_ms_;
    auto pause = pause_ms_first;
    while (true) {
        auto tried = attempt(request, std::max<std::int64_t>(deadline - now_ms(), 1));
        if (tried.answer && tried.retry_after_ms < 0) return std::move(*tried.answer);
        const auto wait = tried.answer ? std::max(tried.retry_after_ms, pause_ms_first) : pause;
        const bool over = now_ms() + wait >= deadline;
        if (tried.answer && over) return std::move(*tried.answer);
        if (!tried.answer && (over || !worth_another()))
            return unavailable("the node does not answer: " + tried.error +
                               "\n  what to do: `warren status` says which part is missing");
        wait_ms(wait);
        pause = std::min(pause * 2, pause_ms_max);
        locate();
    }
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || c == '-' || c == '_' || c == '.' ||
                           c == '~';
        if (plain) {
            out += c;
            continue;
        }
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

Exit exit_of(int status) {
    switch (status) {
    case 400:
    case 413:
    case 415:
    case 422: return Exit::BadData;
    case 408:
    case 429:
    case 504: return Exit::TryAgain;
    case 503:
    case 507: return Exit::Unavailable;
    default: return status >= 200 && status < 300 ? Exit::Ok : Exit::Refused;
    }
}

}  // namespace warren::cli
