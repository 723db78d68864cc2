// Downloads and facts survive; older workers are refused.
#include "storage-shard/node_shard.h"

#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

StoredDownload download(std::uint64_t n) {
    StoredDownload out;
    out.infohash = SeededRandom(n).id<Infohash>();
    out.name = "n" + std::to_string(n);
    out.path = "/path";
    out.root = "root";
    out.added_ms = static_cast<std::int64_t>(n);
    out.torrent = Bytes(100, 7);
    return out;
}

}  // namespace

TEST(NodeShard, KeepsDownloads) {
    TempFolder folder;
    auto node = NodeShard::open(folder.file("node"), {0, 1});
    ASSERT_OK(node);
    EXPECT_EQ(*(*node)->put_download(download(2)), Put::Created);
    EXPECT_EQ(*(*node)->put_download(download(1)), Put::Created);
    ASSERT_OK((*node)->put_resume(download(1).infohash, Bytes{1, 2, 3}, true));
    EXPECT_EQ((*node)->put_resume(download(9).infohash, Bytes{1}, true).error().kind,
              ErrorKind::NotFound);
    auto changed = download(1);
    changed.name = "other";
    changed.torrent.clear();
    EXPECT_EQ(*(*node)->put_download(changed), Put::Updated);
    ASSERT_OK((*node)->put_fact("x", Bytes{9}));
    node->reset();
    node = NodeShard::open(folder.file("node"), {0, 2}, Check::Quick);
    ASSERT_OK(node);
    auto all = (*node)->downloads();
    ASSERT_OK(all);
    ASSERT_EQ(all->size(), 2u);
    EXPECT_EQ((*all)[0].name, "other");
    EXPECT_EQ((*all)[0].resume, (Bytes{1, 2, 3}));
    EXPECT_EQ((*all)[0].torrent, Bytes(100, 7));
    EXPECT_EQ((*all)[1].name, "n2");
    EXPECT_EQ(**(*node)->fact("x"), Bytes{9});
    EXPECT_FALSE((*node)->fact("y")->has_value());
    ASSERT_OK((*node)->forget_download(download(1).infohash));
    EXPECT_EQ((*node)->downloads()->size(), 1u);
}

TEST(NodeShard, AnOlderEpochNeitherOpensNorWrites) {
    TempFolder folder;
    auto old_one = NodeShard::open(folder.file("node"), {0, 3});
    ASSERT_OK(old_one);
    ASSERT_OK(NodeShard::open(folder.file("node"), {0, 4}));
    EXPECT_EQ((*old_one)->put_fact("x", Bytes{1}).error().kind, ErrorKind::Refused);
    EXPECT_FALSE(NodeShard::open(folder.file("node"), {0, 3}).ok());
}
