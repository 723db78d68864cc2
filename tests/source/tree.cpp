// Reads the tree once; a small scanner that knows comments, literals and raw strings.
#include "tests/source/tree.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

namespace warren::source_rules {
namespace {

namespace fs = std::filesystem;

bool is_skipped_folder(const std::string& name) {
    return name.starts_with("build") || name == "node_modules" || name == "vectors" ||
           (name.starts_with(".") && name != ".ci");
}

std::vector<SourceFile> read_tree() {
    const fs::path root = WARREN_SOURCE_DIR;
    std::vector<SourceFile> files;
    for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
        if (it->is_directory()) {
            if (is_skipped_folder(it->path().filename().string())) it.disable_recursion_pending();
            continue;
        }
        if (!it->is_regular_file()) continue;
        std::ostringstream text;
        text << std::ifstream(it->path(), std::ios::binary).rdbuf();
        files.push_back({fs::relative(it->path(), root).generic_string(), text.str()});
    }
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
}

bool is_identifier(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t end_of_literal(std::string_view text, std::size_t start) {
    const char quote = text[start];
    std::size_t at = start + 1;
    while (at < text.size() && text[at] != quote && text[at] != '\n') {
        at += text[at] == '\\' ? 2u : 1u;
    }
    return std::min(at + 1, text.size());
}

std::size_t end_of_raw_string(std::string_view text, std::size_t quote) {
    const std::size_t open = text.find('(', quote);
    if (open == std::string_view::npos) return text.size();
    const std::string close = ")" + std::string(text.substr(quote + 1, open - quote - 1)) + "\"";
    const std::size_t end = text.find(close, open);
    return end == std::string_view::npos ? text.size() : end + close.size();
}

// Where what starts at `at` and is not code ends; `at` itself when it is code.
std::size_t end_of_not_code(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
    if (rest.starts_with("/*")) {
        const std::size_t end = text.find("*/", at + 2);
        return end == std::string_view::npos ? text.size() : end + 2;
    }
    if (text[at] == '"') {
        const bool raw = at > 0 && text[at - 1] == 'R';
        return raw ? end_of_raw_string(text, at) : end_of_literal(text, at);
    }
    // An apostrophe after a digit or letter separates digits, as in 1'000.
    if (text[at] == '\'' && (at == 0 || !is_identifier(text[at - 1]))) {
        return end_of_literal(text, at);
    }
    return at;
}

}  // namespace

const std::vector<SourceFile>& tree() {
    static const std::vector<SourceFile> files = read_tree();
    return files;
}

bool is_cpp(std::string_view path) {
    return path.ends_with(".h") || path.ends_with(".cpp");
}

bool in_folder(std::string_view path, std::string_view folder) {
    return path == folder ||
           (path.starts_with(folder) && path.substr(folder.size()).starts_with("/"));
}

bool exists(std::string_view path) {
    return fs::exists(fs::path(WARREN_SOURCE_DIR) / fs::path(path));
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

std::string code_only(std::string_view text) {
    std::string code(text);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = end_of_not_code(text, at);
        for (std::size_t i = at; i < end; ++i) {
            if (code[i] != '\n') code[i] = ' ';
        }
        at = std::max(end, at + 1);
    }
    return code;
}

std::size_t find_word(std::string_view text, std::string_view word, std::size_t from) {
    for (std::size_t at = text.find(word, from); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool starts = at == 0 || !is_identifier(word.front()) || !is_identifier(text[at - 1]);
        const bool ends =
            end == text.size() || !is_identifier(word.back()) || !is_identifier(text[end]);
        if (starts && ends) return at;
    }
    return std::string_view::npos;
}

std::size_t closing_brace(std::string_view code, std::size_t open) {
    int depth = 0;
    for (std::size_t at = open; at < code.size(); ++at) {
        if (code[at] == '{') ++depth;
        if (code[at] == '}' && --depth == 0) return at;
    }
    return std::string_view::npos;
}

CommandResult run(const std::vector<std::string>& command) {
    std::string line;
    for (const std::string& word : command)
        line += "'" + word + "' ";
    line += "2>&1 </dev/null";
    CommandResult result;
    std::FILE* pipe = ::popen(line.c_str(), "r");
    if (pipe == nullptr) return result;
    std::array<char, 4096> buffer;
    for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        result.output.append(buffer.data(), got);
    }
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    return result;
}

std::string joined(const std::vector<std::string>& findings) {
    std::string text;
    for (const std::string& finding : findings)
        text += "\n  " + finding;
    return text;
}

}  // namespace warren::source_rules
