// The state directory: one holder, a counter that only grows, a token that is nobody else's.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "supervisor/files.h"
#include "supervisor/state_dir.h"

namespace warren::supervisor {
namespace {

class StateDirTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = "/tmp/wrnXXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(root_ + "/" + name) << text;
    }
    std::string root_;
};

TEST_F(StateDirTest, HasOneHolder) {  // R-V5
    {
        auto first = hold_state_dir(root_ + "/a/b");
        ASSERT_TRUE(first) << first.error().text;
        auto second = hold_state_dir(root_ + "/a/b");
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().kind, ErrorKind::Exists);
    }
    EXPECT_TRUE(hold_state_dir(root_ + "/a/b"));
}

TEST_F(StateDirTest, CountsStarts) {  // R-V4
    auto state = hold_state_dir(root_);
    ASSERT_TRUE(state) << state.error().text;
    EXPECT_EQ(*next_node_epoch(*state), 1u);
    EXPECT_EQ(*next_node_epoch(*state), 2u);
    write("epoch", "41\n");
    EXPECT_EQ(*next_node_epoch(*state), 42u);
    for (const char* damaged : {"", "x", "4x\n", "-1\n"}) {
        write("epoch", damaged);
        EXPECT_FALSE(next_node_epoch(*state)) << damaged;
    }
}

// Starts do not make an identity: only a key that was made does.
TEST_F(StateDirTest, KnowsWhetherItEverHadAKey) {
    auto state = hold_state_dir(root_);
    ASSERT_TRUE(state);
    ASSERT_TRUE(next_node_epoch(*state));
    EXPECT_FALSE(has_identity(*state));
    ASSERT_TRUE(mark_identity(*state));
    ASSERT_TRUE(mark_identity(*state));
    EXPECT_TRUE(has_identity(*state));
}

TEST_F(StateDirTest, KeepsATokenOfItsOwn) {
    auto state = hold_state_dir(root_);
    ASSERT_TRUE(state);
    auto digest = token_digest(*state);
    ASSERT_TRUE(digest);
    auto token = *read_small_file(root_ + "/api_token");
    ASSERT_EQ(token.size(), 65u);
    EXPECT_EQ(*digest, to_hex(sha256(view_of(token.substr(0, 64)))));
    EXPECT_EQ(*token_digest(*state), *digest);
    ::chmod((root_ + "/api_token").c_str(), 0644);
    EXPECT_NE(token_digest(*state).error().text.find("chmod 600"), std::string::npos);
    ::chmod((root_ + "/api_token").c_str(), 0600);
    write("api_token", "");
    EXPECT_FALSE(token_digest(*state)) << "an empty token is an error, never an open door";
}

TEST_F(StateDirTest, RefusesADirectoryThatOthersMayEnter) {
    ::chmod(root_.c_str(), 0755);
    EXPECT_NE(hold_state_dir(root_).error().text.find("has mode 0755"), std::string::npos);
    std::filesystem::create_directory_symlink(root_, root_ + "/link");
    EXPECT_NE(own_directory(root_ + "/link", 0700).error().text.find("symbolic link"),
              std::string::npos);
    write("file", "");
    EXPECT_NE(own_directory(root_ + "/file", 0700).error().text.find("not a directory"),
              std::string::npos);
}

TEST_F(StateDirTest, ReplacesFilesWhole) {
    ASSERT_TRUE(write_atomically(root_ + "/f", "one", Durability::Synced));
    ASSERT_TRUE(write_atomically(root_ + "/f", "two", Durability::Cached));
    EXPECT_EQ(*read_small_file(root_ + "/f"), "two");
    EXPECT_FALSE(std::filesystem::exists(root_ + "/f.new"));
    EXPECT_FALSE(write_atomically(root_ + "/none/f", "x", Durability::Cached));
    write("large", std::string(2 << 20, 'x'));
    EXPECT_FALSE(read_small_file(root_ + "/large"));
}

}  // namespace
}  // namespace warren::supervisor
