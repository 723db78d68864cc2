// Each worker's inbox has one switch that names every message of its schema, and no default, so
// that a new message without a case fails the build (-Wswitch) and this test.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

// The members of `union Inbox` in a schema; empty when it has none.
std::set<std::string> inbox_members(std::string_view schema) {
    std::set<std::string> members;
    const std::string code = code_only(schema);
    const std::size_t start = code.find("union Inbox");
    if (start == std::string::npos) return members;
    const std::size_t open = code.find('{', start);
    const std::size_t close = closing_brace(code, open);
    std::string word;
    bool is_name = true;
    for (std::size_t at = open + 1; at <= close; ++at) {
        const char c = code[at];
        if (c == ',' || c == '=' || c == '}') {
            if (is_name && !word.empty()) members.insert(word);
            word.clear();
            is_name = c != '=';
        } else if (c != ' ' && c != '\n') {
            word += c;
        }
    }
    return members;
}

// For each switch of a file: the enumerators of Inbox that it has cases for.
std::vector<std::set<std::string>> inbox_switches(std::string_view text) {
    std::vector<std::set<std::string>> switches;
    const std::string code = code_only(text);
    for (std::size_t at = find_word(code, "switch"); at != std::string::npos;
         at = find_word(code, "switch", at + 1)) {
        const std::size_t open = code.find('{', at);
        const std::size_t close = closing_brace(code, open);
        const std::string block = code.substr(open, close - open);
        std::set<std::string> cases;
        for (std::size_t word = find_word(block, "case"); word != std::string::npos;
             word = find_word(block, "case", word + 1)) {
            // An enumerator is qualified, so the colon that ends the case stands alone.
            std::size_t end = block.find(':', word);
            while (end != std::string::npos && block.substr(end, 2) == "::") {
                end = block.find(':', end + 2);
            }
            const std::string label = block.substr(word, end - word);
            const std::size_t scope = label.rfind("::");
            if (scope != std::string::npos) cases.insert(label.substr(scope + 2));
        }
        switches.push_back(cases);
    }
    return switches;
}

std::vector<std::string> missing_cases(const std::set<std::string>& members,
                                       std::string_view inbox) {
    std::vector<std::string> best(members.begin(), members.end());
    for (const std::set<std::string>& cases : inbox_switches(inbox)) {
        std::vector<std::string> missing;
        std::ranges::set_difference(members, cases, std::back_inserter(missing));
        if (missing.size() < best.size()) best = missing;
    }
    return best;
}

// The inbox of a schema's reader: the file that lies in a folder of its name.
const SourceFile* reader_of(const std::string& schema) {
    for (const SourceFile& file : tree()) {
        const bool is_inbox = file.path.starts_with("workers/") && file.path.ends_with("inbox.cpp");
        if (is_inbox && file.path.find(schema) != std::string::npos) return &file;
    }
    for (const SourceFile& file : tree()) {
        const bool is_inbox = file.path.starts_with("workers/") && file.path.ends_with("inbox.cpp");
        if (is_inbox && file.text.find(schema + "_generated.h") != std::string::npos) return &file;
    }
    return nullptr;
}

TEST(Switches, EveryMessageHasItsCase) {
    std::size_t schemas = 0;
    for (const SourceFile& file : tree()) {
        if (!in_folder(file.path, "ipc-schema") || !file.path.ends_with(".fbs")) continue;
        if (in_folder(file.path, "ipc-schema/baseline")) continue;
        const std::set<std::string> members = inbox_members(file.text);
        if (members.empty()) continue;
        ++schemas;
        const std::string schema =
            file.path.substr(file.path.rfind('/') + 1, file.path.size() - file.path.rfind('/') - 5);
        const SourceFile* reader = reader_of(schema);
        if (reader == nullptr) {
            ADD_FAILURE() << "no inbox.cpp under workers/ reads " << file.path;
            continue;
        }
        const std::vector<std::string> missing = missing_cases(members, reader->text);
        EXPECT_TRUE(missing.empty()) << reader->path << " has no switch over all of " << file.path
                                     << "; it lacks" << joined(missing);
    }
    EXPECT_GE(schemas, 5u);
}

TEST(Switches, AMissingCaseIsFound) {
    const auto members = inbox_members("union Inbox {\n  Store = 1, Fetch = 2, // Gone = 3\n}\n");
    EXPECT_EQ(members, (std::set<std::string>{"Store", "Fetch"}));
    const std::string one = "switch (t) {\n case ipc::Inbox::Store: return f(A::b);\n}";
    EXPECT_EQ(missing_cases(members, one), std::vector<std::string>{"Fetch"});
    const std::string both =
        "switch (t) {\n case Inbox::Store: return 1;\n case ipc::Inbox::Fetch:\n break;\n}";
    EXPECT_TRUE(missing_cases(members, both).empty());
    // Two halves are not one switch.
    EXPECT_EQ(missing_cases(members, one + "switch (t) { case Inbox::Fetch: return 2; }").size(),
              1u);
    EXPECT_EQ(missing_cases(members, "").size(), 2u);
}

}  // namespace
}  // namespace warren::source_rules
