// What the supervisor links is what it can reach: no ZeroMQ, no SQLite, no libtorrent.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

TEST(Elf, SupervisorLinksNoParserOfForeignBytes) {
    auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "warrend";
    ASSERT_TRUE(std::filesystem::exists(program)) << "build warrend first";
    auto read = run({"readelf", "-d", program.string()});
    ASSERT_EQ(read.exit_code, 0) << read.output;
    ASSERT_NE(read.output.find("NEEDED"), std::string::npos);
    for (const char* library :
         {"libzmq", "libsqlite3", "libtorrent", "libsodium", "libflatbuffers"})
        EXPECT_EQ(read.output.find(library), std::string::npos) << library;
}

}  // namespace
}  // namespace warren::source_rules
