// What we do not want to see (docs/architecture.md, "Rules"): words that no code may hold, with the
// few places where they are right, each with its reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

struct Place {
    std::string_view path;  // a file or folder
    std::string_view reason;
};
struct Ban {
    std::string_view what;
    std::vector<std::string_view> words;
    std::vector<Place> except;
};

const std::vector<Place> harness = {
    {"tests", "a test may play a foreign peer beside the code that it tests"},
    {"bench", "a load generator runs beside what it measures"},
};

std::vector<Place> with_harness(std::vector<Place> places) {
    places.insert(places.end(), harness.begin(), harness.end());
    return places;
}

const std::vector<Ban>& bans() {
    static const std::vector<Ban> rows = {
        {"a lock (state belongs to one loop or one strand)",
         {"std::mutex", "std::shared_mutex", "std::recursive_mutex", "std::timed_mutex",
          "std::lock_guard", "std::unique_lock", "std::scoped_lock", "std::shared_lock",
          "std::condition_variable", "std::condition_variable_any", "pthread_mutex_lock"},
         harness},
        {"a thread (scale by processes)",
         {"std::thread", "std::jthread", "std::async", "pthread_create", "thread_pool"},
         with_harness(
             {{"workers/storage", "the executor pool: blocking disk calls live there"},
              {"storage-shard", "the executor pool's own code may lie beside its engine"},
              {"workers/torrent/disk_thread.h", "hashing and looking at names block: off the loop"},
              {"runtime/process", "the log thread: writing a line must not block"}})},
        {"a sleep (wait for an event or a condition with a deadline)",
         {"this_thread", "usleep(", "nanosleep(", "clock_nanosleep(", "sleep("},
         {{"bench", "a measured minute of idling is the thing measured"}}},
        {"a shell", {"system(", "popen("}, harness},
        {"an unbounded copy or format",
         {"sprintf", "vsprintf", "strcpy", "strcat", "gets", "strtok", "alloca"},
         {}},
        {"a connection past the pragmas that are read back (storage-shard/sqlite.h)",
         {"sqlite3_open", "sqlite3_open16", "sqlite3_open_v2"},
         with_harness({{"storage-shard/sqlite.cpp", "the one place that opens"}})},
        {"a jump over destructors", {"setjmp", "longjmp", "goto"}, {}},
        {"random numbers without a seam",
         {"rand(", "srand(", "random_shuffle", "std::mt19937"},
         {{"tests", "seeded, and the seed is printed"}, {"bench", "seeded"}}},
        {"a wider cast than needed",
         {"const_cast"},
         {{"workers/torrent", "libtorrent's C++03 corners"},
          {"runtime", "execve and its like take char* const[]"},
          {"supervisor", "execve and its like take char* const[]"},
          {"tests", "the same"},
          {"bench", "the same"},
          {"cli", "execve takes char* const[]"}}},
    };
    return rows;
}

bool allowed(std::string_view path, const std::vector<Place>& places) {
    return std::ranges::any_of(places,
                               [&](const Place& place) { return in_folder(path, place.path); });
}

std::string at_line(const SourceFile& file, std::size_t index) {
    return file.path + ":" + std::to_string(index + 1) + " ";
}

void check_words(const SourceFile& file, const std::string& code,
                 std::vector<std::string>& findings) {
    const std::vector<std::string> lines = lines_of(code);
    for (const Ban& ban : bans()) {
        if (allowed(file.path, ban.except)) continue;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            for (std::string_view word : ban.words) {
                if (find_word(lines[i], word) == std::string::npos) continue;
                findings.push_back(at_line(file, i) + std::string(word) + ": " +
                                   std::string(ban.what));
            }
        }
    }
}

// A promise to do something later names the issue that will: TODO(#12).
void check_promises(const SourceFile& file, std::vector<std::string>& findings) {
    const std::vector<std::string> lines = lines_of(file.text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (std::string_view word : {"TODO", "FIXME", "XXX"}) {
            const std::size_t at = find_word(lines[i], word);
            if (at == std::string::npos) continue;
            const std::string_view rest = std::string_view(lines[i]).substr(at + word.size());
            const bool numbered = rest.size() > 2 && rest.starts_with("(#") &&
                                  std::isdigit(static_cast<unsigned char>(rest[2])) != 0;
            if (!numbered) findings.push_back(at_line(file, i) + "a TODO without a number");
        }
    }
}

void check_header(const SourceFile& file, const std::string& code,
                  std::vector<std::string>& findings) {
    const std::vector<std::string> lines = lines_of(code);
    const auto once = std::ranges::count(lines, "#pragma once");
    if (once != 1) findings.push_back(file.path + " needs one #pragma once as its include guard");
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].starts_with("using namespace")) {
            findings.push_back(at_line(file, i) + "using namespace in a header");
        }
    }
}

