// recvmmsg and sendmmsg.
#include "workers/network/udp.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/process/fd.h"

namespace warren::network {

namespace {

constexpr std::size_t outgoing_max = 4096;  // datagrams that wait for the kernel

Endpoint endpoint_of(const sockaddr_storage& from) {
    Endpoint out;
    if (from.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &from, sizeof v6);
        out.v6 = true;
        std::memcpy(out.address.data(), &v6.sin6_addr, 16);
        out.port = ntohs(v6.sin6_port);
        return out;
    }
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    std::memcpy(out.address.data(), &v4.sin_addr, 4);
    out.port = ntohs(v4.sin_port);
    return out;
}

socklen_t put_address(const Endpoint& to, sockaddr_storage& out) {
    out = {};
    if (to.v6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(to.port);
        std::memcpy(&v6.sin6_addr, to.address.data(), 16);
        std::memcpy(&out, &v6, sizeof v6);
        return sizeof v6;
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(to.port);
    std::memcpy(&v4.sin_addr, to.address.data(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
}

std::optional<Endpoint> name_of(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return std::nullopt;
    return endpoint_of(name);
}

}  // namespace

struct Udp::Buffers {
    std::array<mmsghdr, udp_batch> headers{};
    std::array<iovec, udp_batch> vectors{};
    std::array<sockaddr_storage, udp_batch> addresses{};
    std::array<std::array<char, CMSG_SPACE(sizeof(std::uint32_t))>, udp_batch> controls{};
    std::array<std::array<std::uint8_t, udp_bytes_max>, udp_batch> bytes{};
};

Result<std::unique_ptr<Udp>> Udp::adopt(int fd) {
    int domain = 0;
    socklen_t length = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0)
        return Error{ErrorKind::Environment, "network: the inherited socket is none"};
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0)
        return Error{ErrorKind::Environment, "network: the kernel counts no dropped datagrams"};
    auto flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return Error{ErrorKind::Environment, "network: the socket cannot be made non-blocking"};
    return std::unique_ptr<Udp>(new Udp(fd, domain == AF_INET6));
}

Udp::Udp(int fd, bool v6) : fd_(fd), v6_(v6), buffers_(std::make_shared<Buffers>()) {}

bool Udp::receive(const Receive& take) {
    auto& b = *buffers_;
    for (std::size_t i = 0; i < udp_batch; ++i) {
        b.vectors[i] = {b.bytes[i].data(), b.bytes[i].size()};
        auto& header = b.headers[i].msg_hdr;
        header = {};
        header.msg_name = &b.addresses[i];
        header.msg_namelen = sizeof b.addresses[i];
        header.msg_iov = &b.vectors[i];
        header.msg_iovlen = 1;
        header.msg_control = b.controls[i].data();
        header.msg_controllen = b.controls[i].size();
    }
    auto count = recvmmsg(fd_, b.headers.data(), udp_batch, MSG_DONTWAIT, nullptr);
    if (count <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        auto& header = b.headers[i].msg_hdr;
        for (auto* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
            if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL) continue;
            std::uint32_t dropped = 0;  // since the socket was made
            std::memcpy(&dropped, CMSG_DATA(c), sizeof dropped);
            kernel_dropped_ = std::max<std::uint64_t>(kernel_dropped_, dropped);
        }
        if ((header.msg_flags & MSG_TRUNC) != 0) continue;
        take(endpoint_of(b.addresses[i]), {b.bytes[i].data(), b.headers[i].msg_len});
    }
    return static_cast<std::size_t>(count) == udp_batch;
}

std::optional<Endpoint> Udp::local_address(const Endpoint& towards) const {
    auto own = name_of(fd_);
    if (!own || own->address != Endpoint{}.address) return own;
    // Connecting a datagram socket sends nothing: it only looks up the route.
    process::Fd probe(socket(v6_ ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const auto size = put_address(towards, address);
    if (connect(probe.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return std::nullopt;
    auto out = name_of(probe.get());
    if (out) out->port = own->port;
    return out;
}

void Udp::queue(const Endpoint& to, Bytes bytes) {
    if (outgoing_.size() >= outgoing_max) return void(++send_dropped_);
    outgoing_.push_back({to, std::move(bytes)});
}

bool Udp::flush() {
    std::array<mmsghdr, udp_batch> headers{};
    std::array<iovec, udp_batch> vectors{};
    std::array<sockaddr_storage, udp_batch> addresses{};
    while (!outgoing_.empty()) {
        auto count = std::min(outgoing_.size(), udp_batch);
        for (std::size_t i = 0; i < count; ++i) {
            auto& out = outgoing_[i];
            vectors[i] = {out.bytes.data(), out.bytes.size()};
            auto& header = headers[i].msg_hdr;
            header = {};
            header.msg_name = &addresses[i];
            header.msg_namelen = put_address(out.to, addresses[i]);
            header.msg_iov = &vectors[i];
            header.msg_iovlen = 1;
        }
        auto sent = sendmmsg(fd_, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) return false;
        if (sent < 0) {
            // The first one cannot go (no route, refused by a filter): it alone is lost.
            ++send_dropped_;
            sent = 1;
        }
        outgoing_.erase(outgoing_.begin(), outgoing_.begin() + sent);
    }
    return true;
}

}  // namespace warren::network
