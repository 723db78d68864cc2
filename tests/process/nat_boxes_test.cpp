// The NAT boxes of nftables rules, each probed for what it is; and the simulator's boxes by the
// same probe, so that what the simulator proves holds for boxes like these.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "base/endpoint.h"
#include "tests/support/nat_net.h"
#include "tests/support/node.h"

namespace warren::test {
namespace {

using sim::NatKind;

const std::vector<NatKind> kinds = {NatKind::FullCone, NatKind::RestrictedCone,
                                    NatKind::PortRestricted, NatKind::Symmetric};

// What one can see of a box from its two sides.
struct Behaviour {
    bool keeps_port = false;           // the outside port is the inside one
    bool same_for_other_port = false;  // another port of a remote sees the same source
    bool same_for_other_host = false;
    bool open_to_other_port = false;  // of a remote that was sent to
    bool open_to_other_host = false;
    bool operator==(const Behaviour&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Behaviour& b) {
    return out << "keeps_port=" << b.keeps_port << " mapping=" << b.same_for_other_port
               << b.same_for_other_host << " filter=" << b.open_to_other_port
               << b.open_to_other_host;
}

// RFC 3489's kinds: mapping and filter, each by what it minds.
Behaviour by_the_book(NatKind kind) {
    switch (kind) {
    case NatKind::None:
    case NatKind::FullCone: return {true, true, true, true, true};
    case NatKind::RestrictedCone: return {true, true, true, true, false};
    case NatKind::PortRestricted: return {true, true, true, false, false};
    case NatKind::Symmetric: return {false, false, false, false, false};
    }
    return {};
}

// The probe's hands: an inside host, and remotes by number (0 and 1 are ports of one host, 2 is
// another host).
class Probed {
public:
    virtual ~Probed() = default;
    virtual Endpoint send_out(std::size_t remote) = 0;              // the source that it sees
    virtual bool send_in(std::size_t remote, const Endpoint&) = 0;  // does it arrive?
    virtual std::uint16_t inside_port() const = 0;
};

Behaviour probe(Probed& box) {
    Behaviour out;
    const auto seen = box.send_out(0);
    EXPECT_TRUE(box.send_in(0, seen)) << "an answer is let in by every box";
    out.open_to_other_port = box.send_in(1, seen);
    out.open_to_other_host = box.send_in(2, seen);
    out.keeps_port = seen.port == box.inside_port();
    out.same_for_other_port = box.send_out(1) == seen;
    out.same_for_other_host = box.send_out(2) == seen;
    EXPECT_EQ(box.send_out(0), seen) << "a mapping stays";
    return out;
}

constexpr std::uint16_t port = 8090;

class Socket {
public:
    Socket(const Netns& place, std::uint16_t number) {
        place.inside([&] {
            fd_ = process::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            sockaddr_in any{};
            any.sin_family = AF_INET;
            any.sin_port = htons(number);
            ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
        });
    }
    void send(const Endpoint& to, char mark) const {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(to.port);
        std::memcpy(&address.sin_addr, to.address.data(), 4);
        EXPECT_EQ(
            ::sendto(fd_.get(), &mark, 1, 0, reinterpret_cast<sockaddr*>(&address), sizeof address),
            1)
            << to.text();
    }
    // Nothing within the time: it does not come.
    std::optional<std::pair<char, Endpoint>> receive(int patience_ms = 3000) const {
        pollfd ready{fd_.get(), POLLIN, 0};
        if (::poll(&ready, 1, patience_ms) <= 0) return std::nullopt;
        char mark = 0;
        sockaddr_in from{};
        socklen_t size = sizeof from;
        if (::recvfrom(fd_.get(), &mark, 1, 0, reinterpret_cast<sockaddr*>(&from), &size) != 1)
            return std::nullopt;
        Endpoint out;
        std::memcpy(out.address.data(), &from.sin_addr, 4);
        out.port = ntohs(from.sin_port);
        return std::pair(mark, out);
    }

private:
    process::Fd fd_;
};

class KernelBox final : public Probed {
public:
    explicit KernelBox(NatKind kind)
        : one_(net_.add_host("21.1.0.1")), other_(net_.add_host("22.1.0.1")),
          home_(net_.add_home(kind, "23.1.0.1")),
          inside_(net_.add_host(home_), port), remotes_{Socket{one_, port}, Socket{one_, port + 1},
                                                        Socket{other_, port}} {}

