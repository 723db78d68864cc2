// Rates, duplicates and cookies.
#include "protocol/budgets.h"

#include <gtest/gtest.h>

namespace warren::protocol {
namespace {

constexpr Nanoseconds start = 1'000'000'000'000;

Endpoint address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return Endpoint::ipv4(a, b, c, d, 9000);
}

TEST(TokenBucket, gives_its_burst_and_then_its_rate) {
    TokenBucket bucket({10, 5});
    int taken = 0;
    for (int i = 0; i < 100; ++i)
        taken += bucket.take(start, 1) ? 1 : 0;
    EXPECT_EQ(taken, 5);
    EXPECT_FALSE(bucket.take(start + 50'000'000, 1));
    EXPECT_TRUE(bucket.take(start + 150'000'000, 1));
    bucket.charge(start + 150'000'000, 20);
    EXPECT_FALSE(bucket.positive(start + 1'000'000'000)) << "debt is paid back first";
    EXPECT_TRUE(bucket.positive(start + 3'000'000'000));
}

TEST(SourceBudget, bounds_address_net_and_region) {
    SeededRandom random(1);
    SourceBudget budget(random, 65'536);
    int one = 0, net = 0, region = 0;
    for (int i = 0; i < 100; ++i)
        one += budget.take(start, address(1, 2, 3, 4)) ? 1 : 0;
    EXPECT_EQ(one, 20);
    for (int i = 0; i < 1000; ++i)
        net += budget.take(start, address(5, 6, 7, static_cast<std::uint8_t>(i))) ? 1 : 0;
    EXPECT_EQ(net, 200);
    for (int i = 0; i < 5000; ++i) {
        auto high = static_cast<std::uint8_t>(i / 20);
        region += budget.take(start, address(8, 9, high, static_cast<std::uint8_t>(i))) ? 1 : 0;
    }
    EXPECT_LE(region, 1000);
    EXPECT_GT(region, 900);
    EXPECT_TRUE(budget.take(start, address(100, 1, 1, 1))) << "others are not touched";
    EXPECT_TRUE(budget.take(start + 1'000'000'000, address(1, 2, 3, 4)));
}

TEST(SourceBudget, an_ipv6_host_is_its_net_of_64_bits) {
    SeededRandom random(1);
    SourceBudget budget(random, 65'536);
    int taken = 0;
    for (std::uint8_t i = 0; i < 100; ++i) {
        auto source = *Endpoint::parse("[2001:db8:1:2::1]:9000");
        source.address[15] = i;
        taken += budget.take(start, source) ? 1 : 0;
    }
    EXPECT_EQ(taken, 20);
}

// R-U2: what a flood from everywhere drains is its own: a stranger's packets still pass.
TEST(SourceBudget, a_flood_of_spoofed_sources_leaves_others_their_packets) {
    SeededRandom random(2);
    SourceBudget budget(random, 65'536);
    auto honest = address(77, 1, 2, 3);
    int passed = 0, sent = 0;
    Nanoseconds now = start;
    for (int i = 0; i < 1'000'000; ++i, now += 100'000) {  // 10,000 a second, from 64 regions
        auto bits = random.next();
        budget.take(now, address(static_cast<std::uint8_t>(100 + bits % 8),
                                 static_cast<std::uint8_t>(bits >> 8 & 7),
                                 static_cast<std::uint8_t>(bits >> 16),
                                 static_cast<std::uint8_t>(bits >> 24)));
        if (i % 1000 != 0) continue;
        ++sent;
        passed += budget.take(now, honest) ? 1 : 0;
    }
    EXPECT_GE(passed, sent * 99 / 100) << "seed 2";
}

TEST(FlatSet, holds_what_was_put_in_and_nothing_else) {
    SeededRandom random(3);
    FlatSet set;
    std::vector<std::uint64_t> in;
    for (int i = 0; i < 5000; ++i)
        in.push_back(random.next());
    for (auto value : in)
        set.insert(value);
    EXPECT_EQ(set.size(), in.size());
    for (auto value : in)
        EXPECT_TRUE(set.contains(value));
    for (int i = 0; i < 5000; ++i)
        EXPECT_FALSE(set.contains(random.next()));
    set.clear();
    EXPECT_FALSE(set.contains(in.front()));
}

TEST(DuplicateFilter, remembers_for_a_while_and_stays_bounded) {
    SeededRandom random(1);
    DuplicateFilter filter(random, 1000);
    auto digest = filter.digest(view_of("a packet"));
    EXPECT_FALSE(filter.seen(start, digest));
    filter.insert(digest);
    EXPECT_TRUE(filter.seen(start, digest));
    EXPECT_NE(digest, filter.digest(view_of("b packet")));
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        filter.seen(start, 2 * i);
        filter.insert(2 * i);
    }
    EXPECT_LE(filter.size(), 2001U);
    filter.insert(digest);
    EXPECT_TRUE(filter.seen(start + 500'000'000'000, digest));
    filter.seen(start + 700'000'000'000, 1);
    EXPECT_FALSE(filter.seen(start + 1'400'000'000'000, digest));
}

TEST(Cookies, prove_one_address_for_two_lives_of_the_secret) {
    SeededRandom random(1);
    Cookies cookies(random);
    auto here = address(1, 2, 3, 4);
    auto cookie = cookies.make(start, here);
    EXPECT_TRUE(cookies.valid(start, here, cookie));
    auto other_port = here;
    other_port.port = 9001;
    EXPECT_FALSE(cookies.valid(start, other_port, cookie));
    EXPECT_FALSE(cookies.valid(start, address(1, 2, 3, 5), cookie));
    EXPECT_FALSE(cookies.valid(start, here, 0));
    EXPECT_FALSE(cookies.valid(start, here, cookie ^ 1));
    EXPECT_TRUE(cookies.valid(start + 130'000'000'000, here, cookie));
    EXPECT_FALSE(cookies.valid(start + 260'000'000'000, here, cookie));
}

// R-U8: what waits for others is bounded in all and by net.
TEST(WaitingRoom, four_mebibytes_in_all_and_64_kib_of_a_net) {
    WaitingRoom room;
    std::size_t of_net = 0;
    for (std::uint8_t host = 1; host < 200; ++host)
        if (room.enter(Endpoint::ipv4(20, 1, 1, host, 8000), 1000)) ++of_net;
    EXPECT_EQ(of_net, 65U);
    EXPECT_TRUE(room.enter(Endpoint::ipv4(20, 1, 2, 1, 8000), 1000)) << "another net";
    SeededRandom random(1);
    for (int i = 0; i < 1'000'000; ++i) {
        const auto bits = random.next();
        (void)room.enter(Endpoint::ipv4(static_cast<std::uint8_t>(20 + bits % 90),
                                        static_cast<std::uint8_t>(bits >> 8),
                                        static_cast<std::uint8_t>(bits >> 16), 1, 8000),
                         1000);
    }
    EXPECT_LE(room.bytes(), WaitingRoom::bytes_max);
    EXPECT_GT(room.bytes(), WaitingRoom::bytes_max - 1001);
}

TEST(WaitingRoom, who_leaves_makes_room) {
    WaitingRoom room;
    const auto at = Endpoint::ipv4(20, 1, 1, 1, 8000);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(room.enter(at, 60'000));
        EXPECT_FALSE(room.enter(at, 60'000));
        room.leave(at, 60'000);
    }
    EXPECT_EQ(room.bytes(), 0U);
}

}  // namespace
}  // namespace warren::protocol
