// What derives from the rows: help, completion, and the files that must not drift from them.
#include "cli/help.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "cli/command.h"

namespace warren::cli {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& path) {
    std::ifstream in(std::string(WARREN_SOURCE) + "/" + path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

std::string output_of(const std::string& command) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string out;
    std::array<char, 4096> part{};
    while (const auto count = std::fread(part.data(), 1, part.size(), pipe.get()))
        out.append(part.data(), count);
    return out;
}

// What bash offers after these words.
std::string completed(const std::string& words) {
    const std::string script =
        "source " WARREN_SOURCE "/packaging/completions/warren; COMP_WORDS=(warren " + words +
        "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _warren; "
        "echo \" ${COMPREPLY[*]} \"";
    return output_of("bash -c '" + script + "'");
}

TEST(Help, EveryCommandIsCompleteAndUnique) {
    std::set<std::string_view> paths;
    for (const auto& row : command_rows()) {
        EXPECT_TRUE(paths.insert(row.path).second) << row.path;
        EXPECT_NE(row.run, nullptr) << row.path;
        EXPECT_FALSE(row.sentence.empty()) << row.path;
        ASSERT_FALSE(row.examples.empty()) << row.path;
        for (auto example : row.examples) {
            EXPECT_TRUE(example.starts_with(row.path)) << example;
            EXPECT_THAT(help_of(row.path), HasSubstr("warren " + std::string(example)));
        }
        EXPECT_THAT(overview(), HasSubstr("  " + std::string(row.path) + " "));
        for (const auto& option : row.options)
            EXPECT_THAT(help_of(row.path), HasSubstr(std::string(option.name)));
    }
}

TEST(Help, EveryExitCodeIsDocumented) {
    for (const auto& row : exit_rows())
        EXPECT_THAT(overview(),
                    HasSubstr("\n  " + std::to_string(static_cast<int>(row.code)) + " "));
}

TEST(Help, FindsWhatWasMeant) {
    const std::vector<std::string> names{"status", "search", "stop"};
    EXPECT_EQ(nearest("staus", names), "status");
    EXPECT_EQ(nearest("serach", names), "search");
    EXPECT_EQ(nearest("xyzzy", names), "");
}

TEST(Completion, OffersCommandsOptionsAndChoices) {
    EXPECT_THAT(completed("sta"), HasSubstr(" status "));
    EXPECT_THAT(completed("channel \"\""), HasSubstr(" create list show add join leave "));
    EXPECT_THAT(completed("--state /x download \"\""), HasSubstr(" pause "));
    EXPECT_THAT(completed("download add --w"), HasSubstr(" --wait --wait-timeout "));
    EXPECT_THAT(completed("api P"), HasSubstr(" POST PUT PATCH "));
    EXPECT_THAT(completed("peers \"\""), HasSubstr(" add "));
}

TEST(Drift, TheFilesMadeFromTheRowsAreUpToDate) {
    EXPECT_EQ(file("docs/cli.md"), reference_markdown()) << "run: warren help-all > docs/cli.md";
    EXPECT_EQ(file("packaging/completions/warren"), completion_bash())
        << "run: warren completion bash > packaging/completions/warren";
    EXPECT_EQ(file("packaging/man/warren.1.scd"), reference_scdoc())
        << "run: warren help-all --format scdoc > packaging/man/warren.1.scd";
}

}  // namespace
}  // namespace warren::cli
