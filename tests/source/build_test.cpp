// Every source file is built: a CMakeLists.txt of its folder, or of one above, names it or gathers
// it. What nobody compiles neither works nor is tested.
#include <gtest/gtest.h>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

std::string without_comments(std::string_view cmake) {
    std::string text;
    for (const std::string& line : lines_of(cmake))
        text += line.substr(0, line.find('#')) + "\n";
    return text;
}

// `list` is the text of FOLDER/CMakeLists.txt, `path` the file's path below FOLDER.
bool names(std::string_view list, std::string_view path) {
    const std::string text = without_comments(list);
    if (find_word(text, path) != std::string::npos) return true;
    const std::size_t gather = text.find("GLOB");
    return gather != std::string::npos && path.find('/') == std::string_view::npos &&
           text.find(".cpp", gather) != std::string::npos;
}

bool is_built(const std::string& path, const std::vector<SourceFile>& files) {
    for (const SourceFile& file : files) {
        constexpr std::string_view list = "CMakeLists.txt";
        if (!file.path.ends_with(list)) continue;
        const std::string folder = file.path.substr(0, file.path.size() - list.size());
        if (!path.starts_with(folder)) continue;
        if (names(file.text, std::string_view(path).substr(folder.size()))) return true;
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
        {"a/CMakeLists.txt", "warren_library(a one.cpp sub/two.cpp) # three.cpp\n"},
        {"b/CMakeLists.txt", "file(GLOB rules *_test.cpp)\n"},
    };
    EXPECT_TRUE(is_built("a/one.cpp", files));
    EXPECT_TRUE(is_built("a/sub/two.cpp", files));
    EXPECT_TRUE(is_built("b/x_test.cpp", files));
    EXPECT_FALSE(is_built("a/three.cpp", files));
    EXPECT_FALSE(is_built("a/two.cpp", files));
    EXPECT_FALSE(is_built("b/sub/x_test.cpp", files));
    EXPECT_FALSE(is_built("c/one.cpp", files));
}

}  // namespace
}  // namespace warren::source_rules
