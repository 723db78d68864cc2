// What status says about the node and does not change while it runs: asked for once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "workers/api/outbox.h"

namespace warren::api {

class NodeFacts {
public:
    explicit NodeFacts(std::string listen);

    // Asks sign and network for what is not known yet; gives up soon, since status must always
    // answer.
    pipe::Task<void> learn(Outbox& outbox, RequestId id);

    const std::optional<Identity>& identity() const { return identity_; }
    std::optional<std::uint16_t> overlay_port() const { return overlay_port_; }
    const std::string& listen() const { return listen_; }
    const std::string& name() const { return name_; }
    std::uint64_t uptime_s() const;

private:
    std::string listen_;
    std::string name_;
    double started_s_ = 0;  // since boot
    std::optional<Identity> identity_;
    std::optional<std::uint16_t> overlay_port_;
};

}  // namespace warren::api
