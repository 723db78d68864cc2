// The table of downloads and where a download goes.
#include "workers/torrent/downloads.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

namespace warren::torrent {
namespace {

Infohash numbered(std::uint8_t n) {
    Infohash out;
    out.bytes.fill(n);
    return out;
}

Download running(std::uint8_t n, State state, std::uint32_t peers, std::uint64_t done) {
    Download out;
    out.infohash = numbered(n);
    out.path = "name" + std::to_string(n);
    out.in_session = true;
    out.progress.state = state;
    out.progress.peers = peers;
    out.progress.done = done;
    return out;
}

TEST(Downloads, WantedAreThoseThatRunAndAreUnfinishedOrAlone) {
    Downloads table;
    table.insert(running(1, State::Downloading, 5, 10));
    table.insert(running(2, State::Seeding, 0, 10));
    table.insert(running(3, State::Seeding, 1, 10));
    table.insert(running(4, State::Downloading, 0, 0)).paused = true;
    table.insert(running(5, State::Failed, 0, 10));
    table.insert(running(6, State::FetchingMetadata, 0, 0));
    EXPECT_THAT(table.wanted(), testing::ElementsAre(numbered(1), numbered(2), numbered(6)));
}

TEST(Downloads, SwarmsAreToldWhileActiveAndNotTooOften) {
    Downloads table;
    table.insert(running(1, State::Downloading, 5, 10)).progress.swarm = {7, 2};
    table.insert(running(2, State::Seeding, 0, 10)).progress.swarm = {1, 0};
    table.insert(running(3, State::Downloading, 0, 0));  // nobody told yet
    table.insert(running(4, State::Failed, 0, 10)).progress.swarm = {3, 3};
    auto& paused = table.insert(running(5, State::Downloading, 0, 0));
    paused.progress.swarm = {3, 3};
    paused.paused = true;
    const auto first = table.take_health(100_s);
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].infohash, numbered(1));
    EXPECT_EQ(first[0].seeders, 7u);
    EXPECT_EQ(first[0].leechers, 2u);
    EXPECT_TRUE(table.take_health(129_s).empty());
    EXPECT_EQ(table.take_health(130_s).size(), 2u);
}

TEST(Downloads, SwarmsAreToldInMessagesOfBoundedSize) {
    Downloads table;
    for (std::size_t i = 0; i < Downloads::health_max + 20; ++i) {
        auto download = running(1, State::Seeding, 0, 10);
        download.infohash.bytes[0] = static_cast<std::uint8_t>(i % 256);
        download.infohash.bytes[1] = static_cast<std::uint8_t>(i / 256);
        download.progress.swarm = {1, 0};
        table.insert(download);
    }
    EXPECT_EQ(table.take_health(100_s).size(), Downloads::health_max);
    EXPECT_EQ(table.take_health(101_s).size(), 20u);
    EXPECT_TRUE(table.take_health(102_s).empty());
}

TEST(Downloads, WeOfferOnlyWhatWeCanGive) {
    Downloads table;
    table.insert(running(1, State::Downloading, 0, 10));
    table.insert(running(2, State::Downloading, 0, 0));
    table.insert(running(3, State::Seeding, 0, 10)).paused = true;
    table.insert(running(4, State::Seeding, 0, 10)).in_session = false;
    table.insert(running(5, State::FetchingMetadata, 0, 0)).path.clear();
    EXPECT_TRUE(table.has_pieces(numbered(1)));
    for (std::uint8_t n = 2; n <= 6; ++n)
        EXPECT_FALSE(table.has_pieces(numbered(n))) << int{n};
}

TEST(Downloads, ATakenNameGetsTheHeadOfTheInfohash) {
    const auto infohash = numbered(0xab);
    std::set<std::string> there;
    const auto taken = [&](const std::string& name) { return there.contains(name); };
    EXPECT_EQ(choose_path("film", infohash, taken), "film");
    there.insert("film");
    EXPECT_EQ(choose_path("film", infohash, taken), "film.abababab/film");
    there.insert("film.abababab");
    EXPECT_EQ(choose_path("film", infohash, taken), std::nullopt);
}

TEST(Downloads, PathsOfOthersAreInUse) {
    Downloads table;
    table.insert(running(1, State::Downloading, 0, 0)).path = "film.abababab/film";
    EXPECT_TRUE(table.path_in_use(Root::Download, "film.abababab", numbered(2)));
    EXPECT_FALSE(table.path_in_use(Root::Download, "film.abababab", numbered(1)));
    EXPECT_FALSE(table.path_in_use(Root::Share, "film.abababab", numbered(2)));
    EXPECT_FALSE(table.path_in_use(Root::Download, "film", numbered(2)));
}

TEST(Downloads, PeersAreRememberedOnceAndBounded) {
    Download download;
    for (std::uint16_t port = 1; port <= 100; ++port)
        Downloads::remember_peers(download, {Endpoint::ipv4(127, 0, 0, 1, port)});
    Downloads::remember_peers(download, {Endpoint::ipv4(127, 0, 0, 1, 90)});
    EXPECT_EQ(download.peers.size(), Downloads::peers_max);
    EXPECT_EQ(download.peers.back().port, 90);
    EXPECT_EQ(
        std::count(download.peers.begin(), download.peers.end(), Endpoint::ipv4(127, 0, 0, 1, 90)),
        1);
}

}  // namespace
}  // namespace warren::torrent
