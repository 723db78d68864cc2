// Mappings live as long as datagrams leave through them; what comes in does not keep them alive.
#include "tests/sim/nat.h"

namespace warren::sim {

namespace {
constexpr std::size_t filter_max = 1024;  // above, what has expired is swept out
}

Endpoint Nat::filter_key(const Endpoint& remote) const {
    auto out = remote;
    if (kind_ == NatKind::RestrictedCone) out.port = 0;
    return out;
}

std::uint16_t Nat::free_port(Nanoseconds now, std::uint16_t wished) {
    auto taken = [&](std::uint16_t port) {
        auto at = mappings_.find(port);
        return at != mappings_.end() && alive(now, at->second.use);
    };
    if (kind_ != NatKind::Symmetric && !taken(wished)) return wished;
    while (true) {
        auto port = static_cast<std::uint16_t>(1024 + random_.below(65536 - 1024));
        if (!taken(port)) return port;
    }
}

Endpoint Nat::outbound(Nanoseconds now, const Endpoint& inside, const Endpoint& remote) {
    Flow flow{inside, kind_ == NatKind::Symmetric ? remote : Endpoint{}};
    auto known = ports_.find(flow);
    auto held = known == ports_.end() ? mappings_.end() : mappings_.find(known->second);
    if (held == mappings_.end() || held->second.flow != flow || !alive(now, held->second.use)) {
        auto port = free_port(now, inside.port);
        mappings_[port] = {flow, {now, false}, {}};
        ports_[flow] = port;
    }
    auto out = outside_;
    out.port = ports_[flow];
    auto& mapping = mappings_[out.port];
    renew(now, mapping.use);
    if (mapping.sent_to.size() > filter_max)
        std::erase_if(mapping.sent_to,
                      [&](const auto& entry) { return !alive(now, entry.second); });
    renew(now, mapping.sent_to[filter_key(remote)]);
    return out;
}

std::optional<Endpoint> Nat::inbound(Nanoseconds now, std::uint16_t port, const Endpoint& remote) {
    auto at = mappings_.find(port);
    if (at == mappings_.end() || !alive(now, at->second.use)) return std::nullopt;
    auto& mapping = at->second;
    if (kind_ != NatKind::FullCone) {
        auto sent = mapping.sent_to.find(filter_key(remote));
        if (sent == mapping.sent_to.end() || !alive(now, sent->second)) return std::nullopt;
        sent->second.answered = true;
    }
    mapping.use.answered = true;
    return mapping.flow.inside;
}

}  // namespace warren::sim
