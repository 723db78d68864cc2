// One inherited UDP socket: many datagrams per system call, never blocking, bounded per turn. The
// kernel's count of what it had to drop is read along.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace warren::network {

inline constexpr std::size_t udp_batch = 64;
inline constexpr std::size_t udp_bytes_max = 2048;  // longer datagrams are cut, and then refused

class Udp {
public:
    // Owned by the process; stays open as long as it lives.
    static Result<std::unique_ptr<Udp>> adopt(int fd);

    using Receive = std::function<void(const Endpoint& from, ByteView bytes)>;
    // Reads at most one batch. False: nothing more is there now.
    bool receive(const Receive& take);

    void queue(const Endpoint& to, Bytes bytes);
    // False: the kernel takes no more now; call again when the socket is writable.
    bool flush();

    // Where datagrams to `towards` start from: the address it is bound to, else that of the way
    // out.
    std::optional<Endpoint> local_address(const Endpoint& towards) const;

    int fd() const { return fd_; }
    bool v6() const { return v6_; }
    std::uint64_t kernel_dropped() const { return kernel_dropped_; }
    std::uint64_t send_dropped() const { return send_dropped_; }

private:
    struct Buffers;
    struct Outgoing {
        Endpoint to;
        Bytes bytes;
    };

    Udp(int fd, bool v6);

    int fd_;
    bool v6_;
    std::shared_ptr<Buffers> buffers_;
    std::deque<Outgoing> outgoing_;
    std::uint64_t kernel_dropped_ = 0, send_dropped_ = 0;
};

}  // namespace warren::network
