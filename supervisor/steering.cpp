// Sockets of the outside world: the steered UDP group and the TCP listener.
#include "supervisor/steering.h"

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace warren::supervisor {

namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address to_sockaddr(const Endpoint& endpoint) {
    Address out;
    if (endpoint.v6) {
        auto* in = reinterpret_cast<sockaddr_in6*>(&out.storage);
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(endpoint.port);
        std::memcpy(&in->sin6_addr, endpoint.address.data(), 16);
        out.size = sizeof *in;
    } else {
        auto* in = reinterpret_cast<sockaddr_in*>(&out.storage);
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint.port);
        std::memcpy(&in->sin_addr, endpoint.address.data(), 4);
        out.size = sizeof *in;
    }
    return out;
}

Error failed(const Endpoint& endpoint) {
    auto code = errno;
    auto kind = code == EADDRINUSE ? ErrorKind::Exists : ErrorKind::Environment;
    return {kind, fmt::format("{}: {}", endpoint.text(), std::strerror(code))};
}

enum class Share { Never, Address, Port };

Result<Fd> bound(const Endpoint& endpoint, int type, Share share) {
    Fd out(::socket(endpoint.v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!out) return failed(endpoint);
    int on = 1;
    if (endpoint.v6) ::setsockopt(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (share == Share::Address) ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (share == Share::Port) ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    auto address = to_sockaddr(endpoint);
    if (::bind(out.get(), address.get(), address.size) != 0) return failed(endpoint);
    return out;
}

}  // namespace

Result<Endpoint> local_address(int socket) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
        return io_error(fmt::format("getsockname: {}", std::strerror(errno)));
    Endpoint out;
    if (storage.ss_family == AF_INET6) {
        const auto* in = reinterpret_cast<const sockaddr_in6*>(&storage);
        std::memcpy(out.address.data(), &in->sin6_addr, 16);
        out.port = ntohs(in->sin6_port);
        out.v6 = true;
    } else {
        const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
        std::memcpy(out.address.data(), &in->sin_addr, 4);
        out.port = ntohs(in->sin_port);
    }
    return out;
}

Result<Endpoint> probe_udp(const Endpoint& wanted) {
    WARREN_TRY(auto probe, bound(wanted, SOCK_DGRAM, Share::Never));
    return local_address(probe.get());
}

Result<Fd> bind_udp_member(const Endpoint& address) {
    return bound(address, SOCK_DGRAM, Share::Port);
}

Result<void> steer(int member, std::uint32_t count) {
    // The kernel runs it on the UDP payload; a datagram too short for the load goes to member 0.
    std::array<sock_filter, 3> code = {{
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 2},
        {BPF_ALU | BPF_MOD | BPF_K, 0, 0, count},
        {BPF_RET | BPF_A, 0, 0, 0},
    }};
    sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (::setsockopt(member, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0)
        return {};
    return Error{ErrorKind::Environment, fmt::format("steering: {}", std::strerror(errno))};
}

std::int64_t set_receive_buffer(int socket, std::int64_t bytes) {
    int value = static_cast<int>(bytes);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &value, sizeof value);
    socklen_t size = sizeof value;
    if (::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &value, &size) != 0) return 0;
    return value / 2;  // the kernel counts its own overhead and doubles
}

Result<Fd> listen_tcp(const Endpoint& wanted) {
    WARREN_TRY(auto out, bound(wanted, SOCK_STREAM, Share::Address));
    if (::listen(out.get(), 512) != 0) return failed(wanted);
    return out;
}

}  // namespace warren::supervisor
