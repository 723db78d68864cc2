// Hostile and honest .torrent files and magnet links.
#include "workers/torrent/sources.h"

#include <gmock/gmock.h>

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/torrent_info.hpp>

#include "tests/unit/torrent/scratch.h"

namespace warren::torrent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Result<Source> parse(const std::string& text) {
    return parse_torrent(view_of(text));
}

std::string error_of(const std::string& text) {
    const auto source = parse(text);
    return source.ok() ? "accepted" : source.error().text;
}

std::string error_of_files(const std::string& files) {
    TorrentText torrent;
    torrent.files = "l" + files + "e";
    return error_of(torrent.text());
}

TEST(Sources, AnHonestFileIsAccepted) {
    TorrentText torrent;
    torrent.files = "l" + file_entry({"a"}) + file_entry({"b", "c"}) + "e";
    const auto source = parse(torrent.text());
    ASSERT_TRUE(source.ok()) << source.error().text;
    EXPECT_EQ(source->name, "name");
    EXPECT_EQ(source->size, 2u);
    ASSERT_EQ(source->files.size(), 2u);
    EXPECT_EQ(source->files[0].path, "name/a");
    EXPECT_EQ(source->files[1].path, "name/b/c");
    EXPECT_FALSE(source->infohash.is_zero());
    EXPECT_EQ(source->dropped, 0u);
}

TEST(Sources, WebSeedsAndStrangeTrackersAreTakenOut) {
    TorrentText torrent;
    torrent.outer_first =
        bencoded("announce-list") + "l" + "l" + bencoded("http://tracker.example/announce") + "e" +
        "l" + bencoded("wss://tracker.example/") + "e" + "l" + bencoded("file:///etc/passwd") +
        "e" + "l" + bencoded("udp://tracker.example:1/announce") + "e" + "e" +
        bencoded("httpseeds") + "l" + bencoded("http://127.0.0.1:9/seed") + "e";
    torrent.outer_last = bencoded("nodes") + "ll" + bencoded("127.0.0.1") + "i9eee" +
                         bencoded("url-list") + "l" + bencoded("http://127.0.0.1:9/web") + "e";
    const auto source = parse(torrent.text());
    ASSERT_TRUE(source.ok()) << source.error().text;
    const auto& params = *source->params;
    EXPECT_TRUE(params.url_seeds.empty());
    EXPECT_TRUE(params.http_seeds.empty());
    EXPECT_TRUE(params.dht_nodes.empty());
    EXPECT_TRUE(params.ti->web_seeds().empty());
    EXPECT_TRUE(params.ti->trackers().empty());
    EXPECT_THAT(params.trackers,
                ElementsAre("http://tracker.example/announce", "udp://tracker.example:1/announce"));
    EXPECT_GE(source->dropped, 4u);
}

TEST(Sources, NamesThatClimbAreRefused) {
    for (const std::string_view bad :
         {"..", ".", "a/b", "a\\b", "/etc/passwd", "../../etc/passwd", "a\nb", ""}) {
        EXPECT_NE(error_of_files(file_entry({bad})), "accepted") << bad;
        EXPECT_NE(error_of_files(file_entry({"x", bad})), "accepted") << bad;
        EXPECT_NE(error_of_files(file_entry({bad, "x"})), "accepted") << bad;
        TorrentText torrent;
        torrent.name = bad;
        EXPECT_NE(error_of(torrent.text()), "accepted") << bad;
    }
    EXPECT_THAT(error_of_files(file_entry({"..", "x"})), HasSubstr("a path contains '..'"));
    EXPECT_THAT(error_of_files(file_entry({std::string_view("a\0b", 3)})),
                HasSubstr("control character"));
}

TEST(Sources, LinksAndExecutablesAreRefused) {
    EXPECT_THAT(error_of_files(file_entry({"a"}, "l")), HasSubstr("symbolic link"));
    EXPECT_THAT(error_of_files(file_entry({"a"}, "hx")), HasSubstr("executable"));
    EXPECT_EQ(error_of_files(file_entry({"a"}, "h")), "accepted");
}

