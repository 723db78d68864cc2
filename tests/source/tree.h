// The source tree as the rules see it: files as text, code without its comments and strings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warren::source_rules {

struct SourceFile {
    std::string path;  // from the root, with '/'
    std::string text;
};
// All files of the tree but build folders, .git and the like; sorted by path.
const std::vector<SourceFile>& tree();
bool is_cpp(std::string_view path);  // .h or .cpp
bool in_folder(std::string_view path, std::string_view folder);
bool exists(std::string_view path);

std::vector<std::string> lines_of(std::string_view text);
// Comments and the insides of literals become spaces; line numbers stay.
std::string code_only(std::string_view text);
// Where `word` stands with no identifier character at either end that is one; npos: nowhere.
std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0);
// Of the brace that closes the one at `open`; npos when there is none. Takes code_only text.
std::size_t closing_brace(std::string_view code, std::size_t open);

struct CommandResult {
    int exit_code = -1;
    std::string output;  // both streams
};
CommandResult run(const std::vector<std::string>& command);

// One line a finding, for EXPECT messages.
std::string joined(const std::vector<std::string>& findings);

}  // namespace warren::source_rules
