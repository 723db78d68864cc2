// The systemd unit is as closed as the threat model asks: exposure of at most 1.3 where the offline
// check can see it (it adds about 0.2 for what it cannot).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

CommandResult exposure(const std::string& unit) {
    return run(
        {"systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", unit});
}

TEST(Packaging, TheUnitIsHardened) {
    if (run({"systemd-analyze", "--version"}).exit_code != 0) GTEST_SKIP() << "no systemd here";
    const CommandResult result =
        exposure(std::string(WARREN_SOURCE_DIR) + "/packaging/systemd/warren.service");
    EXPECT_EQ(result.exit_code, 0) << result.output;
}

TEST(Packaging, AnOpenUnitIsFound) {
    if (run({"systemd-analyze", "--version"}).exit_code != 0) GTEST_SKIP() << "no systemd here";
    const std::string path = ::testing::TempDir() + "packaging_test.service";
    std::ofstream(path) << "[Service]\nExecStart=/bin/true\n";
    EXPECT_NE(exposure(path).exit_code, 0);
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace warren::source_rules
