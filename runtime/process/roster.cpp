// Names of roles and states, and the slot of a community.
#include "runtime/process/roster.h"

#include <array>

#include "base/hash.h"

namespace warren::process {

namespace {
constexpr std::array<std::string_view, role_count> role_names = {
    "supervisor", "network", "torrent", "verify", "sign", "storage", "api"};
constexpr std::array<std::string_view, 5> state_names = {"starting", "ready", "degraded",
                                                         "draining", "down"};
}  // namespace

std::string_view name_of(Role role) {
    return role_names[static_cast<std::size_t>(role)];
}

std::optional<Role> role_from(std::string_view name) {
    for (std::size_t i = 0; i < role_count; ++i) {
        if (role_names[i] == name) return static_cast<Role>(i);
    }
    return std::nullopt;
}

std::string_view name_of(WorkerState state) {
    return state_names[static_cast<std::size_t>(state)];
}

std::uint8_t slot_of(const CommunityId& community) {
    return static_cast<std::uint8_t>(sha256(community.view())[0] % slot_count);
}

std::uint8_t founding_slot(const RequestId& request) {
    return static_cast<std::uint8_t>(request.bytes[0] % slot_count);
}

}  // namespace warren::process
