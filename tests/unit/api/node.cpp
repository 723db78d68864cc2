#include "tests/unit/api/node.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

#include <future>

namespace warren::api::testing {

using process::Role;
using process::WorkerState;

namespace {

constexpr int read_seconds = 20;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
}

}  // namespace

class FakeHost final : public pipe::Host, public pipe::Outbox {
public:
    FakeHost(const Node::Options& options, int listener) : listeners_{listener} {
        settings_.set("api.token_sha256", to_hex(sha256(view_of(token))));
        settings_.set("api.hosts", "node.example:1");
        settings_.set("api.connections_max", std::to_string(options.connections_max));
        settings_.set("api.event_streams_max", std::to_string(options.streams_max));
        settings_.set("api.body_bytes_max", "2097152");
        settings_.set("api.request_timeout_ms", std::to_string(options.timeout_ms));
        settings_.set("node.version", "9.9");
        for (const auto role : {Role::Network, Role::Torrent, Role::Verify, Role::Sign,
                                Role::Storage, Role::Storage, Role::Api}) {
            const auto index = roster_.empty() || roster_.back().role != role ? 0 : 1;
            process::RosterEntry entry;
            entry.role = role;
            entry.index = static_cast<std::uint16_t>(index);
            entry.state = WorkerState::Ready;
            roster_.push_back(entry);
        }
    }

    pipe::asio::io_context& io() override { return io_; }
    const process::Settings& settings() const override { return settings_; }
    pipe::Outbox& outbox() override { return *this; }
    pipe::Tap& tap() override { return tap_; }
    pipe::Metrics& metrics() override { return metrics_; }
    Role role() const override { return Role::Api; }
    std::uint16_t index() const override { return 0; }
    std::uint16_t count() const override { return 1; }
    std::uint64_t epoch() const override { return 7; }
    std::string name() const override { return "api-0"; }
    const process::Roster& roster() const override { return roster_; }
    const process::SlotMap& slots() const override { return slots_; }
    const std::vector<int>& listeners() const override { return listeners_; }
    const std::vector<std::string>& listener_names() const override { return names_; }
    pipe::Task<pipe::ControlAnswer> control(pipe::Control what, Nanoseconds) override {
        if (what.kind == pipe::Control::Kind::ListSettings)
            co_return pipe::ControlAnswer{true, "{\"api.listen\":\"127.0.0.1:0\"}"};
        if (what.kind == pipe::Control::Kind::Scale && what.count > 16)
            co_return pipe::ControlAnswer{false, "count: at most 16"};
        co_return pipe::ControlAnswer{true, "done"};
    }
    void slots_released(std::uint64_t) override {}

    pipe::Task<Result<pipe::Message>> ask(pipe::Ask ask) override {
        asked.push_back(ask);
        auto answer = script ? script(ask) : std::nullopt;
        if (answer) co_return std::move(*answer);
        // Nobody answers: what is started stays so until long after the deadline.
        co_await pipe::sleep_until(io_, ask.deadline + 3600_s);
        co_return Result<pipe::Message>(unavailable("never"));
    }
    std::vector<std::uint16_t> ready(Role role) const override {
        std::vector<std::uint16_t> out;
        for (const auto& entry : roster_)
            if (entry.role == role && entry.state == WorkerState::Ready) out.push_back(entry.index);
        return out;
    }
    std::optional<std::uint16_t> owner_of(std::uint8_t slot) const override {
        return static_cast<std::uint16_t>(slot % 2);
    }

    process::Roster roster_;
    std::function<std::optional<Result<pipe::Message>>(const pipe::Ask&)> script;
    std::vector<pipe::Ask> asked;

private:
    class SilentTap final : public pipe::Tap {
        bool wanted(std::string_view) const override { return false; }
        void publish(std::string_view, std::string_view) override {}
    };
    pipe::asio::io_context io_;
    process::Settings settings_;
    SilentTap tap_;
    pipe::Metrics metrics_;
    process::SlotMap slots_;
    std::vector<int> listeners_;
    std::vector<std::string> names_;
};

