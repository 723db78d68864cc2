// The tap's socket: an XPUB on the inherited listener. It only publishes, so it needs no CURVE.
#pragma once

#include <atomic>
#include <set>

#include "runtime/pipe/socket.h"
#include "runtime/pipe/tap.h"

namespace warren::pipe {

class XPubTap final : public Tap {
public:
    XPubTap(asio::io_context& io, Context& context, const std::string& endpoint, int listener);

    bool wanted(std::string_view topic) const override;
    void publish(std::string_view topic, std::string_view json) override;
    // The one question that other threads may ask: is a log line worth handing to the loop?
    bool logs_wanted() const { return logs_wanted_; }

private:
    void read_subscriptions();

    std::set<std::string, std::less<>> prefixes_;
    std::atomic<bool> logs_wanted_ = false;
    Socket socket_;
    Watch watch_;
};

}  // namespace warren::pipe
