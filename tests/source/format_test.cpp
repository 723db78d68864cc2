// Every C++ file is as clang-format 14 (Debian 12's) writes it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

bool has_clang_format_14() {
    const CommandResult version = run({"clang-format", "--version"});
    return version.exit_code == 0 && version.output.find("version 14.") != std::string::npos;
}

TEST(Format, EveryFileIsFormatted) {
    if (!has_clang_format_14()) GTEST_SKIP() << "no clang-format 14 here";
    std::vector<std::string> command = {"clang-format", "--dry-run", "-Werror"};
    for (const SourceFile& file : tree()) {
        if (is_cpp(file.path)) command.push_back(std::string(WARREN_SOURCE_DIR) + "/" + file.path);
    }
    const CommandResult result = run(command);
    std::set<std::string> files;
    for (const std::string& line : lines_of(result.output)) {
        if (line.find(" error:") != std::string::npos) files.insert(line.substr(0, line.find(':')));
    }
    EXPECT_EQ(result.exit_code, 0)
        << "run clang-format -i on:" << joined({files.begin(), files.end()});
}

TEST(Format, ABadFileIsFound) {
    if (!has_clang_format_14()) GTEST_SKIP() << "no clang-format 14 here";
    const std::string path = ::testing::TempDir() + "format_test.cpp";
    std::ofstream(path) << "int  f( ){return 1 ;}\n";
    EXPECT_NE(run({"clang-format", "--dry-run", "-Werror", path}).exit_code, 0);
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace warren::source_rules
