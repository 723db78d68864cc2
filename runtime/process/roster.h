// Who is in the node: instances of roles and where to reach them. The same rows that status shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace warren::process {

enum class Role : std::uint8_t { Supervisor, Network, Torrent, Verify, Sign, Storage, Api };
inline constexpr std::size_t role_count = 7;
std::string_view name_of(Role role);
std::optional<Role> role_from(std::string_view name);

enum class WorkerState : std::uint8_t { Starting, Ready, Degraded, Draining, Down };
std::string_view name_of(WorkerState state);

struct RosterEntry {
    Role role = Role::Supervisor;
    std::uint16_t index = 0;
    std::uint64_t epoch = 0;  // of this spawn; grows with every spawn of the node
    WorkerState state = WorkerState::Down;
    std::string inbox;  // ipc:// endpoint; empty: takes no messages
    std::string tap;
    std::int32_t pid = 0;
    std::uint32_t restarts = 0;
    std::string reason;
};
using Roster = std::vector<RosterEntry>;

inline constexpr std::size_t slot_count = 64;
inline constexpr std::uint8_t slot_unassigned = 255;
struct SlotMap {
    std::uint64_t version = 0;
    std::vector<std::uint8_t> workers = std::vector<std::uint8_t>(slot_count, slot_unassigned);
    std::vector<std::uint8_t> pinned;  // slots that an operator pinned to where they are, in order
};
// The slot of a community; fixed for the life of a state directory.
std::uint8_t slot_of(const CommunityId& community);
// The slot of the channel that a request founds: of the request alone, so that a retry finds the
// same worker, and the same channel, whatever moved meanwhile.
std::uint8_t founding_slot(const RequestId& request);
inline constexpr std::uint8_t node_slot = 0;  // holds the node's own shard

}  // namespace warren::process
