// ZeroMQ, with its traps in one place: every option explicit, every send and receive non-blocking,
// and the edge-triggered descriptor turned into a callback that cannot miss a message.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/pipe/frame.h"
#include "runtime/pipe/loop.h"

namespace warren::pipe {

// One per process, made after exec (a context does not survive a fork); one I/O thread.
class Context {
public:
    Context();
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    void* handle() const { return handle_; }

private:
    void* handle_;
};

enum class SocketKind { Router, Dealer, XPub, Sub, Rep, MonitorPair };

using CurveKey = std::array<std::uint8_t, 32>;
struct CurveClient {
    CurveKey server_public{}, own_public{}, own_secret{};
};

struct Parts {
    std::vector<Frame> frames;
    std::string user;  // whom CURVE and ZAP say it is; empty on sockets without
};

class Socket {
public:
    Socket(Context& context, SocketKind kind, int hwm_messages);
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void set_routing_id(ByteView id);
    void set_curve_server(const CurveKey& secret);
    void set_curve_client(const CurveClient& keys);
    void subscribe(std::string_view prefix);
    Result<void> bind(const std::string& endpoint);
    Result<void> bind_inherited(const std::string& endpoint, int fd);
    Result<void> connect(const std::string& endpoint);
    void disconnect(const std::string& endpoint);
    // Events of this socket, on an inproc pair. Its reader must outlive the socket: libzmq's I/O
    // thread blocks for ever in an event that nobody reads.
    void monitor(const std::string& endpoint);

    // False: the peer is gone or its queue is full; nothing was sent.
    bool send(const std::vector<Frame>& frames);
    std::optional<Parts> receive();
    bool readable();
    int descriptor();
    void* handle() const { return handle_; }

private:
    void* handle_;
};

// Calls `on_readable` while messages wait. It handles a bounded batch and returns; leftovers are
// taken up in the next turn of the loop. After each send on the socket call `kick`: a send can
// consume the edge that would have announced a message.
class Watch {
public:
    Watch(asio::io_context& io, Socket& socket, std::function<void()> on_readable);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    void kick();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace warren::pipe
