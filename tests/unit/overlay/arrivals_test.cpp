// What is still to come of an answer, told from the parts that came; and fragments put together.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "protocol/overlay_arrivals.h"

namespace warren::protocol {
namespace {

RecordRef at(GlobalTime time) {
    RecordRef out{time, {}};
    out.id.bytes.fill(0x55);
    return out;
}
constexpr SyncRange whole{{10, {}}, {100, {}}};

bool lacks(const std::vector<SyncRange>& ranges, GlobalTime time) {
    return std::ranges::any_of(ranges, [&](const SyncRange& range) {
        return range.lower <= at(time) && at(time) < range.upper;
    });
}

struct ArrivalsTest : testing::Test {
    Arrivals arrivals;
    // Part `n` of the answer held records from `first` to `last`.
    void came(std::uint8_t n, GlobalTime first, GlobalTime last) {
        arrivals.add(n, n, at(first), at(last));
    }
};

TEST_F(ArrivalsTest, nothing_came_so_all_is_to_come) {
    EXPECT_EQ(arrivals.rest_of(whole), std::vector{whole});
    EXPECT_FALSE(arrivals.complete(0));
}

TEST_F(ArrivalsTest, all_parts_came) {
    arrivals.note_end(3, false);
    came(2, 60, 90);
    came(0, 12, 20);
    came(1, 30, 50);
    EXPECT_TRUE(arrivals.rest_of(whole).empty());
    EXPECT_TRUE(arrivals.complete(0b111));
}

TEST_F(ArrivalsTest, a_lost_part_leaves_the_gap_between_its_neighbours) {
    arrivals.note_end(3, false);
    came(0, 12, 20);
    came(2, 60, 90);
    const auto rest = arrivals.rest_of(whole);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_FALSE(arrivals.complete(0b101));
    for (const GlobalTime arrived : {12u, 20u, 60u, 90u, 95u})
        EXPECT_FALSE(lacks(rest, arrived)) << arrived;
    for (const GlobalTime lost : {21u, 40u, 59u})
        EXPECT_TRUE(lacks(rest, lost)) << lost;
}

TEST_F(ArrivalsTest, the_first_and_the_last_part_are_lost) {
    arrivals.note_end(3, false);
    came(1, 30, 50);
    const auto rest = arrivals.rest_of(whole);
    ASSERT_EQ(rest.size(), 2u);
    EXPECT_EQ(rest.front().lower, whole.lower);
    EXPECT_EQ(rest.back().upper, whole.upper);
    EXPECT_FALSE(lacks(rest, 30) || lacks(rest, 40) || lacks(rest, 50));
    EXPECT_TRUE(lacks(rest, 29) && lacks(rest, 51));
}

TEST_F(ArrivalsTest, behind_a_cut_answer_more_is_to_come) {
    arrivals.note_end(1, true);
    came(0, 12, 50);
    const auto rest = arrivals.rest_of(whole);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_FALSE(lacks(rest, 50));
    EXPECT_TRUE(lacks(rest, 51));
    EXPECT_EQ(rest.back().upper, whole.upper);
}

// Records of one time: the rest begins among them, and what came is not asked for again.
TEST_F(ArrivalsTest, bounds_are_short_and_lie_between_records_of_one_time) {
    arrivals.note_end(2, false);
    RecordRef high{40, {}};
    high.id.bytes.fill(0x90);
    arrivals.add(0, 0, at(12), at(40));
    const auto rest = arrivals.rest_of({{10, {}}, {40, high.id}});
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_GT(rest.front().lower, at(40));
    EXPECT_LT(rest.front().lower, high);
    EXPECT_LE(encode_selections({{rest.front(), {}, false, 4}}).size(), 50u);
    EXPECT_EQ(rest.front().lower.id.bytes[4], 0);
}

TEST(Without, what_lies_in_the_one_and_not_in_the_others) {
    const auto range = [](GlobalTime from, GlobalTime to) {
        return SyncRange{{from, {}}, {to, {}}};
    };
    EXPECT_EQ(without(range(10, 20), {}), std::vector{range(10, 20)});
    EXPECT_TRUE(without(range(10, 20), {range(15, 30), range(5, 15)}).empty());
    EXPECT_EQ(without(range(10, 20), {range(16, 18), range(12, 13)}),
              (std::vector{range(10, 12), range(13, 16), range(18, 20)}));
    EXPECT_EQ(without(range(10, 20), {range(20, 30), range(0, 10)}), std::vector{range(10, 20)});
}

// ---- fragments

struct AssemblyTest : testing::Test {
    Assembly assembly;
    SeededRandom random{5};
    MemberId from = random.id<MemberId>();
    Nanoseconds now = 0;
    std::vector<Bytes> pieces = {Bytes(1000, 1), Bytes(1000, 2), Bytes(500, 3)};

    std::optional<Bytes> add(std::uint8_t index, std::uint8_t total = 3) {
        return assembly.add(now, from, {at(1), index, total, pieces[index]});
    }
};

TEST_F(AssemblyTest, pieces_come_in_any_order_and_more_than_once) {
    EXPECT_FALSE(add(2));
    EXPECT_FALSE(add(0));
    EXPECT_FALSE(add(0));
    EXPECT_EQ(assembly.bytes(), 1500u);
    const auto out = add(1);
    ASSERT_TRUE(out);
    Bytes expected;
    for (const auto& piece : pieces)
        append(expected, piece);
    EXPECT_EQ(*out, expected);
    EXPECT_EQ(assembly.bytes(), 0u);
}

TEST_F(AssemblyTest, another_total_forgets_the_record) {
    EXPECT_FALSE(add(0));
    EXPECT_FALSE(add(1, 2));
    EXPECT_EQ(assembly.bytes(), 0u);
}

TEST_F(AssemblyTest, is_bounded_in_bytes_and_time) {
    for (std::uint64_t time = 1; time <= 10'000; ++time)
        assembly.add(now, from, {at(time), 0, 2, pieces[0]});
    EXPECT_LE(assembly.bytes(), 4u * 1024 * 1024);
    EXPECT_GE(assembly.bytes(), 4u * 1024 * 1024 - 1000);
    now += 31'000'000'000;
    EXPECT_FALSE(add(0));
    EXPECT_EQ(assembly.bytes(), 1000u);
}

}  // namespace
}  // namespace warren::protocol
