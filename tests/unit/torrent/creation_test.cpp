// Torrents of real directories; what leads out of the share root is refused.
#include "workers/torrent/creation.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/torrent/scratch.h"
#include "workers/torrent/sources.h"

namespace warren::torrent {
namespace {

using ::testing::HasSubstr;

std::string error_of(const Scratch& scratch, std::string_view path) {
    const auto made = create_torrent(scratch.path("share"), path);
    return made.ok() ? "accepted" : made.error().text;
}

TEST(Creation, ADirectoryBecomesATorrent) {
    Scratch scratch;
    scratch.write("share/music/b/two.txt", std::string(100'000, 'b'));
    scratch.write("share/music/a.txt", "first");
    scratch.write("share/music/empty", "");
    const auto made = create_torrent(scratch.path("share"), "music");
    ASSERT_TRUE(made.ok()) << made.error().text;
    EXPECT_EQ(made->path, "music");
    const auto source = parse_torrent(made->torrent);
    ASSERT_TRUE(source.ok()) << source.error().text;
    EXPECT_EQ(source->name, "music");
    EXPECT_EQ(source->size, 100'005u);
    ASSERT_EQ(source->files.size(), 3u);
    EXPECT_EQ(source->files[0].path, "music/a.txt");
    EXPECT_EQ(source->files[1].path, "music/b/two.txt");
    const auto again = create_torrent(scratch.path("share"), scratch.path("share/music/"));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->torrent, made->torrent);
}

TEST(Creation, AFileDeepBelowBecomesATorrentOfItsOwnName) {
    Scratch scratch;
    scratch.write("share/x/y/z.bin", "bytes");
    const auto made = create_torrent(scratch.path("share"), "./x//y/z.bin");
    ASSERT_TRUE(made.ok()) << made.error().text;
    EXPECT_EQ(made->path, "x/y/z.bin");
    const auto source = parse_torrent(made->torrent);
    ASSERT_TRUE(source.ok());
    EXPECT_EQ(source->name, "z.bin");
    EXPECT_EQ(source->files.size(), 1u);
}

TEST(Creation, LinksAreRefused) {
    Scratch scratch;
    scratch.write("secret", "not shared");
    scratch.write("share/dir/plain", "x");
    std::filesystem::create_symlink(scratch.path("secret"), scratch.path("share/dir/link"));
    std::filesystem::create_directory_symlink(scratch.path("share/dir"), scratch.path("share/way"));
    EXPECT_THAT(error_of(scratch, "dir"), HasSubstr("symbolic link"));
    EXPECT_THAT(error_of(scratch, "dir/link"), HasSubstr("symbolic link"));
    EXPECT_THAT(error_of(scratch, "way/plain"), HasSubstr("symbolic link"));
    EXPECT_EQ(error_of(scratch, "dir/plain"), "accepted");
}

TEST(Creation, WhatIsOutsideIsRefused) {
    Scratch scratch;
    scratch.write("secret", "not shared");
    scratch.write("share/x", "x");
    scratch.write("shared-not/x", "x");
    for (const std::string& path :
         {std::string("../secret"), std::string("x/../../secret"), scratch.path("secret"),
          scratch.path("shared-not/x"), std::string("/etc/passwd")})
        EXPECT_THAT(error_of(scratch, path), HasSubstr("below torrent.share_root")) << path;
    EXPECT_THAT(error_of(scratch, ""), HasSubstr("name a file or directory"));
    EXPECT_THAT(error_of(scratch, scratch.path("share")), HasSubstr("below torrent.share_root"));
    EXPECT_THAT(error_of(scratch, "nothing"), HasSubstr("does not exist"));
    EXPECT_THAT(create_torrent("", "x").error().text, HasSubstr("share_root is not set"));
}

TEST(Creation, WhatHasNoBytesOrIsNoFileIsRefused) {
    Scratch scratch;
    scratch.write("share/empty/nothing", "");
    std::filesystem::create_directories(scratch.path("share/hollow/inner"));
    ASSERT_EQ(::mkfifo(scratch.path("share/pipe").c_str(), 0600), 0);
    EXPECT_THAT(error_of(scratch, "empty"), HasSubstr("no bytes"));
    EXPECT_THAT(error_of(scratch, "hollow"), HasSubstr("no files"));
    EXPECT_THAT(error_of(scratch, "pipe"), HasSubstr("neither a file nor a directory"));
    scratch.write("share/odd/\xff\xfe", "x");
    EXPECT_THAT(error_of(scratch, "odd"), HasSubstr("not UTF-8"));
}

}  // namespace
}  // namespace warren::torrent
