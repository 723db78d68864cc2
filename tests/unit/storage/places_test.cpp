// How many files are open, whose turn it is to open one, and what memory all of them have.
#include <sqlite3.h>

#include <numeric>

#include "tests/unit/storage/storage_fixture.h"

using namespace warren;
using namespace warren::test;
using storage::Priority;

namespace {

CommunityId numbered(std::size_t number) {
    return SeededRandom(1000 + number).id<CommunityId>();
}

class PlacesTest : public ::testing::Test {
protected:
    void make(std::size_t files, std::size_t open_max) {
        ASSERT_OK(layout.prepare());
        for (std::size_t i = 0; i < files; ++i)
            ASSERT_OK(layout.join(numbered(i), std::nullopt));
        storage::Shards::Limits limits{open_max, 64 << 20, 64};
        shards = std::make_unique<storage::Shards>(io, executor, metrics, layout, limits);
        shards->set_epoch({1, 1});
    }
    ~PlacesTest() override {
        if (!shards) return;
        for (const auto& shard : shards->all())
            pipe::spawn(io, shards->close(shard));
        io.restart();
        io.run();
    }
    // How many handlers of the loop ran until then.
    std::size_t run_until(const std::function<bool()>& done) {
        std::size_t handlers = 0;
        const auto deadline = monotonic_now() + 20_s;
        while (!done() && monotonic_now() < deadline) {
            io.restart();
            handlers += io.run_one_for(std::chrono::milliseconds(50));
        }
        EXPECT_TRUE(done());
        return handlers;
    }
    pipe::Task<void> open(std::size_t number, Priority asker) {
        auto use = shards->use(numbered(number));
        auto opened = co_await shards->ensure_open(use, monotonic_now() + 20_s, asker);
        EXPECT_OK(opened);
        order.push_back(number);
    }
    // Is always in use.
    pipe::Task<void> keep_busy(std::size_t first, std::size_t files, const bool& until) {
        for (std::size_t i = 0; !until; ++i)
            co_await open((first + i) % files, Priority::Interactive);
    }

    TempFolder folder;
    pipe::asio::io_context io{1};
    pipe::Metrics metrics;
    storage::Layout layout{folder.path()};
    storage::Executor executor{io, metrics, {2, 8, 2}};
    std::unique_ptr<storage::Shards> shards;
    std::vector<std::size_t> order;
};

}  // namespace

// Of all that wait one is woken for each place: the loop's work grows with their number, not with
// its square.
TEST_F(PlacesTest, AreGivenInOrderOfAskingAndWakeNobodyElse) {
    constexpr std::size_t files = 40;
    make(files, 1);
    auto first = std::make_unique<storage::ShardUse>(shards->use(numbered(0)));
    pipe::spawn(io, open(0, Priority::Bulk));
    run_until([&] { return order.size() == 1; });
    for (std::size_t i = 1; i < files; ++i)
        pipe::spawn(io, open(i, Priority::Bulk));
    run_until([&] {
        return metrics.gauge("storage_open_shards") == 1 && order.size() == 1 &&
               first->share()->users == 1;
    });
    for (int i = 0; i < 500; ++i)  // all of them ask, and wait
        (void)io.poll_one();
    EXPECT_EQ(order.size(), 1u);
    first.reset();
    const auto handlers = run_until([&] { return order.size() == files; });
    std::vector<std::size_t> expected(files);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected);
    EXPECT_LT(handlers, 30 * files) << "waking all each time makes " << files * files;
}

TEST_F(PlacesTest, WhoeverWaitsLongIsNotPassedByForEver) {
    make(8, 2);
    bool done = false;
    for (std::size_t i = 0; i < 6; ++i)
        pipe::spawn(io, keep_busy(i, 6, done));
    run_until([&] { return order.size() > 20; });
    order.clear();
    pipe::spawn(io, open(7, Priority::Bulk));
    run_until([&] { return std::ranges::find(order, 7u) != order.end(); });
    EXPECT_LE(metrics.gauge("storage_open_shards"), 3) << "people may have half as many more";
    done = true;
    const auto calls = [&] {
        std::size_t users = 0;
        for (const auto& shard : shards->all())
            users += shard->users;
        return users;
    };
    run_until([&] { return calls() == 0; });
}

TEST_F(PlacesTest, ACallThatGivesUpLeavesTheLine) {
    make(3, 1);
    auto first = std::make_unique<storage::ShardUse>(shards->use(numbered(0)));
    pipe::spawn(io, open(0, Priority::Bulk));
    run_until([&] { return order.size() == 1; });
    bool gave_up = false;
    auto impatient = [](storage::Shards& all, bool& out) -> pipe::Task<void> {
        auto use = all.use(numbered(1));
        auto opened = co_await all.ensure_open(use, monotonic_now() + 50_ms, Priority::Bulk);
        out = !opened && opened.error().kind == ErrorKind::Expired;
    };
    pipe::spawn(io, impatient(*shards, gave_up));
    pipe::spawn(io, open(2, Priority::Bulk));
    run_until([&] { return gave_up; });
    first.reset();
    run_until([&] { return order.size() == 2; });
    EXPECT_EQ(order.back(), 2u);
}

namespace {

class MemoryTest : public StorageTest {
protected:
    // Files that are each larger than any share of the memory, written and read to their ends. What
    // SQLite held at most.
    std::int64_t use_files(std::size_t count, const std::string& page_cache_mib) {
        constexpr std::size_t records = 300;
        const std::vector<std::string> long_list(4, std::string(1000, 'x'));
        start({{"storage.page_cache_mib", page_cache_mib}, {"storage.open_shards_max", "16"}});
        std::int64_t most = 0;
        for (std::size_t i = 0; i < count; ++i) {
            TestChannel channel(other, ++channels);
            EXPECT_TRUE(reply_of<S::Done>(join(channel.community())));
            std::vector<Bytes> packets{channel.genesis("large")};
            for (std::size_t k = 1; k < records; ++k)
                packets.push_back(channel.torrent("x" + std::to_string(k), long_list));
            for (std::size_t at = 0; at < records; at += 50) {
                const auto first = packets.begin() + static_cast<std::ptrdiff_t>(at);
                store(channel.community(), {first, first + 50});
            }
            EXPECT_EQ(contents(channel.community()).size(), 100u);
            most = std::max<std::int64_t>(most, sqlite3_memory_used());
        }
        EXPECT_GE(node->host().metrics().gauge("storage_open_shards"), 16);
        return most;
    }
    std::uint64_t channels = 500;
};

}  // namespace

// Pages of all files that are open stay within the setting, whatever is beside them; the same work
// with a large setting is the control.
TEST_F(MemoryTest, PagesOfAllFilesStayWithinTheSetting) {
    constexpr std::int64_t mib = 1 << 20, connection = 128 * 1024;  // its statements and buffers
    constexpr std::int64_t connections = 2 * (16 + 8) + 2 * 24;
    constexpr auto bound = 8 * mib + connections * connection;
    const auto small = use_files(24, "8"), large = use_files(24, "1024");
    std::cerr << "KiB held: " << small / 1024 << ", with a large setting " << large / 1024 << "\n";
    EXPECT_LT(small, bound);
    EXPECT_GT(large, bound);
}
