// ZeroMQ stays in this file.
#include "cli/tap_reader.h"

#include <zmq.h>

#include <cerrno>
#include <vector>

namespace warren::cli {

namespace {

constexpr int queue_messages = 10'000;
constexpr std::int64_t frame_bytes_max = 4 << 20;

struct Frame {
    Frame() { zmq_msg_init(&message); }
    ~Frame() { zmq_msg_close(&message); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
    std::string text() {
        return {static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message)};
    }
    bool more() const { return zmq_msg_more(&message) != 0; }
    zmq_msg_t message{};
};

// One message, all frames; nothing if none is waiting.
std::vector<std::string> receive(void* socket) {
    std::vector<std::string> out;
    while (true) {
        Frame frame;
        if (zmq_msg_recv(&frame.message, socket, ZMQ_DONTWAIT) < 0) return {};
        out.push_back(frame.text());
        if (!frame.more()) return out;
    }
}

}  // namespace

struct TapReader::Sockets {
    void* context = zmq_ctx_new();
    void* socket = nullptr;
    Sockets() = default;
    Sockets(const Sockets&) = delete;
    Sockets& operator=(const Sockets&) = delete;
    ~Sockets() {
        if (socket != nullptr) zmq_close(socket);
        if (context != nullptr) zmq_ctx_term(context);
    }
};

TapReader::TapReader(std::unique_ptr<Sockets> sockets) : sockets_(std::move(sockets)) {}
TapReader::TapReader(TapReader&&) noexcept = default;
TapReader& TapReader::operator=(TapReader&&) noexcept = default;
TapReader::~TapReader() = default;

Result<TapReader> TapReader::open(const std::string& topic_prefix) {
    auto sockets = std::make_unique<Sockets>();
    if (sockets->context != nullptr) sockets->socket = zmq_socket(sockets->context, ZMQ_SUB);
    if (sockets->socket == nullptr) return io_error(zmq_strerror(zmq_errno()));
    const int linger = 0;
    zmq_setsockopt(sockets->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(sockets->socket, ZMQ_RCVHWM, &queue_messages, sizeof queue_messages);
    zmq_setsockopt(sockets->socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
    zmq_setsockopt(sockets->socket, ZMQ_SUBSCRIBE, topic_prefix.data(), topic_prefix.size());
    return TapReader(std::move(sockets));
}

void TapReader::follow(const std::set<std::string>& endpoints) {
    for (const auto& endpoint : endpoints)
        if (!endpoints_.contains(endpoint)) zmq_connect(sockets_->socket, endpoint.c_str());
    for (const auto& endpoint : endpoints_)
        if (!endpoints.contains(endpoint)) zmq_disconnect(sockets_->socket, endpoint.c_str());
    endpoints_ = endpoints;
}

std::optional<TapMessage> TapReader::next(std::int64_t timeout_ms) {
    zmq_pollitem_t item{sockets_->socket, 0, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, static_cast<long>(timeout_ms)) <= 0) return std::nullopt;
    auto frames = receive(sockets_->socket);
    if (frames.size() != 2) return std::nullopt;
    return TapMessage{std::move(frames[0]), std::move(frames[1])};
}

}  // namespace warren::cli