Node::Node(const Options& options) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 128), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    host_ = std::make_unique<FakeHost>(options, listener_);
    worker_ = std::make_unique<ApiWorker>(*host_);
    thread_ = std::thread([this] {
        auto run = [](ApiWorker& worker) -> pipe::Task<void> {
            const auto started = co_await worker.start();
            EXPECT_TRUE(started.ok());
        };
        pipe::spawn(host_->io(), run(*worker_));
        auto work = pipe::asio::make_work_guard(host_->io());
        host_->io().run();
    });
}

Node::~Node() {
    host_->io().stop();
    thread_.join();
    ::close(listener_);
}

void Node::on_loop(std::function<void()> work) {
    std::promise<void> done;
    pipe::asio::post(host_->io(), [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

void Node::set_state(Role role, std::uint16_t index, WorkerState state) {
    on_loop([&] {
        for (auto& entry : host_->roster_)
            if (entry.role == role && entry.index == index) entry.state = state;
        worker_->on_roster();
    });
}

void Node::script(std::function<std::optional<Result<pipe::Message>>(const pipe::Ask&)> answer) {
    on_loop([&] { host_->script = std::move(answer); });
}

std::vector<pipe::Ask> Node::asked() {
    std::vector<pipe::Ask> out;
    on_loop([&] { out = host_->asked; });
    return out;
}

void Node::begin_drain() {
    on_loop([&] { pipe::spawn(host_->io(), worker_->drain()); });
}

std::string request_text(std::string_view method, std::string_view path, std::string_view body,
                         std::string_view more_fields, std::uint16_t port) {
    std::string out = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\n";
    out += "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
    out += "Authorization: Bearer " + std::string(token) + "\r\n";
    if (method != "GET" && method != "HEAD") out += "Content-Type: application/json\r\n";
    out += more_fields;
    if (!body.empty() || method == "POST")
        out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out + "\r\n" + std::string(body);
}

HttpAnswer Node::call(std::string_view method, std::string_view path, std::string_view body,
                      std::string_view more_fields) {
    Client client(port_);
    client.send(request_text(method, path, body, more_fields, port_));
    return client.read_answer(method == "HEAD");
}

Client::Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{read_seconds, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    auto address = loopback(port);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

Client::~Client() {
    ::close(fd_);
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool Client::more() {
    char part[65536];
    const auto size = ::recv(fd_, part, sizeof part, 0);
    if (size <= 0) return false;
    buffer_.append(part, static_cast<std::size_t>(size));
    return true;
}

bool Client::at_end() {
    return buffer_.empty() && ::recv(fd_, nullptr, 0, MSG_DONTWAIT) <= 0 && !more();
}

std::string Client::read_until(std::string_view mark) {
    while (buffer_.find(mark) == buffer_.npos)
        if (!more()) return {};
    const auto end = buffer_.find(mark) + mark.size();
    auto out = buffer_.substr(0, end);
    buffer_.erase(0, end);
    return out;
}

HttpAnswer Client::read_answer(bool without_body) {
    HttpAnswer out;
    auto head = read_until("\r\n\r\n");
    if (head.size() < 12) return out;
    out.status = static_cast<unsigned>(std::stoul(head.substr(9, 3)));
    for (auto at = head.find("\r\n") + 2; at + 2 < head.size();) {
        const auto end = head.find("\r\n", at);
        const auto colon = head.find(": ", at);
        auto name = head.substr(at, colon - at);
        for (auto& c : name)
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        out.fields[name] = head.substr(colon + 2, end - colon - 2);
        at = end + 2;
    }
    const auto length = out.fields.find("content-length");
    if (length == out.fields.end() || without_body) return out;
    const auto size = std::stoul(length->second);
    while (buffer_.size() < size)
        if (!more()) break;
    out.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
}

}  // namespace warren::api::testing
