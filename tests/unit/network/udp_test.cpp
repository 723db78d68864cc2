// The socket of the network worker: batches both ways, and the kernel's count of drops.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/network/fake_node.h"
#include "workers/network/udp.h"

namespace warren::network {
namespace {

struct Pair {
    std::pair<int, Endpoint> a = loopback_socket(), b = loopback_socket();
    std::unique_ptr<Udp> left = std::move(*Udp::adopt(a.first));
    std::unique_ptr<Udp> right = std::move(*Udp::adopt(b.first));

    ~Pair() {
        close(a.first);
        close(b.first);
    }
};

TEST(Udp, carries_batches_with_their_source) {
    Pair pair;
    for (std::uint8_t i = 0; i < 100; ++i)
        pair.left->queue(pair.b.second, Bytes(20, i));
    EXPECT_TRUE(pair.left->flush());
    std::vector<Bytes> got;
    auto take = [&](const Endpoint& from, ByteView bytes) {
        EXPECT_EQ(from, pair.a.second);
        got.push_back(to_bytes(bytes));
    };
    EXPECT_TRUE(pair.right->receive(take)) << "a full batch: there may be more";
    EXPECT_EQ(got.size(), udp_batch);
    EXPECT_FALSE(pair.right->receive(take));
    ASSERT_EQ(got.size(), 100U);
    EXPECT_EQ(got[99], Bytes(20, 99));
}

TEST(Udp, cut_datagrams_are_not_delivered) {
    Pair pair;
    pair.left->queue(pair.b.second, Bytes(udp_bytes_max + 1, 1));
    pair.left->queue(pair.b.second, Bytes(udp_bytes_max, 2));
    EXPECT_TRUE(pair.left->flush());
    std::vector<std::size_t> sizes;
    pair.right->receive([&](const Endpoint&, ByteView bytes) { sizes.push_back(bytes.size()); });
    EXPECT_EQ(sizes, std::vector<std::size_t>{udp_bytes_max});
}

TEST(Udp, counts_what_the_kernel_dropped) {
    Pair pair;
    int small = 4096;
    setsockopt(pair.b.first, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 500; ++i)
        pair.left->queue(pair.b.second, Bytes(1000, 7));
    pair.left->flush();
    std::size_t got = 0;
    auto take = [&](const Endpoint&, ByteView) { ++got; };
    while (pair.right->receive(take)) {
    }
    pair.left->queue(pair.b.second, Bytes(10, 7));  // the count travels with the next datagram
    pair.left->flush();
    pair.right->receive(take);
    EXPECT_LT(got, 500U);
    EXPECT_EQ(got + pair.right->kernel_dropped(), 501U);
}

TEST(Udp, one_bad_address_does_not_stop_the_rest) {
    Pair pair;
    Endpoint nowhere;  // port 0
    pair.left->queue(nowhere, Bytes(10, 1));
    pair.left->queue(pair.b.second, Bytes(10, 2));
    EXPECT_TRUE(pair.left->flush());
    EXPECT_EQ(pair.left->send_dropped(), 1U);
    std::size_t got = 0;
    pair.right->receive([&](const Endpoint&, ByteView) { ++got; });
    EXPECT_EQ(got, 1U);
}

TEST(Udp, knows_where_its_datagrams_start) {
    Pair pair;
    EXPECT_EQ(pair.left->local_address(pair.b.second), pair.a.second);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);  // the first send binds it to no address
    auto open = std::move(*Udp::adopt(fd));
    open->queue(pair.b.second, Bytes(1, 1));
    ASSERT_TRUE(open->flush());
    Endpoint source;
    pair.right->receive([&](const Endpoint& from, ByteView) { source = from; });
    EXPECT_EQ(open->local_address(pair.b.second), source);
    close(fd);
}

}  // namespace
}  // namespace warren::network