TEST(Sources, BoundsAreNamed) {
    std::string files;
    for (std::size_t i = 0; i <= files_max; ++i)
        files += file_entry({"f" + std::to_string(i)});
    EXPECT_THAT(error_of_files(files), HasSubstr("more than 20000 files"));
    EXPECT_THAT(error_of_files(file_entry({std::string(241, 'a')})),
                HasSubstr("more than 240 bytes"));
    EXPECT_THAT(error_of_files(file_entry({"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
                                           "12", "13", "14", "15", "16"})),
                HasSubstr("more than 16 levels"));
    EXPECT_THAT(error_of(std::string(torrent_bytes_max + 1, 'd')), HasSubstr("at most 4194304"));
    // More pieces than fit: the string alone is over 4 MiB at 20 bytes each, so the file is too.
    TorrentText torrent;
    torrent.pieces = std::string((static_cast<std::size_t>(pieces_max) + 1) * 20, 'p');
    EXPECT_THAT(error_of(torrent.text()), HasSubstr("at most 4194304"));
    TorrentText deep;
    deep.info_extra = bencoded("x") + std::string(60, 'l') + std::string(60, 'e');
    EXPECT_THAT(error_of(deep.text()), HasSubstr("deeper than 50"));
    TorrentText wide;
    wide.info_extra = bencoded("x") + "l";
    for (int i = 0; i < 260'000; ++i)
        wide.info_extra += "i1e";
    wide.info_extra += "e";
    EXPECT_THAT(error_of(wide.text()), HasSubstr("more than 250000 items"));
}

TEST(Sources, WhatIsNoTorrentIsSaidToBeNone) {
    for (const std::string text :
         {"", "x", "de", "le", "i1e", "d4:infoi1ee", "d4:infodee", "<html>not found</html>"})
        EXPECT_THAT(error_of(text), HasSubstr("torrent:")) << text;
    EXPECT_THAT(error_of("d3:fooi1ee"), HasSubstr("no info dictionary"));
    const auto good = TorrentText{}.text();
    for (std::size_t cut = 0; cut < good.size(); ++cut)
        EXPECT_NE(error_of(good.substr(0, cut)), "accepted") << cut;
}

TEST(Sources, MagnetsKeepTheirTrackersAndLoseTheRest) {
    const std::string hash = "0123456789abcdef0123456789abcdef01234567";
    const auto source =
        parse_magnet("magnet:?xt=urn:btih:" + hash +
                     "&dn=A%20name&tr=http%3A%2F%2Ft.example%2Fannounce"
                     "&tr=ftp%3A%2F%2Ft.example%2F&ws=http%3A%2F%2F127.0.0.1%3A9%2Fx"
                     "&x.pe=127.0.0.1%3A6881&so=0");
    ASSERT_TRUE(source.ok()) << source.error().text;
    EXPECT_EQ(source->infohash.hex(), hash);
    EXPECT_EQ(source->name, "A name");
    EXPECT_FALSE(source->has_metadata);
    EXPECT_TRUE(source->params->url_seeds.empty());
    EXPECT_TRUE(source->params->peers.empty());
    EXPECT_THAT(source->params->trackers, ElementsAre("http://t.example/announce"));
    EXPECT_THAT(source->magnet, Not(HasSubstr("127.0.0.1")));
    const auto again = parse_magnet(source->magnet);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->infohash, source->infohash);
}

TEST(Sources, BadMagnetsAreRefused) {
    for (const std::string link :
         {"", "magnet:", "magnet:?", "magnet:?dn=x", "http://example/x", "magnet:?xt=urn:btih:12",
          "magnet:?xt=urn:btih:zz23456789abcdef0123456789abcdef01234567"}) {
        const auto source = parse_magnet(link);
        ASSERT_FALSE(source.ok()) << link;
        EXPECT_THAT(source.error().text, HasSubstr("magnet:"));
    }
    EXPECT_FALSE(parse_magnet("magnet:?" + std::string(magnet_bytes_max, 'x')).ok());
}

TEST(Sources, ABareInfohashBecomesAMagnet) {
    const auto infohash = *Infohash::from_hex_text("0123456789abcdef0123456789abcdef01234567");
    const auto source = bare_source(infohash, "x\xff");
    EXPECT_EQ(source.name, infohash.hex());  // not UTF-8
    const auto again = parse_magnet(source.magnet);
    ASSERT_TRUE(again.ok()) << again.error().text;
    EXPECT_EQ(again->infohash, infohash);
    EXPECT_EQ(bare_source(infohash, "pictures").name, "pictures");
}

TEST(Sources, ResumeDataOfAnotherTorrentIsRefused) {
    const auto source = parse(TorrentText{}.text());
    ASSERT_TRUE(source.ok());
    EXPECT_FALSE(with_resume(*source, view_of("nonsense")).ok());
    const std::string other = "d11:file-format22:libtorrent resume file12:file-versioni1e"
                              "9:info-hash20:aaaaaaaaaaaaaaaaaaaae";
    const auto resumed = with_resume(*source, view_of(other));
    ASSERT_FALSE(resumed.ok());
    EXPECT_THAT(resumed.error().text, HasSubstr("another torrent"));
}

}  // namespace
}  // namespace warren::torrent
