// Real datagrams on loopback: the kernel hands each to the socket of its community.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/random.h"
#include "supervisor/listeners.h"
#include "supervisor/steering.h"

namespace warren::supervisor {
namespace {

class Sender {
public:
    explicit Sender(const std::string& address) : to_(*Endpoint::parse(address)) {
        fd_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    }
    void send(ByteView datagram) const {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(to_.port);
        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ASSERT_EQ(::sendto(fd_.get(), datagram.data(), datagram.size(), 0,
                           reinterpret_cast<const sockaddr*>(&in), sizeof in),
                  static_cast<ssize_t>(datagram.size()));
    }

private:
    Endpoint to_;
    Fd fd_;
};

std::uint32_t head_of(ByteView packet) {
    Reader reader(packet.subspan(2));
    return reader.u32();
}

// How many of `count` packets with random community ids arrive where they belong.
int steered_right(const UdpGroup& group, std::uint32_t members, int count, std::uint64_t seed) {
    Sender sender(group.address());
    SeededRandom random(seed);
    int right = 0;
    for (int i = 0; i < count; ++i) {
        std::array<std::uint8_t, 40> packet{};
        random.fill(packet);
        packet[0] = 0;
        packet[1] = 2;
        sender.send(packet);
        const auto& member = group.member(head_of(packet) % members);
        pollfd readable{member.get(), POLLIN, 0};
        std::array<std::uint8_t, 64> got{};
        right += ::poll(&readable, 1, 200) == 1 &&
                 ::recv(member.get(), got.data(), got.size(), 0) == 40 &&
                 std::equal(packet.begin(), packet.end(), got.begin());
    }
    return right;
}

TEST(Steering, EveryDatagramReachesItsMemberWhileTheGroupChanges) {
    auto group = UdpGroup::open(*Endpoint::parse("127.0.0.1:0"), 1 << 20);
    ASSERT_TRUE(group);
    ASSERT_TRUE(group->grow_to(3));
    EXPECT_EQ(steered_right(*group, 3, 300, 1), 300);
    ASSERT_TRUE(group->grow_to(5));
    EXPECT_EQ(steered_right(*group, 5, 300, 2), 300);
    ASSERT_TRUE(group->steer_first(2));
    group->shrink_to(2);
    EXPECT_EQ(steered_right(*group, 2, 300, 3), 300);
}

TEST(Steering, AShortDatagramGoesToTheFirst) {
    auto group = UdpGroup::open(*Endpoint::parse("127.0.0.1:0"), 65536);
    ASSERT_TRUE(group && group->grow_to(4));
    Sender(group->address()).send(Bytes{1, 2, 3});
    pollfd readable{group->member(0).get(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 1000), 1);
}

TEST(Steering, DoesNotJoinAStrangersGroup) {
    auto stranger = bind_udp_member(*Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(stranger);
    auto opened = UdpGroup::open(*local_address(stranger->get()), 65536);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::Exists);
}

}  // namespace
}  // namespace warren::supervisor
