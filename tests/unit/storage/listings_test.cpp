// Channels of all slots in their orders.
#include "workers/storage/listings.h"

#include <gtest/gtest.h>

using namespace warren;

namespace {

shard::ListedChannel channel_row(std::uint8_t number, const std::string& name) {
    shard::ListedChannel out;
    out.id.bytes.fill(number);
    out.name = out.sort_key = name;
    return out;
}

constexpr std::int64_t now_ms = 1'800'000'000'000;

storage::ChannelQuestion question(std::size_t limit, const std::string& after = "") {
    return {.after = shard::channel_cursor_from(after), .limit = limit, .bytes = 10'000};
}

std::vector<std::string> names_of(const storage::ChannelPage& page) {
    std::vector<std::string> out;
    for (const auto& channel : page.channels)
        out.push_back(channel.name);
    return out;
}

}  // namespace

TEST(Listings, OneOrderOverAllSlotsInPages) {
    storage::Listings listings;
    listings.apply(1, {}, {{7, 1}, true, {channel_row(1, "d"), channel_row(2, "b")}, {}}, now_ms);
    listings.apply(2, {}, {{8, 1}, true, {channel_row(3, "a"), channel_row(4, "c")}, {}}, now_ms);
    auto first = listings.page(question(3));
    EXPECT_EQ(names_of(first), (std::vector<std::string>{"a", "b", "c"}));
    ASSERT_TRUE(first.more);
    auto rest = listings.page(question(3, first.next));
    EXPECT_EQ(names_of(rest), (std::vector<std::string>{"d"}));
    EXPECT_FALSE(rest.more);
    // A page is bounded in bytes, too, but never empty.
    EXPECT_EQ(listings.page({.limit = 3, .bytes = 1}).channels.size(), 1u);
}

TEST(Listings, ChangesReplaceAndAWholeLookTakesOut) {
    storage::Listings listings;
    listings.apply(1, {}, {{7, 1}, true, {channel_row(1, "old"), channel_row(2, "other")}, {}},
                   now_ms);
    listings.apply(1, {7, 1}, {{7, 2}, false, {channel_row(1, "new")}, {}}, now_ms);
    auto names = [&] { return names_of(listings.page(question(9))); };
    EXPECT_EQ(names(), (std::vector<std::string>{"new", "other"}));
    // Begun before the last: of two looks at once the second adds nothing.
    listings.apply(1, {7, 1}, {{7, 2}, false, {channel_row(1, "late")}, {}}, now_ms);
    EXPECT_EQ(names(), (std::vector<std::string>{"new", "other"}));
    listings.apply(1, {7, 2}, {{9, 3}, true, {channel_row(2, "other")}, {}}, now_ms);
    EXPECT_EQ(names(), (std::vector<std::string>{"other"}));
}

TEST(Listings, AChannelSpeaksForItselfBeforeTheDirectory) {
    storage::Listings listings;
    auto announced = channel_row(1, "as announced");
    announced.announced_only = true;
    listings.apply(0, {}, {{1, 1}, true, {}, {announced}}, now_ms);
    listings.apply(5, {}, {{2, 1}, true, {channel_row(1, "as it says")}, {}}, now_ms);
    auto names = [&] { return names_of(listings.page(question(9))); };
    EXPECT_EQ(names(), (std::vector<std::string>{"as it says"}));
    listings.apply(5, {2, 1}, {{3, 2}, true, {}, {}}, now_ms);
    EXPECT_EQ(names(), (std::vector<std::string>{"as announced"}));
    listings.apply(0, {1, 1}, {{4, 2}, true, {}, {}}, now_ms);
    EXPECT_TRUE(names().empty());
}

TEST(Listings, ByPopularityAndByChange) {
    constexpr std::int64_t day_ms = 86'400'000;
    storage::Listings listings;
    const auto directory = process::slot_of(protocol::directory_community());
    const auto row = [](std::uint8_t number, const std::string& name, std::int64_t updated_ms) {
        auto out = channel_row(number, name);
        out.updated_ms = updated_ms;
        return out;
    };
    const auto loved = row(1, "loved", now_ms - 30 * day_ms), fresh = row(2, "fresh", now_ms);
    const auto ahead = row(3, "ahead", now_ms + 900 * day_ms), old = row(4, "old", day_ms);
    listings.apply(1, {}, {{7, 1}, true, {loved, fresh, ahead, old}, {}}, now_ms);
    auto elsewhere = channel_row(5, "elsewhere");
    // Its vote came before its announcement.
    listings.apply(directory, {}, {{8, 1}, true, {}, {}, {{elsewhere.id, {20, 0, 0}}}}, now_ms);
    listings.apply(directory, {8, 1}, {{8, 2}, false, {}, {elsewhere}, {}}, now_ms);
    const auto names = [&](storage::ChannelOrder order) {
        return names_of(listings.page({.order = order, .limit = 9, .bytes = 10'000}));
    };
    using Names = std::vector<std::string>;
    using enum storage::ChannelOrder;
    // 20 votes beyond 90 days weigh 21 / 8, more than nothing said today.
    EXPECT_EQ(names(Popularity), (Names{"elsewhere", "fresh", "ahead", "loved", "old"}));
    listings.apply(directory, {8, 2}, {{8, 3}, false, {}, {}, {{loved.id, {9, 2, 5}}}}, now_ms);
    EXPECT_EQ(names(Popularity), (Names{"loved", "elsewhere", "fresh", "ahead", "old"}));
    EXPECT_EQ(names(Updated), (Names{"fresh", "ahead", "loved", "old", "elsewhere"}));
    EXPECT_EQ(names(Name), (Names{"ahead", "elsewhere", "fresh", "loved", "old"}));
    // The order is that of the number that is shown.
    auto all = listings.page({.order = Popularity, .limit = 9, .bytes = 10'000}).channels;
    EXPECT_EQ(all.front().standing, (shard::Standing{9, 2, 5}));
    EXPECT_NEAR(storage::popularity(all.front(), now_ms), 13 / 2.0, 1e-9);
    storage::ChannelQuestion only{.order = Popularity, .limit = 1, .bytes = 10'000};
    only.only = {loved.id, old.id};
    auto page = listings.page(only);
    EXPECT_EQ(names_of(page), Names{"loved"});
    ASSERT_TRUE(page.more);
    only.after = shard::channel_cursor_from(page.next);
    EXPECT_EQ(names_of(listings.page(only)), Names{"old"});
}
