// The table of roles. A new worker is a row here.
#include "supervisor/role_table.h"

#include <array>

#include "base/check.h"

namespace warren::supervisor {

namespace {
// In the order of their start: those who answer before those who ask.
constexpr std::array<RoleSpec, 6> table = {{
    {Role::Storage, "warren-storage", "workers.storage", true, ListenerKind::None, 4},
    {Role::Sign, "warren-sign", "workers.sign", true, ListenerKind::None, 3},
    {Role::Verify, "warren-verify", "workers.verify", true, ListenerKind::None, 3},
    {Role::Torrent, "warren-torrent", "workers.torrent", true, ListenerKind::None, 2},
    {Role::Network, "warren-network", "workers.network", true, ListenerKind::SteeredUdp, 1},
    {Role::Api, "warren-api", "workers.api", false, ListenerKind::SharedTcp, 0},
}};
}  // namespace

std::span<const RoleSpec> role_table() {
    return table;
}

const RoleSpec& spec_of(Role role) {
    for (const auto& spec : table) {
        if (spec.role == role) return spec;
    }
    WARREN_CHECK(!"a role without a row");
}

}  // namespace warren::supervisor
