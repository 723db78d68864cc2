// A real api worker on a real loopback socket, in a node whose other roles are played by a script.
// Its loop runs on a thread of its own; the test is an ordinary blocking HTTP client.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "workers/api/api_worker.h"

namespace warren::api::testing {

inline constexpr std::string_view token =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

struct HttpAnswer {
    unsigned status = 0;
    std::map<std::string, std::string> fields;  // names in lower case
    std::string body;
    nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

// A blocking connection; every read has a deadline.
class Client {
public:
    explicit Client(std::uint16_t port);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    bool send(std::string_view bytes);
    HttpAnswer read_answer(bool without_body = false);
    std::string read_until(std::string_view mark);
    bool at_end();  // the other side closed

private:
    bool more();
    int fd_ = -1;
    std::string buffer_;
};

using Script = std::function<Result<pipe::Message>(const pipe::Ask&)>;

class FakeHost;

class Node {
public:
    struct Options {
        std::int64_t timeout_ms = 10'000;
        std::int64_t streams_max = 32;
        std::int64_t connections_max = 256;
    };
    Node() : Node(Options{}) {}
    explicit Node(const Options& options);
    ~Node();

    std::uint16_t port() const { return port_; }
    // Runs on the loop and waits for it.
    void on_loop(std::function<void()> work);
    void set_state(process::Role role, std::uint16_t index, process::WorkerState state);
    // What the other roles answer; nothing means that they never do.
    void script(std::function<std::optional<Result<pipe::Message>>(const pipe::Ask&)> answer);
    std::vector<pipe::Ask> asked();
    void begin_drain();

    HttpAnswer call(std::string_view method, std::string_view path, std::string_view body = "",
                    std::string_view more_fields = "");

private:
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::unique_ptr<FakeHost> host_;
    std::unique_ptr<ApiWorker> worker_;
    std::thread thread_;
};

std::string request_text(std::string_view method, std::string_view path, std::string_view body,
                         std::string_view more_fields, std::uint16_t port);

}  // namespace warren::api::testing