void check_inbox(const SourceFile& file, const std::string& code,
                 std::vector<std::string>& findings) {
    const std::vector<std::string> lines = lines_of(code);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::size_t at = find_word(lines[i], "default");
        if (at == std::string::npos) continue;
        const std::size_t next = lines[i].find_first_not_of(' ', at + 7);
        if (next != std::string::npos && lines[i][next] == ':') {
            findings.push_back(at_line(file, i) + "a default in a message switch");
        }
    }
}

bool is_generated(const SourceFile& file) {
    return file.path.ends_with("_generated.h") || file.path.ends_with(".pb.h") ||
           file.path.ends_with(".o") || file.path.ends_with(".bfbs") ||
           file.text.substr(0, 300).find("automatically generated by") != std::string::npos;
}

// A source file whose header says what both are for need not say it again.
bool has_header_beside(const SourceFile& file) {
    return file.path.ends_with(".cpp") && exists(file.path.substr(0, file.path.size() - 3) + "h");
}

std::vector<std::string> banned(const SourceFile& file) {
    std::vector<std::string> findings;
    if (is_generated(file)) return {file.path + " is generated: build tree only"};
    if (!is_cpp(file.path) || in_folder(file.path, "tests/source")) return findings;
    const std::string code = code_only(file.text);
    check_words(file, code, findings);
    check_promises(file, findings);
    if (file.path.ends_with(".h")) check_header(file, code, findings);
    if (file.path.ends_with("inbox.cpp")) check_inbox(file, code, findings);
    if (!file.text.starts_with("//") && !has_header_beside(file)) {
        findings.push_back(file.path + " does not open with what it is for");
    }
    return findings;
}

TEST(Bans, TheTreeHoldsNone) {
    std::vector<std::string> findings;
    for (const SourceFile& file : tree()) {
        std::ranges::copy(banned(file), std::back_inserter(findings));
    }
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

TEST(Bans, EachIsFound) {
    const std::vector<SourceFile> bad = {
        {"base/x.cpp", "// x\nstd::mutex lock;\n"},
        {"workers/network/x.cpp", "// x\nstd::thread other(f);\n"},
        {"tests/unit/x.cpp", "// x\nstd::this_thread::sleep_for(1s);\n"},
        {"tests/unit/x.cpp", "// x\n::sleep(1);\n"},
        {"cli/x.cpp", "// x\nstd::system(line);\n"},
        {"base/x.cpp", "// x\nsprintf(to, from);\n"},
        {"storage-shard/shard.cpp", "// x\nint code = sqlite3_open_v2(path, &db, 0, nullptr);\n"},
        {"base/x.cpp", "// TODO: later\n"},
        {"base/x.cpp", "// FIXME(bob) later\n"},
        {"base/x.h", "// x\n#ifndef X_H\n#define X_H\n#endif\n"},
        {"base/x.h", "// x\n#pragma once\nusing namespace std;\n"},
        {"base/x.cpp", "int x;\n"},
        {"base/bytes.h", "#pragma once\n"},
        {"workers/storage/inbox.cpp", "// x\n    default: return;\n"},
        {"ipc-schema/storage_generated.h", ""},
        {"ipc-schema/x.ts", "// automatically generated by the FlatBuffers compiler\n"},
    };
    for (const SourceFile& file : bad) {
        EXPECT_EQ(banned(file).size(), 1u)
            << file.path << ": " << file.text << joined(banned(file));
    }
}

TEST(Bans, WordsInCommentsAndTextsAreNotCode) {
    const std::vector<SourceFile> good = {
        {"base/x.cpp",
         "// std::mutex is not here\n/* sleep(1) */\nauto t = \"std::thread \\\" x\";\n"},
        {"base/x.cpp", "// TODO(#12): later\nauto r = R\"(sprintf(a))\"; int n = 1'000;\n"},
        {"workers/storage/pool.cpp", "// x\nstd::thread worker;\n"},
        {"base/bytes.cpp", "int x;\n"},
        {"workers/x.cpp", "// x\nco_await sleep_for(loop, 5ms);\n"},
        {"base/x.h", "// x\n#pragma once\nstruct A { A() = default; };\n"},
        {"workers/api/inbox.cpp", "// x\nA() = default;\nvoid fast_sleeper();\n"},
    };
    for (const SourceFile& file : good) {
        EXPECT_TRUE(banned(file).empty()) << file.text << joined(banned(file));
    }
}

}  // namespace
}  // namespace warren::source_rules
