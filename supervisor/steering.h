// One UDP port for several network workers: a SO_REUSEPORT group whose members the kernel chooses
// by the head of the community id (payload offset 2), with a classic BPF program. Unprivileged.
#pragma once

#include <cstdint>

#include "base/endpoint.h"
#include "base/result.h"
#include "runtime/process/fd.h"

namespace warren::supervisor {

using process::Fd;

// Is the address free? A plain bind tells; a bind into a group would join a stranger's.
// The answer is the address with a real port.
Result<Endpoint> probe_udp(const Endpoint& wanted);
Result<Fd> bind_udp_member(const Endpoint& address);
Result<void> steer(int member, std::uint32_t count);
// Asks for a receive buffer and says what the kernel gave.
std::int64_t set_receive_buffer(int socket, std::int64_t bytes);

// Also used for the api's TCP listener.
Result<Fd> listen_tcp(const Endpoint& wanted);
Result<Endpoint> local_address(int socket);

}  // namespace warren::supervisor
