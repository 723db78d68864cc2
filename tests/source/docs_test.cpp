// Documents point at things that exist: relative links resolve, and every benchmark they name can
// be run.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

namespace fs = std::filesystem;

// What stands between "](" and ")" outside of code blocks.
std::vector<std::string> links_of(std::string_view text) {
    std::vector<std::string> links;
    bool in_block = false;
    for (const std::string& line : lines_of(text)) {
        if (line.starts_with("```")) in_block = !in_block;
        if (in_block) continue;
        for (std::size_t at = line.find("]("); at != std::string::npos;
             at = line.find("](", at + 2)) {
            const std::size_t end = line.find(')', at);
            if (end != std::string::npos) links.push_back(line.substr(at + 2, end - at - 2));
        }
    }
    return links;
}

std::vector<std::string> dead_links(const SourceFile& file) {
    std::vector<std::string> findings;
    for (const std::string& link : links_of(file.text)) {
        const std::string target = link.substr(0, link.find('#'));
        if (target.empty() || target.find("://") != std::string::npos) continue;
        const fs::path path = (fs::path(file.path).parent_path() / target).lexically_normal();
        if (!exists(path.generic_string())) {
            findings.push_back(file.path + " links to " + target + ", which is not there");
        }
    }
    return findings;
}

std::vector<std::string> benches_named(std::string_view text) {
    std::vector<std::string> names;
    constexpr std::string_view command = "bench/run ";
    for (std::size_t at = text.find(command); at != text.npos; at = text.find(command, at + 1)) {
        const std::size_t start = at + command.size();
        const std::size_t end =
            text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-", start);
        std::string name(text.substr(start, end == text.npos ? end : end - start));
        if (!name.empty() && !name.starts_with("-")) names.push_back(name);
    }
    return names;
}

// bench/run knows it by name, or something below bench/ is called so.
bool bench_exists(std::string name) {
    std::ranges::replace(name, '-', '_');
    return std::ranges::any_of(tree(), [&](const SourceFile& file) {
        if (!in_folder(file.path, "bench")) return false;
        if (file.path == "bench/run" && find_word(file.text, name) != std::string::npos)
            return true;
        return find_word(file.path, name) != std::string::npos ||
               fs::path(file.path).stem().string().starts_with(name + "_");
    });
}

TEST(Docs, LinksAndBenchesExist) {
    std::vector<std::string> findings;
    std::size_t seen = 0;
    for (const SourceFile& file : tree()) {
        if (!file.path.ends_with(".md")) continue;
        ++seen;
        std::ranges::copy(dead_links(file), std::back_inserter(findings));
        for (const std::string& name : benches_named(file.text)) {
            if (!bench_exists(name)) findings.push_back(file.path + " names bench/run " + name);
        }
    }
    EXPECT_GE(seen, 3u);
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

TEST(Docs, DeadOnesAreFound) {
    EXPECT_EQ(dead_links({"docs/x.md", "[a](missing.md) [b](../README.md#top) [c](#here)"}).size(),
              1u);
    EXPECT_EQ(dead_links({"README.md", "```\n[a](missing.md)\n```\n[b](https://e.org/x)"}).size(),
              0u);
    EXPECT_EQ(benches_named("`bench/run nonesuch` and bench/run NAME"),
              std::vector<std::string>{"nonesuch"});
    EXPECT_FALSE(bench_exists("nonesuch"));
}

}  // namespace
}  // namespace warren::source_rules
