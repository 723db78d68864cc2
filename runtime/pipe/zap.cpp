#include "runtime/pipe/zap.h"

#include "base/check.h"
#include "base/hash.h"
#include "runtime/pipe/edges.h"

namespace warren::pipe {

namespace {

Frame text(std::string_view value) {
    return Frame::copy_of(view_of(value));
}

Socket& bound(Socket& socket) {
    WARREN_CHECK(socket.bind("inproc://zeromq.zap.01").ok());
    return socket;
}

}  // namespace

Zap::Zap(asio::io_context& io, Context& context, RoleKeys allowed)
    : allowed_(std::move(allowed)), socket_(context, SocketKind::Rep, 1000),
      watch_(io, bound(socket_), [this] { answer(); }) {}

void Zap::answer() {
    // Frames: version, request id, domain, address, identity, mechanism, credentials.
    auto request = socket_.receive();
    if (!request || request->frames.size() < 2) return;
    const auto& frames = request->frames;
    std::string user;
    const bool curve = frames.size() == 7 && text_of(frames[5].view()) == "CURVE";
    if (curve)
        for (const auto& [role, key] : allowed_)
            if (equal_constant_time(key, frames[6].view())) user = user_name(role);
    if (user.empty()) ++refused_;
    socket_.send({text("1.0"), frames[1], text(user.empty() ? "400" : "200"),
                  text(user.empty() ? "no such key" : "ok"), text(user), Frame()});
}

}  // namespace warren::pipe
