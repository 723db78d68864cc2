// Every source file is built: a CMakeLists.txt of its folder, or of one above, names it or gathers
// it. What nobody compiles neither works nor is tested.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

std::string without_comments(std::string_view cmake) {
    std::string text;
    for (const std::string& line : lines_of(cmake))
        text += line.substr(0, line.find('#')) + "\n";
    return text;
}

// Does one word of a list mean `path`? What a variable stands for is anybody's guess, but its
// ending.
bool means(std::string word, const std::string& folder, std::string_view path) {
    constexpr std::string_view root = "${CMAKE_SOURCE_DIR}/";
    if (word.starts_with(root)) return word.substr(root.size()) == folder + std::string(path);
    constexpr std::string_view here = "${CMAKE_CURRENT_SOURCE_DIR}/";
    if (word.starts_with(here)) word = word.substr(here.size());
    if (word == path) return true;
    const std::size_t open = std::min(word.rfind('}'), word.rfind('*'));
    if (open == std::string::npos || path.find('/') != std::string_view::npos) return false;
    const std::string ending = word.substr(open + 1);
    return ending.size() > 3 && path.ends_with(ending);
}

// `list` is the text of the CMakeLists.txt of `folder` ("a/b/"), `path` the file's path below it.
bool names(std::string_view list, const std::string& folder, std::string_view path) {
    std::string text = without_comments(list);
    std::ranges::replace_if(
        text, [](char c) { return c == '(' || c == ')' || c == '"'; }, ' ');
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (word.ends_with(".cpp") && means(word, folder, path)) return true;
    }
    return false;
}

bool is_built(const std::string& path, const std::vector<SourceFile>& files) {
    for (const SourceFile& file : files) {
        constexpr std::string_view list = "CMakeLists.txt";
        if (!file.path.ends_with(list)) continue;
        const std::string folder = file.path.substr(0, file.path.size() - list.size());
        if (!path.starts_with(folder)) continue;
        const std::string_view below = std::string_view(path).substr(folder.size());
        if (names(file.text, folder, below)) return true;
    }
    return false;
}

TEST(Build, EverySourceFileIsBuilt) {
    std::vector<std::string> findings;
    for (const SourceFile& file : tree()) {
        if (!file.path.ends_with(".cpp") || is_built(file.path, tree())) continue;
        findings.push_back(file.path + " is in no CMakeLists.txt");
    }
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

TEST(Build, AForgottenFileIsFound) {
    const std::vector<SourceFile> files = {
        {"a/CMakeLists.txt",
         "warren_library(a one.cpp sub/two.cpp ${CMAKE_SOURCE_DIR}/a/four.cpp) # three.cpp\n"},
        {"b/CMakeLists.txt", "file(GLOB rules *_test.cpp)\nf(${t}_fuzz.cpp)\n"},
    };
    EXPECT_TRUE(is_built("a/one.cpp", files));
    EXPECT_TRUE(is_built("a/sub/two.cpp", files));
    EXPECT_TRUE(is_built("a/four.cpp", files));
    EXPECT_TRUE(is_built("b/x_test.cpp", files));
    EXPECT_TRUE(is_built("b/x_fuzz.cpp", files));
    EXPECT_FALSE(is_built("b/x.cpp", files));
    EXPECT_FALSE(is_built("a/three.cpp", files));
    EXPECT_FALSE(is_built("a/two.cpp", files));
    EXPECT_FALSE(is_built("b/sub/x_test.cpp", files));
    EXPECT_FALSE(is_built("c/one.cpp", files));
}

}  // namespace
}  // namespace warren::source_rules
