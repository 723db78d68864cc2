// The main job on three real nodes: A publishes, B knows only A's address, C comes late and knows
// only B.
#include <gtest/gtest.h>

#include "tests/support/journey.h"

namespace warren::test {
namespace {

TEST(Journey, ThreeNodesPublishFindSyncAndDownload) {
    Node a({.name = "a"});
    make_content(a.share() / "Field Recordings of Larks", 1, 3 << 20);
    ASSERT_TRUE(a.start()) << a.log();
    const auto channel = create_channel(a, "Birdsong", "channel-1");
    ASSERT_FALSE(channel.empty());
    const auto published = publish_folder(a, channel, "Field Recordings of Larks", "publish-1");
    ASSERT_FALSE(published.infohash.empty());

    Node b({.name = "b", .settings = {"overlay.bootstrap_peers=" + a.overlay_address()}});
    ASSERT_TRUE(b.start()) << b.log();
    ASSERT_EQ(find(b, "larks recordings"), published.infohash);
    ASSERT_TRUE(download(b, published.infohash, "Field Recordings of Larks"));
    EXPECT_TRUE(same_tree(a.share() / "Field Recordings of Larks",
                          b.downloads() / "Field Recordings of Larks"));

    // C's only way to the content is B: A is gone by the time C comes.
    a.stop();
    Node c({.name = "c", .settings = {"overlay.bootstrap_peers=" + b.overlay_address()}});
    ASSERT_TRUE(c.start()) << c.log();
    ASSERT_EQ(find(c, "field larks"), published.infohash);
    ASSERT_TRUE(download(c, published.infohash, "Field Recordings of Larks"));
    EXPECT_TRUE(same_tree(b.downloads() / "Field Recordings of Larks",
                          c.downloads() / "Field Recordings of Larks"));
}

TEST(Journey, WhatIsPublishedWhileConnectedIsPushed) {
    Node a({.name = "a"});
    ASSERT_TRUE(a.start()) << a.log();
    Node b({.name = "b", .settings = {"overlay.bootstrap_peers=" + a.overlay_address()}});
    ASSERT_TRUE(b.start()) << b.log();
    const auto channel = create_channel(a, "Live", "channel-live");
    ASSERT_FALSE(channel.empty());
    for (int i = 0; i < 3; ++i) {
        const auto name = "Episode " + std::to_string(i);
        make_content(a.share() / name, static_cast<std::uint64_t>(i), 100'000);
        const auto published = publish_folder(a, channel, name, "episode-" + std::to_string(i));
        ASSERT_FALSE(published.infohash.empty());
        EXPECT_EQ(find(b, "episode " + std::to_string(i)), published.infohash);
    }
}

TEST(Journey, ARestartKeepsEverything) {
    Node a({.name = "a"});
    make_content(a.share() / "Kept", 5, 200'000);
    ASSERT_TRUE(a.start()) << a.log();
    const auto channel = create_channel(a, "Kept channel", "kept-1");
    const auto published = publish_folder(a, channel, "Kept", "kept-2");
    ASSERT_FALSE(published.infohash.empty());
    a.stop();
    ASSERT_TRUE(a.start()) << a.log();
    EXPECT_EQ(find(a, "kept"), published.infohash);
    EXPECT_EQ(a.get("/api/v1/channels/" + channel).status, 200);
    EXPECT_TRUE(wait_until(
        [&] {
            const auto all = a.get("/api/v1/downloads/" + published.infohash);
            return all.status == 200 && all.body["state"] == "seeding";
        },
        20));
}

}  // namespace
}  // namespace warren::test