    Endpoint send_out(std::size_t remote) override {
        inside_.send(addresses_[remote], 'o');
        const auto got = remotes_[remote].receive();
        EXPECT_TRUE(got && got->first == 'o') << "nothing gets out";
        return got ? got->second : Endpoint{};
    }
    // What the first remote sends comes through in any case, and comes later.
    bool send_in(std::size_t remote, const Endpoint& to) override {
        remotes_[remote].send(to, 'i');
        remotes_[0].send(to, 'm');
        const auto first = inside_.receive();
        EXPECT_TRUE(first) << "an answer is let in by every box";
        if (!first || first->first == 'm') return false;
        EXPECT_TRUE(inside_.receive());
        return true;
    }
    std::uint16_t inside_port() const override { return port; }
    // What the first remote sends through a fresh way comes later, and in any case.
    bool still_open(std::size_t remote, const Endpoint& to) {
        remotes_[remote].send(to, 'i');
        send_out(0);
        remotes_[0].send(to, 'm');
        const auto first = inside_.receive();
        EXPECT_TRUE(first);
        if (!first || first->first == 'm') return false;
        EXPECT_TRUE(inside_.receive());
        return true;
    }
    void stop_guarding() const { home_.box.nft("flush chain ip box guard\n"); }
    int patience_s(const std::string& name) const {
        return std::stoi(home_.box.get("netfilter/nf_conntrack_" + name));
    }
    void set_patience_s(const std::string& name, int seconds) const {
        home_.box.set("netfilter/nf_conntrack_" + name, std::to_string(seconds));
    }

private:
    NatNet net_;
    Netns& one_;
    Netns& other_;
    NatNet::Home& home_;
    Socket inside_;
    std::array<Socket, 3> remotes_;
    const std::array<Endpoint, 3> addresses_ = {Endpoint::ipv4(21, 1, 0, 1, port),
                                                Endpoint::ipv4(21, 1, 0, 1, port + 1),
                                                Endpoint::ipv4(22, 1, 0, 1, port)};
};

class SimulatedBox final : public Probed {
public:
    explicit SimulatedBox(NatKind kind) : nat_(kind, Endpoint::ipv4(23, 1, 0, 1, 0), 120_s, 7) {}

    Endpoint send_out(std::size_t remote) override {
        return nat_.outbound(++now_, inside_, remotes_[remote]);
    }
    bool send_in(std::size_t remote, const Endpoint& to) override {
        return nat_.inbound(++now_, to.port, remotes_[remote]) == inside_;
    }
    std::uint16_t inside_port() const override { return inside_.port; }

private:
    sim::Nat nat_;
    Nanoseconds now_ = 0;
    const Endpoint inside_ = Endpoint::ipv4(192, 168, 1, 2, port);
    const std::array<Endpoint, 3> remotes_ = {Endpoint::ipv4(21, 1, 0, 1, port),
                                              Endpoint::ipv4(21, 1, 0, 1, port + 1),
                                              Endpoint::ipv4(22, 1, 0, 1, port)};
};

class NatBoxes : public ::testing::Test {
protected:
    void SetUp() override {
        if (!no_namespaces().empty()) GTEST_SKIP() << "NOT TESTED, for want of " << no_namespaces();
    }
};

TEST_F(NatBoxes, EachIsOfItsKind) {
    for (auto kind : kinds) {
        KernelBox box(kind);
        EXPECT_EQ(probe(box), by_the_book(kind)) << "kind " << static_cast<int>(kind);
    }
}

// Linux forgets a way in that nobody came through four times sooner than another.
TEST_F(NatBoxes, ForgetUnansweredWaysSooner) {
    KernelBox box(NatKind::PortRestricted);
    EXPECT_EQ(box.patience_s("udp_timeout"), 30);
    EXPECT_EQ(box.patience_s("udp_timeout_stream"), 120);
    box.set_patience_s("udp_timeout", 1);
    const auto seen = box.send_out(2);
    const auto due = monotonic_now() + 1500_ms;
    ASSERT_TRUE(wait_until([&] { return monotonic_now() > due; }, 3));
    EXPECT_FALSE(box.still_open(2, seen)) << "a second without an answer is over";
    box.send_out(2);
    EXPECT_TRUE(box.still_open(2, seen));
}

// Why each box drops what comes uninvited to itself: what it lets in is a flow to Linux, and takes
// the port from what a host behind the box sends to the same remote.
TEST_F(NatBoxes, WhatIsLetInUninvitedTakesThePort) {
    KernelBox box(NatKind::PortRestricted);
    box.stop_guarding();
    const auto seen = box.send_out(0);
    EXPECT_FALSE(box.send_in(1, seen));
    EXPECT_NE(box.send_out(1), seen);
}

TEST(SimulatedNatBoxes, EachIsOfItsKind) {
    for (auto kind : kinds) {
        SimulatedBox box(kind);
        EXPECT_EQ(probe(box), by_the_book(kind)) << "kind " << static_cast<int>(kind);
    }
}

}  // namespace
}  // namespace warren::test
