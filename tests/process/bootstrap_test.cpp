// A real node in bootstrap mode, without storage: it introduces strangers of communities that it
// knows nothing of, answers no more bytes than it got until an address is proven (R-U3), and a
// flood from one address takes nothing from others (R-U2). And nodes that meet over ::1, or
// over both families.
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/support/journey.h"
#include "tests/support/overlay_walkers.h"

namespace warren::test {
namespace {

const CommunityId community = SeededRandom(99).id<CommunityId>();

struct Bootstrap : testing::Test {
    Node node{{.name = "bootstrap",
               .settings = {"overlay.bootstrap=true", "workers.storage.count=0",
                            "workers.torrent.count=0"}}};

    void SetUp() override { ASSERT_TRUE(node.start()) << node.log(); }
    Endpoint address() const { return *Endpoint::parse(node.overlay_address()); }
    // Asks until it is so.
    static bool ask_until(OverlayWalkers& walkers, const std::function<bool()>& condition) {
        auto next = monotonic_now();
        return wait_until(
            [&] {
                walkers.listen();
                if (monotonic_now() >= next) {
                    next = monotonic_now() + 20_ms;
                    walkers.ask(community);
                }
                return condition();
            },
            10);
    }
};

TEST_F(Bootstrap, IntroducesStrangersOfAnyCommunity) {
    OverlayWalkers walkers(address(), 3, 5, OverlayWalkers::Echo::Always);
    EXPECT_TRUE(ask_until(walkers, [&] {
        for (std::size_t i = 0; i < 3; ++i)
            if (walkers.introduced(i).empty() || walkers.puncture_requests(i) == 0) return false;
        return true;
    })) << node.log();
    for (std::size_t i = 0; i < 3; ++i)
        for (const auto& other : walkers.introduced(i))
            EXPECT_TRUE(other != walkers.address(i) &&
                        (other == walkers.address(0) || other == walkers.address(1) ||
                         other == walkers.address(2)))
                << other.text();
    EXPECT_FALSE(std::filesystem::exists(node.state() / "shards"));
}

TEST_F(Bootstrap, GivesTheUnprovenNoMoreThanItGot) {
    OverlayWalkers known(address(), 4, 6, OverlayWalkers::Echo::Always);
    ASSERT_TRUE(ask_until(known, [&] { return !known.introduced(0).empty(); }));
    OverlayWalkers strangers(address(), 8, 7);
    for (int i = 0; i < 80; ++i)
        strangers.ask(community);
    EXPECT_TRUE(wait_until(
        [&] {
            strangers.listen();
            return strangers.open().empty();
        },
        5));
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(strangers.introduced(i).empty());
        EXPECT_LE(strangers.bytes_in(i), strangers.bytes_out(i) + 10 * 16);
    }
}

TEST_F(Bootstrap, AFloodFromOneAddressLeavesOthersTheirs) {
    OverlayWalkers flood(address(), 1, 8);
    for (int i = 0; i < 2000; ++i)
        flood.ask(community);
    OverlayWalkers others(address(), 20, 9);
    for (int i = 0; i < 60; ++i)
        others.ask(community);
    EXPECT_TRUE(wait_until(
        [&] {
            others.listen();
            return others.open().empty();
        },
        5));
    flood.listen();
    EXPECT_GE(flood.open()[community], 1800u) << "20 a second, and as many at once";
}

TEST(Ipv6, NodesMeetOnTheLoopback) {
    Node a({.name = "a", .settings = {"overlay.listen=[::1]:0"}});
    ASSERT_TRUE(a.start()) << a.log();
    Node b(
        {.name = "b",
         .settings = {"overlay.listen=[::1]:0", "overlay.bootstrap_peers=" + a.overlay_address()}});
    ASSERT_TRUE(b.start()) << b.log();
    const auto channel = create_channel(a, "over-loopback", "over-loopback");
    ASSERT_FALSE(channel.empty());
    const auto record =
        persist(a, "/api/v1/channels/" + channel + "/torrents", magnet_entry(1), "entry", 20)
            .body.value("record", "");
    EXPECT_TRUE(wait_until([&] { return records_of(b, channel).contains(record); }, 20));
}

// One knows IPv4 only, one IPv6 only: what they write meets in a node that speaks both, with as
// many sockets of each family as it has network workers.
TEST(Ipv6, ANodeOfBothFamiliesJoinsThem) {
    Node both(
        {.name = "both", .settings = {"overlay.listen_v6=[::1]:0", "workers.network.count=2"}});
    ASSERT_TRUE(both.start()) << both.log();
    Node four({.name = "four", .settings = {"overlay.bootstrap_peers=" + both.overlay_address()}});
    Node six({.name = "six",
              .settings = {"overlay.listen=[::1]:0",
                           "overlay.bootstrap_peers=" + both.overlay_v6_address()}});
    ASSERT_TRUE(four.start()) << four.log();
    ASSERT_TRUE(six.start()) << six.log();
    const auto channel = create_channel(four, "both-families", "both-families");
    ASSERT_FALSE(channel.empty());
    const auto record =
        persist(four, "/api/v1/channels/" + channel + "/torrents", magnet_entry(1), "entry", 20)
            .body.value("record", "");
    EXPECT_TRUE(wait_until([&] { return records_of(six, channel).contains(record); }, 30))
        << six.log();
}

}  // namespace
}  // namespace warren::test
