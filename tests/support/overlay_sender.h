// A UDP socket that speaks to a real node's overlay, what it says to be met, and how the node
// fares.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "protocol/overlay_messages.h"
#include "tests/support/node.h"
#include "tests/support/test_identity.h"

namespace warren::test {

inline sockaddr_in socket_address(const Endpoint& at) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    std::copy_n(at.address.begin(), 4, reinterpret_cast<std::uint8_t*>(&out.sin_addr));
    out.sin_port = htons(at.port);
    return out;
}

inline Endpoint endpoint_of(const sockaddr_in& from) {
    Endpoint out;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&from.sin_addr), 4, out.address.begin());
    out.port = ntohs(from.sin_port);
    return out;
}

// A UDP socket on an address of the loopback network.
class Sender {
public:
    explicit Sender(const Endpoint& from)
        : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        const auto own = socket_address(from);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    }
    ~Sender() { ::close(fd_); }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    bool send(const Endpoint& to, ByteView bytes) {
        const auto there = socket_address(to);
        return ::sendto(fd_, bytes.data(), bytes.size(), 0,
                        reinterpret_cast<const sockaddr*>(&there),
                        sizeof there) == static_cast<ssize_t>(bytes.size());
    }
    std::optional<Bytes> receive(Endpoint* from = nullptr) {
        Bytes out(2048);
        sockaddr_in there{};
        socklen_t length = sizeof there;
        const auto got = ::recvfrom(fd_, out.data(), out.size(), 0,
                                    reinterpret_cast<sockaddr*>(&there), &length);
        if (got < 0) return std::nullopt;
        out.resize(static_cast<std::size_t>(got));
        if (from != nullptr) *from = endpoint_of(there);
        return out;
    }
    Endpoint address() const {
        sockaddr_in own{};
        socklen_t length = sizeof own;
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length), 0);
        return endpoint_of(own);
    }
    int fd() const { return fd_; }

private:
    int fd_;
};

// As of a peer who trusts the node; with its cookie, of one whose address is proven.
inline Bytes introduction_request(const CommunityId& community, const TestIdentity& by,
                                  const Endpoint& to, std::uint16_t identifier,
                                  std::uint64_t echo) {
    using namespace protocol;
    IntroductionRequest message;
    message.destination = to;
    message.identifier = identifier;
    Trailer trailer;
    trailer.cookie = 7;
    trailer.echo = echo;
    trailer.trusts = true;
    const auto extra = encode(trailer);
    message.extra = extra;
    return by.signed_packet(
        frame_signed(community, static_cast<std::uint8_t>(BaseMessage::IntroductionRequest),
                     by.public_key(), identifier, encode(message)));
}

inline double rss_mib(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; in >> word;)
        if (word == "VmRSS:") {
            double kib = 0;
            in >> kib;
            return kib / 1024;
        }
    return 0;
}

inline std::uint64_t metric(Node& node, const std::string& name) {
    const auto text = node.get("/metrics").text;
    const auto at = text.find("\nwarren_" + name + "{");
    if (at == text.npos) return 0;
    return std::stoull(text.substr(text.find("} ", at) + 2));
}

}  // namespace warren::test
