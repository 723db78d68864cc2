// Votes on our own address, kinds of NAT, and local against outside addresses.
#include "protocol/walk_address.h"

#include <gtest/gtest.h>

namespace warren::protocol {
namespace {

constexpr Nanoseconds now = 1'000'000'000'000;
const Endpoint home = Endpoint::ipv4(81, 2, 3, 4, 8090), lan = Endpoint::ipv4(192, 168, 1, 5, 8090);

Endpoint voter(int net, std::uint8_t host = 1) {
    return Endpoint::ipv4(50, 1, static_cast<std::uint8_t>(net), host, 9000);
}
Endpoint port(Endpoint address, std::uint16_t number) {
    address.port = number;
    return address;
}

TEST(OwnAddresses, a_net_has_one_vote) {
    OwnAddresses own(false);
    for (int net = 0; net < 3; ++net)
        own.vote(now, voter(net), home);
    for (int host = 1; host < 200; ++host)
        own.vote(now, voter(9, static_cast<std::uint8_t>(host)), Endpoint::ipv4(6, 6, 6, 6, 1));
    EXPECT_EQ(own.wan(false), home);
    for (int net = 10; net < 13; ++net)
        own.vote(now, voter(net), Endpoint::ipv4(6, 6, 6, 6, 1));
    EXPECT_EQ(own.wan(false).address[0], 6) << "the majority of nets decides";
}

TEST(OwnAddresses, votes_expire_and_private_voters_have_none) {
    OwnAddresses own(false);
    own.vote(now, lan, home);
    EXPECT_TRUE(own.wan(false).is_zero());
    own.vote(now, voter(1), lan);
    EXPECT_TRUE(own.wan(false).is_zero()) << "not an outside address";
    for (int net = 0; net < 5; ++net)
        own.vote(now, voter(net), home);
    auto moved = Endpoint::ipv4(82, 1, 1, 1, 8090);
    own.vote(now + 700'000'000'000, voter(1), moved);
    EXPECT_EQ(own.wan(false), moved);
}

TEST(OwnAddresses, tell_the_kind_of_connection) {
    OwnAddresses open(false);
    open.set_lan(home);
    open.vote(now, voter(1), home);
    EXPECT_EQ(open.connection(), ConnectionType::Public);

    OwnAddresses cone(false);
    cone.set_lan(lan);
    for (int net = 0; net < 4; ++net)
        cone.vote(now, voter(net), home);
    EXPECT_EQ(cone.connection(), ConnectionType::Unknown);

    OwnAddresses symmetric(false);
    for (std::uint16_t net = 0; net < 4; ++net) {
        EXPECT_NE(symmetric.connection(),
                  net < 3 ? ConnectionType::SymmetricNat : ConnectionType::Public);
        symmetric.vote(now, voter(net), port(home, static_cast<std::uint16_t>(2000 + net)));
    }
    EXPECT_EQ(symmetric.connection(), ConnectionType::SymmetricNat);
}

TEST(OwnAddresses, local_or_outside_address_of_an_introduced_peer) {
    OwnAddresses own(false);
    own.set_lan(lan);
    own.vote(now, voter(1), home);
    const auto far = Endpoint::ipv4(99, 1, 1, 1, 7000),
               beside = Endpoint::ipv4(192, 168, 9, 9, 7000);
    using List = std::vector<Endpoint>;
    EXPECT_EQ(own.candidates(Endpoint{}, far), List{far});
    EXPECT_EQ(own.candidates(beside, port(home, 7000)), List{beside}) << "same NAT";
    EXPECT_EQ(own.candidates(Endpoint{}, port(home, 7000)),
              (List{port(home, 7000), port(lan, 7000)}));
    EXPECT_EQ(own.candidates(Endpoint::ipv4(10, 0, 0, 1, 7000), far), List{far})
        << "a private network that is not ours";
    EXPECT_TRUE(own.candidates(port(beside, 53), port(home, 53)).empty());
    EXPECT_FALSE(own.acceptable(port(beside, 53))) << "no services of the local network";
    EXPECT_FALSE(own.acceptable(Endpoint::ipv4(127, 0, 0, 1, 7000)));
    EXPECT_EQ(own.puncture_target(beside, port(home, 7000)), beside);
    EXPECT_EQ(own.puncture_target(beside, far), far);
}

}  // namespace
}  // namespace warren::protocol
