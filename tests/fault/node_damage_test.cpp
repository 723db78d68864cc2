// F-12 for the node's own file: whichever page is damaged, the downloads of all others are there
// after a rebuild, as they were added.
#include <fstream>
#include <map>

#include "storage-shard/node_shard.h"
#include "storage-shard/rebuild.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

constexpr std::size_t page_bytes = 4096;

class NodeDamageTest : public ::testing::Test {
protected:
    NodeDamageTest() {
        auto node = NodeShard::open(path(), {});
        EXPECT_OK(node);
        SeededRandom random(1);
        for (int i = 0; i < 40; ++i) {
            StoredDownload download;
            download.infohash = random.id<Infohash>();
            download.name = "download " + std::to_string(i);
            download.path = "films";
            download.paused = i % 3 == 0;
            download.added_ms = 1'700'000'000'000 + i;
            download.torrent.resize(i % 8 == 0 ? 70'000 : 200);  // some overflow their page
            random.fill(download.torrent);
            EXPECT_OK((*node)->put_download(download));
            EXPECT_OK((*node)->put_resume(download.infohash, Bytes(300, 7), download.paused));
            all_[download.infohash] = download;
        }
        EXPECT_OK((*node)->put_fact("fact", Bytes{1, 2, 3}));
        EXPECT_OK((*node)->checkpoint_for_close());
        node->reset();
        whole_ = read_file(path());
    }
    std::string path() const { return folder_.file("node"); }

    // How many downloads the file holds; each is one that was put.
    std::size_t held() {
        auto node = NodeShard::open(path(), {1, 0});
        EXPECT_OK(node);
        if (!node) return 0;
        std::size_t out = 0;
        Infohash after;
        for (bool more = true; more;) {
            auto page = (*node)->downloads(after);
            EXPECT_OK(page);
            if (!page) return out;
            for (const auto& row : page->rows) {
                auto known = all_.find(row.infohash);
                EXPECT_NE(known, all_.end());
                if (known == all_.end()) continue;
                EXPECT_EQ(row.name, known->second.name);
                EXPECT_EQ(row.paused, known->second.paused);
                EXPECT_EQ(row.added_ms, known->second.added_ms);
                EXPECT_TRUE(row.resume.empty()) << "what nothing proves is asked for again";
                ++out;
            }
            more = page->more && !page->rows.empty();
            if (more) after = page->rows.back().infohash;
        }
        return out;
    }

    TempFolder folder_;
    std::map<Infohash, StoredDownload> all_;
    Bytes whole_;
};

}  // namespace

TEST_F(NodeDamageTest, EachPageInTurn) {
    const auto pages = whole_.size() / page_bytes;
    ASSERT_GT(pages, 20u);
    std::size_t most_lost = 0;
    for (std::size_t page = 0; page < pages; ++page) {
        auto file = whole_;
        std::fill_n(file.data() + page * page_bytes, page_bytes, std::uint8_t{0});
        remove_database(path());
        write_file(path(), file);
        auto rebuilt = rebuild_node(path());
        ASSERT_OK(rebuilt);
        EXPECT_EQ(read_file(rebuilt->set_aside), file);
        std::filesystem::remove(rebuilt->set_aside);
        const auto count = held();
        EXPECT_EQ(count, rebuilt->records);
        EXPECT_GE(count, all_.size() - 8) << "page " << page;
        most_lost = std::max(most_lost, all_.size() - count);
    }
    EXPECT_GT(most_lost, 0u) << "no page held a download?";
}

TEST_F(NodeDamageTest, WhatCannotBeOpenedIsReadFromItsPages) {
    auto file = whole_;
    std::fill_n(file.data(), page_bytes, std::uint8_t{0xee});
    write_file(path(), file);
    auto opened = NodeShard::open(path(), {1, 0});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().kind, ErrorKind::Damaged);
    ASSERT_OK(rebuild_node(path()));
    EXPECT_EQ(held(), all_.size());
    auto node = NodeShard::open(path(), {2, 0});
    ASSERT_OK(node);
    EXPECT_EQ((*node)->fact("fact")->value(), (Bytes{1, 2, 3}));
}
