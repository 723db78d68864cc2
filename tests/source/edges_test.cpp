// Every request that a worker's code can make has its edge: a sender without one is refused, and
// killed after three refusals. A request is made by NAMESPACE::CreateMESSAGE(builder, ...), where
// the namespace is the reader's schema and the message one of its inbox.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <tuple>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

using Edge = std::tuple<std::string, std::string, std::string>;  // writer, reader, message

const std::map<std::string, std::string>& readers() {  // by the namespace's short name
    static const std::map<std::string, std::string> rows = {
        {"N", "network"}, {"T", "torrent"}, {"V", "verify"}, {"G", "sign"}, {"S", "storage"}};
    return rows;
}

const std::string& text_of(std::string_view path) {
    static const std::string nothing;
    for (const auto& file : tree())
        if (file.path == path) return file.text;
    return nothing;
}

std::vector<std::smatch> all_matches(const std::string& text, const std::regex& pattern) {
    return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

std::set<std::string> inbox_of(const std::string& reader) {
    const auto& schema = text_of("ipc-schema/" + reader + ".fbs");
    const auto from = schema.find("union Inbox {");
    const auto body = schema.substr(from, schema.find('}', from) - from);
    std::set<std::string> out;
    for (const auto& match : all_matches(body, std::regex(R"((\w+)\s*=)")))
        out.insert(match[1]);
    return out;
}

std::string lower(std::string text) {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

std::set<Edge> table() {
    const auto& text = text_of("runtime/pipe/edges.cpp");
    const std::regex row(R"(\{Role::(\w+),\s*Role::(\w+),\s*tags\(([^)]*)\))");
    std::set<Edge> out;
    for (const auto& match : all_matches(text, row)) {
        const std::string tags = match[3];
        for (const auto& tag : all_matches(tags, std::regex(R"(::(\w+))")))
            out.insert({lower(match[1]), lower(match[2]), tag[1]});
    }
    return out;
}

// workers/NAME/..., workers/crypto/ROLE/...
std::string role_of(const std::string& path) {
    std::smatch match;
    const std::regex place(R"(^workers/(?:crypto/)?(\w+)/)");
    return std::regex_search(path, match, place) ? match[1].str() : "";
}

std::set<Edge> requests() {
    std::map<std::string, std::set<std::string>> inboxes;
    for (const auto& [name, reader] : readers())
        inboxes[name] = inbox_of(reader);
    const std::regex create(R"(\b([NTVGS])::Create(\w+)\()");
    std::set<Edge> out;
    for (const auto& file : tree()) {
        if (!is_cpp(file.path) || !in_folder(file.path, "workers")) continue;
        const auto code = code_only(file.text);
        for (const auto& match : all_matches(code, create))
            if (inboxes.at(match[1]).contains(match[2]))
                out.insert({role_of(file.path), readers().at(match[1]), match[2]});
    }
    return out;
}

TEST(Edges, EveryRequestHasOne) {
    const auto edges = table();
    const auto made = requests();
    ASSERT_GT(edges.size(), 60u) << "the table is not where this test looks";
    ASSERT_GT(made.size(), 60u) << "requests are not made as this test knows it";
    std::vector<std::string> findings;
    for (const auto& [writer, reader, message] : made)
        if (!edges.contains({writer, reader, message}))
            findings.push_back(writer + " asks " + reader + " for " + message +
                               ": add it to runtime/pipe/edges.cpp");
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

// Requests by other names would escape the test above.
TEST(Edges, SchemasHaveTheirShortNames) {
    const std::regex alias(R"(namespace (\w+) = ipc::(\w+);)");
    std::vector<std::string> findings;
    for (const auto& file : tree()) {
        if (!is_cpp(file.path) || !in_folder(file.path, "workers")) continue;
        for (const auto& match : all_matches(file.text, alias)) {
            const auto known = readers().find(match[1]);
            if (known == readers().end() || known->second != match[2])
                findings.push_back(file.path + ": " + match[0].str());
        }
    }
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

}  // namespace
}  // namespace warren::source_rules
