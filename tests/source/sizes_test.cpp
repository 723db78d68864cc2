// Files stay below 450 lines and functions below 70, and the report says where we stand.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

constexpr std::size_t file_lines_max = 450;
constexpr std::size_t function_lines_max = 70;

struct Exception {
    std::string_view path;
    std::string_view reason;
};
// Longer files, each with its reason.
const std::vector<Exception>& longer_files() {
    static const std::vector<Exception> rows = {};
    return rows;
}

struct Function {
    std::string name;  // path:line
    std::size_t lines = 0;
    bool is_switch = false;  // a plain switch may be longer
};

std::size_t line_count(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

// The text between the last statement or block and the brace at `at`.
std::string_view header_before(std::string_view code, std::size_t at) {
    const std::size_t start = code.find_last_of(";{}", at - 1);
    const std::size_t from = start == std::string_view::npos || at == 0 ? 0 : start + 1;
    return code.substr(from, at - from);
}

bool opens_type_or_namespace(std::string_view header) {
    if (header.find(')') != std::string_view::npos && find_word(header, "alignas") == header.npos &&
        find_word(header, "struct") == header.npos && find_word(header, "class") == header.npos) {
        return false;
    }
    for (std::string_view word : {"namespace", "class", "struct", "union", "enum", "extern"}) {
        const std::size_t at = find_word(header, word);
        if (at != std::string_view::npos && header.substr(0, at).find('(') == header.npos) {
            return true;
        }
    }
    return false;
}

bool mostly_switch(std::string_view body) {
    const std::size_t word = find_word(body, "switch");
    if (word == std::string_view::npos) return false;
    const std::size_t open = body.find('{', word);
    const std::size_t close = open == body.npos ? open : closing_brace(body, open);
    if (close == std::string_view::npos) return false;
    return line_count(body.substr(open, close - open)) * 10 >= line_count(body) * 8;
}

// A brace scan, not a parser: goes into types and namespaces, measures what has a parameter list
// and passes over data.
std::vector<Function> functions_of(const SourceFile& file) {
    std::vector<Function> functions;
    const std::string code = code_only(file.text);
    const std::string_view view = code;
    for (std::size_t at = view.find('{'); at != view.npos; at = view.find('{', at + 1)) {
        const std::string_view header = header_before(view, at);
        if (opens_type_or_namespace(header)) continue;
        const std::size_t close = closing_brace(view, at);
        if (close == view.npos) break;
        // `member_{value}` of a constructor has no space before its brace, and a body has.
        const bool is_body = at > 0 && (view[at - 1] == ' ' || view[at - 1] == '\n');
        const bool is_data = header.find('=') != header.npos && header.find(')') == header.npos;
        if (is_body && !is_data) {
            const std::string_view body = view.substr(at, close - at + 1);
            const std::size_t line = line_count(view.substr(0, at)) + 1;
            functions.push_back({file.path + ":" + std::to_string(line), line_count(body) + 1,
                                 mostly_switch(body)});
        }
        at = close;
    }
    return functions;
}

std::vector<std::string> too_long(const SourceFile& file) {
    std::vector<std::string> findings;
    const bool excepted = std::ranges::any_of(
        longer_files(), [&](const Exception& row) { return row.path == file.path; });
    if (line_count(file.text) > file_lines_max && !excepted) {
        findings.push_back(file.path + " has " + std::to_string(line_count(file.text)) +
                           " lines; at most " + std::to_string(file_lines_max) +
                           ", or a row with the reason in longer_files()");
    }
    for (const Function& function : functions_of(file)) {
        if (function.lines <= function_lines_max || function.is_switch) continue;
        findings.push_back("the function at " + function.name + " has " +
                           std::to_string(function.lines) + " lines; at most " +
                           std::to_string(function_lines_max) + ", unless it is a plain switch");
    }
    return findings;
}

template <typename T>
T median(std::vector<T> values) {
    if (values.empty()) return {};
    std::ranges::sort(values);
    return values[values.size() / 2];
}

TEST(Sizes, FilesAndFunctionsStaySmall) {
    std::vector<std::string> findings;
    for (const SourceFile& file : tree()) {
        if (is_cpp(file.path)) std::ranges::copy(too_long(file), std::back_inserter(findings));
    }
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

TEST(Sizes, Report) {
    std::vector<std::size_t> file_lines;
    std::vector<Function> functions;
    std::map<std::string, std::size_t> folders;
    for (const SourceFile& file : tree()) {
        if (!is_cpp(file.path)) continue;
        file_lines.push_back(line_count(file.text));
        folders[file.path.substr(0, file.path.find('/'))] += file_lines.back();
        std::ranges::copy(functions_of(file), std::back_inserter(functions));
    }
    std::vector<std::size_t> lengths;
    for (const Function& function : functions)
        lengths.push_back(function.lines);
    std::ranges::sort(functions, std::ranges::greater{}, &Function::lines);
    std::cout << file_lines.size() << " files, median " << median(file_lines) << " lines; "
              << functions.size() << " functions, median " << median(lengths) << " lines\n";
    for (const auto& [folder, lines] : folders)
        std::cout << "  " << folder << " " << lines << '\n';
    std::cout << "longest functions:\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(10, functions.size()); ++i) {
        std::cout << "  " << functions[i].lines << " " << functions[i].name << '\n';
    }
    EXPECT_GT(functions.size(), file_lines.size()) << "the brace scan finds too little";
}

std::string repeated(std::string_view line, int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += line;
    return text;
}

TEST(Sizes, LongThingsAreFound) {
    EXPECT_EQ(too_long({"base/x.h", repeated("int a;\n", 451)}).size(), 1u);
    EXPECT_EQ(too_long({"base/x.h", repeated("int a;\n", 450)}).size(), 0u);
    const std::string body = "namespace a {\nstruct B {\n    int f(int x) const {\n" +
                             repeated("        ++x;\n", 70) + "    }\n};\n}\n";
    EXPECT_EQ(too_long({"base/x.h", body}).size(), 1u);
    const std::string plain_switch = "int f(int x) {\n    switch (x) {\n" +
                                     repeated("    case 1: return 2;\n", 90) + "    }\n}\n";
    EXPECT_EQ(too_long({"base/x.cpp", plain_switch}).size(), 0u);
    const std::string table = "const int rows[] = {\n" + repeated("    1,\n", 90) + "};\n";
    EXPECT_EQ(too_long({"base/x.cpp", table}).size(), 0u);
    const std::string constructor =
        "A::A(int x) : a_{x}, b_{x} {\n" + repeated("    ++x;\n", 71) + "}\n";
    EXPECT_EQ(too_long({"base/x.cpp", constructor}).size(), 1u);
}

}  // namespace
}  // namespace warren::source_rules
