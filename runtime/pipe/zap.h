// ZAP handler (ZeroMQ RFC 27): without one, CURVE accepts any key. Bound before the first bind;
// knows one public key per role and names the role to the inbox.
#pragma once

#include <map>

#include "runtime/pipe/socket.h"
#include "runtime/process/roster.h"

namespace warren::pipe {

using RoleKeys = std::map<process::Role, CurveKey>;

class Zap {
public:
    Zap(asio::io_context& io, Context& context, RoleKeys allowed);
    std::uint64_t refused() const { return refused_; }

private:
    void answer();

    RoleKeys allowed_;
    std::uint64_t refused_ = 0;
    Socket socket_;
    Watch watch_;
};

}  // namespace warren::pipe
