#include "runtime/pipe/socket.h"

#include <zmq.h>

#include <array>

#include "base/check.h"

namespace warren::pipe {

// Received frames stay in the zmq_msg_t that holds them.
struct FrameAccess {
    static Frame adopt(zmq_msg_t& message) {
        // Small messages lie wherever the wire put them; FlatBuffers reads where numbers may lie.
        const auto* data = static_cast<const std::uint8_t*>(zmq_msg_data(&message));
        if (reinterpret_cast<std::uintptr_t>(data) % alignof(std::uint64_t) != 0)
            return Frame::copy_of({data, zmq_msg_size(&message)});
        struct Release {
            void operator()(zmq_msg_t* held) const {
                zmq_msg_close(held);
                delete held;
            }
        };
        auto held = std::shared_ptr<zmq_msg_t>(new zmq_msg_t, Release{});
        zmq_msg_init(held.get());
        zmq_msg_move(held.get(), &message);
        Frame out;
        out.data_ = static_cast<const std::uint8_t*>(zmq_msg_data(held.get()));
        out.size_ = zmq_msg_size(held.get());
        out.owner_ = std::move(held);
        return out;
    }
    static const std::shared_ptr<const void>& owner(const Frame& frame) { return frame.owner_; }
};

namespace {

constexpr std::size_t copy_below_bytes = 1024;  // copying is cheaper than sharing ownership
constexpr std::int64_t frame_bytes_max = 1 << 20;

int zmq_type(SocketKind kind) {
    switch (kind) {
    case SocketKind::Router: return ZMQ_ROUTER;
    case SocketKind::Dealer: return ZMQ_DEALER;
    case SocketKind::XPub: return ZMQ_XPUB;
    case SocketKind::Sub: return ZMQ_SUB;
    case SocketKind::Rep: return ZMQ_REP;
    case SocketKind::MonitorPair: return ZMQ_PAIR;
    }
    return ZMQ_PAIR;
}

void set_int(void* socket, int option, int value) {
    WARREN_CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

void release_owner(void* /*data*/, void* hint) {
    delete static_cast<std::shared_ptr<const void>*>(hint);
}

void fill(zmq_msg_t& message, const Frame& frame) {
    const auto bytes = frame.view();
    if (bytes.size() < copy_below_bytes) {
        WARREN_CHECK(zmq_msg_init_size(&message, bytes.size()) == 0);
        if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
        return;
    }
    auto* owner = new std::shared_ptr<const void>(FrameAccess::owner(frame));
    auto* data = const_cast<std::uint8_t*>(bytes.data());  // ZeroMQ only reads it
    WARREN_CHECK(zmq_msg_init_data(&message, data, bytes.size(), release_owner, owner) == 0);
}

Error last_error(const std::string& what) {
    return io_error(what + ": " + zmq_strerror(zmq_errno()));
}

}  // namespace

Context::Context() : handle_(zmq_ctx_new()) {
    WARREN_CHECK(handle_ != nullptr);
    zmq_ctx_set(handle_, ZMQ_IO_THREADS, 1);
    zmq_ctx_set(handle_, ZMQ_BLOCKY, 0);
}

Context::~Context() {
    zmq_ctx_term(handle_);
}

Socket::Socket(Context& context, SocketKind kind, int hwm_messages)
    : handle_(zmq_socket(context.handle(), zmq_type(kind))) {
    WARREN_CHECK(handle_ != nullptr);
    set_int(handle_, ZMQ_LINGER, 0);
    set_int(handle_, ZMQ_SNDTIMEO, 0);
    set_int(handle_, ZMQ_RCVTIMEO, 0);
    set_int(handle_, ZMQ_SNDHWM, hwm_messages);
    set_int(handle_, ZMQ_RCVHWM, hwm_messages);
    set_int(handle_, ZMQ_HANDSHAKE_IVL, 2000);
    set_int(handle_, ZMQ_RECONNECT_IVL, 5);
    set_int(handle_, ZMQ_RECONNECT_IVL_MAX, 500);
    if (kind != SocketKind::Sub) set_int(handle_, ZMQ_IMMEDIATE, 1);
    zmq_setsockopt(handle_, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
    if (kind == SocketKind::Router) set_int(handle_, ZMQ_ROUTER_MANDATORY, 1);
}

Socket::~Socket() {
    zmq_socket_monitor(handle_, nullptr, 0);  // no more events, while their reader still lives
    zmq_close(handle_);
}

void Socket::set_routing_id(ByteView id) {
    WARREN_CHECK(zmq_setsockopt(handle_, ZMQ_ROUTING_ID, id.data(), id.size()) == 0);
}

void Socket::set_curve_server(const CurveKey& secret) {
    set_int(handle_, ZMQ_CURVE_SERVER, 1);
    WARREN_CHECK(zmq_setsockopt(handle_, ZMQ_CURVE_SECRETKEY, secret.data(), secret.size()) == 0);
    WARREN_CHECK(zmq_setsockopt(handle_, ZMQ_ZAP_DOMAIN, "warren", 6) == 0);
}

void Socket::set_curve_client(const CurveClient& keys) {
    zmq_setsockopt(handle_, ZMQ_CURVE_SERVERKEY, keys.server_public.data(), 32);
    zmq_setsockopt(handle_, ZMQ_CURVE_PUBLICKEY, keys.own_public.data(), 32);
    WARREN_CHECK(zmq_setsockopt(handle_, ZMQ_CURVE_SECRETKEY, keys.own_secret.data(), 32) == 0);
}

void Socket::subscribe(std::string_view prefix) {
    WARREN_CHECK(zmq_setsockopt(handle_, ZMQ_SUBSCRIBE, prefix.data(), prefix.size()) == 0);
}

Result<void> Socket::bind(const std::string& endpoint) {
    if (zmq_bind(handle_, endpoint.c_str()) != 0) return last_error("bind " + endpoint);
    return {};
}

Result<void> Socket::bind_inherited(const std::string& endpoint, int fd) {
    set_int(handle_, ZMQ_USE_FD, fd);
    return bind(endpoint);
}

Result<void> Socket::connect(const std::string& endpoint) {
    if (zmq_connect(handle_, endpoint.c_str()) != 0) return last_error("connect " + endpoint);
    return {};
}

void Socket::disconnect(const std::string& endpoint) {
    zmq_disconnect(handle_, endpoint.c_str());
}

void Socket::monitor(const std::string& endpoint) {
    WARREN_CHECK(zmq_socket_monitor(handle_, endpoint.c_str(), ZMQ_EVENT_ALL) == 0);
}

bool Socket::send(const std::vector<Frame>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
        zmq_msg_t message;
        fill(message, frames[i]);
        const int more = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
        if (zmq_msg_send(&message, handle_, ZMQ_DONTWAIT | more) >= 0) continue;
        zmq_msg_close(&message);
        // Only the first part can be refused; later parts of an accepted message never are.
        WARREN_CHECK(i == 0);
        return false;
    }
    return true;
}

std::optional<Parts> Socket::receive() {
    Parts out;
    int more = 1;
    while (more) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, handle_, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            return std::nullopt;
        }
        if (out.user.empty()) {
            const char* user = zmq_msg_gets(&message, "User-Id");
            if (user) out.user = user;
        }
        more = zmq_msg_more(&message);
        out.frames.push_back(FrameAccess::adopt(message));
        zmq_msg_close(&message);
    }
    return out;
}

