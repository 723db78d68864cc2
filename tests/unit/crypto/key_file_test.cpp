// The key file: what is made, what is accepted, what ends the process.
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/unit/crypto/support.h"
#include "workers/crypto/sign/sign_worker.h"

namespace warren::crypto {
namespace {

using ::testing::HasSubstr;

std::string error_of(const std::string& path) {
    const auto key = SigningKey::open(path);
    if (key.ok()) return "accepted";
    EXPECT_TRUE(key.error().kind == ErrorKind::Environment ||
                key.error().kind == ErrorKind::NotFound);
    return key.error().text;
}

TEST(KeyFile, OnlyOursAndOnlyForUs) {
    const Folder folder;
    for (const mode_t good : {0600u, 0400u})
        EXPECT_EQ(error_of(folder.write("good", key_text('k'), good)), "accepted") << good;
    for (const mode_t bad :
         {0640u, 0604u, 0620u, 0602u, 0610u, 0601u, 0660u, 0644u, 0666u, 0777u}) {
        ASSERT_EQ(::unlink(folder.path("good").c_str()) == 0 || errno == ENOENT, true);
        EXPECT_THAT(error_of(folder.write("bad", key_text('k'), bad)),
                    HasSubstr("others can reach it"))
            << bad;
        ASSERT_EQ(::unlink(folder.path("bad").c_str()), 0);
    }
    const auto own = folder.write("own", key_text('k'), 0600);
    if (::geteuid() == 0) {  // only root can give a file away
        ASSERT_EQ(::chown(own.c_str(), 65534, 65534), 0);
        EXPECT_THAT(error_of(own), HasSubstr("belongs to user 65534"));
    }
}

TEST(KeyFile, LinksFoldersAndPipesAreRefused) {
    const Folder folder;
    folder.write("real", key_text('k'), 0600);
    std::filesystem::create_symlink(folder.path("real"), folder.path("link"));
    EXPECT_THAT(error_of(folder.path("link")), HasSubstr("symbolic link"));
    std::filesystem::create_directory(folder.path("folder"));
    EXPECT_THAT(error_of(folder.path("folder")), HasSubstr("not a regular file"));
    ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
    EXPECT_THAT(error_of(folder.path("pipe")), HasSubstr("not a regular file"));
}

TEST(KeyFile, DamagedFilesAreRefused) {
    const Folder folder;
    EXPECT_THAT(error_of(folder.write("empty", "", 0600)), HasSubstr("0 bytes instead of 74"));
    EXPECT_THAT(error_of(folder.write("short", key_text('k').substr(0, 73), 0600)),
                HasSubstr("73 bytes"));
    EXPECT_THAT(error_of(folder.write("long", key_text('k') + "x", 0600)), HasSubstr("75 bytes"));
    EXPECT_THAT(error_of(folder.write("tag", std::string(74, 'k'), 0600)),
                HasSubstr("not an IPv8 private key"));
}

TEST(KeyFile, AMissingFileIsMadeInANewStateOnly) {
    const Folder folder;
    ASSERT_TRUE(start_sodium());
    const auto path = folder.path("keys/node.key");
    const auto used = open_or_create_key(path, StateDir::Used);
    ASSERT_FALSE(used.ok());
    EXPECT_EQ(used.error().kind, ErrorKind::Environment);
    EXPECT_THAT(used.error().text, HasSubstr("is missing"));
    EXPECT_FALSE(std::filesystem::exists(path));

    const auto made = open_or_create_key(path, StateDir::New);
    ASSERT_TRUE(made.ok()) << made.error().text;
    struct stat facts = {};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0600u);
    EXPECT_EQ(facts.st_size, 74);
    ASSERT_EQ(::stat(folder.path("keys").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 077, 0u);
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));

    for (const auto state : {StateDir::New, StateDir::Used}) {
        const auto again = open_or_create_key(path, state);
        ASSERT_TRUE(again.ok()) << again.error().text;
        EXPECT_EQ(again->public_key(), made->public_key());
    }
    EXPECT_FALSE(SigningKey::create(path).ok());  // never over an existing one
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
    EXPECT_FALSE(open_or_create_key(path, StateDir::New).ok());
}

TEST(KeyFile, TwoNewKeysDiffer) {
    const Folder folder;
    ASSERT_TRUE(start_sodium());
    const auto one = SigningKey::create(folder.path("one"));
    const auto two = SigningKey::create(folder.path("two"));
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_NE(one->public_key(), two->public_key());
    EXPECT_TRUE(protocol::is_curve25519_key(one->public_key().view()));
}

}  // namespace
}  // namespace warren::crypto
