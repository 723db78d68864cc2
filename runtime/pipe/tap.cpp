#include "runtime/pipe/tap.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "runtime/pipe/xpub_tap.h"

namespace warren::pipe {

void Tap::trace(std::uint64_t trace, std::initializer_list<Field> fields) {
    if (trace == 0 || !wanted("trace.")) return;
    publish(fmt::format("trace.{:016x}", trace), json_object(fields));
}

namespace {

constexpr int hwm_messages = 1000;  // a slow listener loses what is beyond

Socket& bound(Socket& socket, const std::string& endpoint, int listener) {
    WARREN_CHECK(socket.bind_inherited(endpoint, listener).ok());
    return socket;
}

}  // namespace

XPubTap::XPubTap(asio::io_context& io, Context& context, const std::string& endpoint, int listener)
    : socket_(context, SocketKind::XPub, hwm_messages),
      watch_(io, bound(socket_, endpoint, listener), [this] { read_subscriptions(); }) {}

// A reader may want all of a kind ("trace.") or more exactly one of them ("trace.12").
bool XPubTap::wanted(std::string_view topic) const {
    return std::ranges::any_of(prefixes_, [&](const auto& prefix) {
        return topic.starts_with(prefix) || (topic.ends_with('.') && prefix.starts_with(topic));
    });
}

void XPubTap::publish(std::string_view topic, std::string_view json) {
    socket_.send({Frame::copy_of(view_of(topic)), Frame::copy_of(view_of(json))});
    watch_.kick();
}

void XPubTap::read_subscriptions() {
    constexpr std::size_t prefixes_max = 256;
    while (auto parts = socket_.receive()) {
        const auto message = text_of(parts->frames[0].view());
        if (message.empty()) continue;
        const auto prefix = message.substr(1);
        if (message[0] == 0)
            prefixes_.erase(std::string(prefix));
        else if (prefixes_.size() < prefixes_max)
            prefixes_.emplace(prefix);
    }
    logs_wanted_ = wanted("log.");
}

}  // namespace warren::pipe