bool Socket::readable() {
    int events = 0;
    std::size_t size = sizeof events;
    return zmq_getsockopt(handle_, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

int Socket::descriptor() {
    int fd = -1;
    std::size_t size = sizeof fd;
    WARREN_CHECK(zmq_getsockopt(handle_, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

struct Watch::State : std::enable_shared_from_this<Watch::State> {
    State(asio::io_context& loop, Socket& watched, std::function<void()> callback)
        : io(loop), socket(&watched), on_readable(std::move(callback)), fd(loop) {
        fd.assign(socket->descriptor());
    }

    void turn() {
        queued = false;
        if (!socket) return;
        if (socket->readable()) on_readable();
        if (!socket) return;  // the callback may have ended the watch
        if (socket->readable())
            queue_turn();
        else
            arm();
    }
    void queue_turn() {
        if (queued || !socket) return;
        queued = true;
        asio::post(io, [self = shared_from_this()] { self->turn(); });
    }
    void arm() {
        if (armed) return;
        armed = true;
        fd.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                          self->armed = false;
                          if (!error) self->queue_turn();
                      });
    }

    asio::io_context& io;
    Socket* socket;
    std::function<void()> on_readable;
    asio::posix::stream_descriptor fd;
    bool armed = false, queued = false;
};

Watch::Watch(asio::io_context& io, Socket& socket, std::function<void()> on_readable)
    : state_(std::make_shared<State>(io, socket, std::move(on_readable))) {
    state_->queue_turn();
}

Watch::~Watch() {
    state_->socket = nullptr;
    state_->fd.cancel();
    state_->fd.release();  // the descriptor is ZeroMQ's
}

void Watch::kick() {
    state_->queue_turn();
}

}  // namespace warren::pipe
