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
    ASSERT_EQ(all->rows.size(), 2u);
    EXPECT_FALSE(all->more);
    const bool in_order = download(1).infohash < download(2).infohash;
    const auto& first = all->rows[in_order ? 0 : 1];
    EXPECT_EQ(first.name, "other");
    EXPECT_EQ(first.resume, (Bytes{1, 2, 3}));
    EXPECT_EQ(first.torrent, Bytes(100, 7));
    EXPECT_EQ(all->rows[in_order ? 1 : 0].name, "n2");
    EXPECT_EQ(**(*node)->fact("x"), Bytes{9});
    EXPECT_FALSE((*node)->fact("y")->has_value());
    ASSERT_OK((*node)->forget_download(download(1).infohash));
    EXPECT_EQ((*node)->downloads()->rows.size(), 1u);
}

TEST(NodeShard, AnOlderEpochNeitherOpensNorWrites) {
    TempFolder folder;
    auto old_one = NodeShard::open(folder.file("node"), {0, 3});
    ASSERT_OK(old_one);
    ASSERT_OK(NodeShard::open(folder.file("node"), {0, 4}));
    EXPECT_EQ((*old_one)->put_fact("x", Bytes{1}).error().kind, ErrorKind::Refused);
    EXPECT_FALSE(NodeShard::open(folder.file("node"), {0, 3}).ok());
}

TEST(NodeShard, ListsDownloadsByThePage) {
    TempFolder folder;
    auto node = NodeShard::open(folder.file("node"), {0, 1});
    ASSERT_OK(node);
    for (std::uint64_t n = 1; n <= 450; ++n)
        ASSERT_OK((*node)->put_download(download(n)));
    std::vector<Infohash> seen;
    for (bool more = true; more;) {
        auto page = (*node)->downloads(seen.empty() ? Infohash{} : seen.back());
        ASSERT_OK(page);
        ASSERT_FALSE(page->rows.empty());
        ASSERT_LE(page->rows.size(), DownloadPage::rows_max);
        for (const auto& row : page->rows)
            seen.push_back(row.infohash);
        more = page->more;
    }
    EXPECT_EQ(seen.size(), 450u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

TEST(NodeShard, TheLargestTorrentAndItsResumeDataFit) {
    TempFolder folder;
    auto node = NodeShard::open(folder.file("node"), {0, 1});
    ASSERT_OK(node);
    auto large = download(1);
    large.torrent = Bytes(4u << 20, 5);
    ASSERT_OK((*node)->put_download(large));
    ASSERT_OK((*node)->put_resume(large.infohash, Bytes(4u << 20, 6), false));
    ASSERT_OK((*node)->put_download(download(2)));
    auto page = (*node)->downloads(large.infohash < download(2).infohash ? Infohash{}
                                                                         : download(2).infohash);
    ASSERT_OK(page);
    ASSERT_EQ(page->rows.size(), 1u);  // a page ends where it has become large
    EXPECT_EQ(page->rows[0].torrent, large.torrent);
    EXPECT_EQ(page->rows[0].resume, Bytes(4u << 20, 6));
    large.torrent.push_back(5);
    EXPECT_EQ((*node)->put_download(large).error().kind, ErrorKind::BadInput);
    ASSERT_OK((*node)->put_download(download(3)));  // the file lives on
}
