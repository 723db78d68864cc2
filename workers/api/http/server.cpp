#include "workers/api/http/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>

#include "workers/api/http/connection.h"

namespace warren::api::http {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr int accepts_per_turn = 16;

}  // namespace

struct Server::Listener {
    Listener(asio::io_context& io, int fd) : descriptor(io, fd) {}
    asio::posix::stream_descriptor descriptor;
};

Server::Server(asio::io_context& io, const Limits& limits, Application& application)
    : io_(io), limits_(limits), application_(application) {}

Server::~Server() = default;

Result<void> Server::listen(int fd) {
    const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0) return io_error("cannot duplicate the listener");
    listener_ = std::make_unique<Listener>(io_, own);
    listener_->descriptor.non_blocking(true);
    pipe::spawn(io_, accept_loop());
    return {};
}

pipe::Task<void> Server::accept_loop() {
    while (!stopping_) {
        error_code code;
        co_await listener_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                                  asio::redirect_error(asio::use_awaitable, code));
        if (code) co_return;
        for (int i = 0; i < accepts_per_turn && !stopping_; ++i) {
            if (connections_.size() >= limits_.connections_max && !make_room()) {
                room_ = std::make_shared<pipe::Promise<bool>>(io_);
                const auto room = room_;
                co_await room->wait(monotonic_now() + 1_s);
                break;
            }
            // Another api worker may have been faster: then there is nothing, which is normal.
            const int fd = ::accept4(listener_->descriptor.native_handle(), nullptr, nullptr,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd < 0) break;
            start(fd);
        }
    }
}

// The one that rests for longest goes. It leaves the list when its coroutine ends, so the count may
// be one too high for a moment.
bool Server::make_room() {
    std::shared_ptr<Connection> oldest;
    for (const auto& connection : connections_)
        if (connection->at_rest() &&
            (!oldest || connection->resting_since() < oldest->resting_since()))
            oldest = connection;
    if (oldest) oldest->close();
    return oldest != nullptr;
}

void Server::start(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    asio::ip::tcp::socket socket(io_);
    error_code code;
    socket.assign(address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd,
                  code);
    if (code) {
        ::close(fd);
        return;
    }
    socket.set_option(asio::ip::tcp::no_delay(true), code);
    const auto peer = socket.remote_endpoint(code);
    auto remote = code ? std::string("unknown") : peer.address().to_string();
    auto connection = std::make_shared<Connection>(
        Connection::Origin{std::move(socket), std::move(remote)}, limits_, application_);
    connections_.push_back(connection);
    pipe::spawn(io_, serve(std::move(connection)));
}

pipe::Task<void> Server::serve(std::shared_ptr<Connection> connection) {
    co_await connection->run();
    connections_.remove(connection);
    if (room_) room_->set(true);
    if (all_gone_ && connections_.empty()) all_gone_->set(true);
}

void Server::begin_stop() {
    stopping_ = true;
    if (listener_) listener_->descriptor.close();
    const auto all = connections_;
    for (const auto& connection : all)
        connection->finish_soon();
}

pipe::Task<bool> Server::stopped(Nanoseconds deadline) {
    if (connections_.empty()) co_return true;
    all_gone_ = std::make_shared<pipe::Promise<bool>>(io_);
    const auto gone = all_gone_;
    const auto result = co_await gone->wait(deadline);
    co_return result.has_value();
}

}  // namespace warren::api::http
