// Who may include whom, and which library belongs to which folder: the table of
// docs/architecture.md as data. A finding quotes the row that was broken.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

struct Layer {
    std::string_view folder;
    std::vector<std::string_view> may;  // folders or single files, besides its own
};
const std::vector<Layer>& layers() {
    static const std::vector<Layer> rows = {
        {"base", {}},
        {"ipc-schema", {}},
        {"protocol", {"base"}},
        {"storage-shard", {"base", "protocol"}},
        {"runtime/process", {"base", "ipc-schema"}},
        {"runtime/pipe", {"base", "ipc-schema", "runtime/process"}},
        {"workers/network", {"base", "protocol", "runtime", "ipc-schema"}},
        {"workers/torrent", {"base", "protocol", "runtime", "ipc-schema"}},
        {"workers/crypto", {"base", "protocol", "runtime", "ipc-schema"}},
        {"workers/storage", {"base", "protocol", "runtime", "ipc-schema", "storage-shard"}},
        {"workers/api", {"base", "protocol", "runtime", "ipc-schema"}},
        {"supervisor",
         {"base", "runtime/process", "ipc-schema/lifeline_generated.h",
          "ipc-schema/schema_hash.h"}},
        {"cli", {"base", "ipc-schema"}},
    };
    return rows;
}
constexpr std::array<std::string_view, 2> free_folders = {"tests", "bench"};

struct Library {
    std::string_view name;
    std::vector<std::string_view> headers;  // how its includes begin
    std::vector<std::string_view> only_in;
};
const std::vector<Library>& libraries() {
    static const std::vector<Library> rows = {
        {"SQLite", {"sqlite3"}, {"storage-shard"}},
        {"Unicode (ICU)", {"unicode/"}, {"storage-shard"}},
        {"ZeroMQ", {"zmq"}, {"runtime/pipe", "cli"}},
        {"Beast", {"boost/beast"}, {"workers/api"}},
        {"the event loop (Asio, Boost)", {"boost/"}, {"runtime/pipe", "workers"}},
        {"libtorrent", {"libtorrent/"}, {"workers/torrent"}},
        {"libsodium", {"sodium"}, {"workers/crypto"}},
        // The supervisor makes the keys of the pipes and may not link libzmq.
        {"OpenSSL", {"openssl/"}, {"base", "workers/crypto", "supervisor"}},
        {"TOML", {"toml"}, {"supervisor"}},
        {"spdlog", {"spdlog/"}, {"runtime/process"}},
        {"fmt", {"fmt/"}, {"runtime", "storage-shard", "workers", "supervisor", "cli"}},
        {"JSON trees (nlohmann)", {"nlohmann/"}, {"workers/api", "cli"}},
        {"JSON parser (simdjson)", {"simdjson"}, {"workers/api"}},
        {"HTTP client (cpp-httplib)", {"httplib"}, {"cli"}},
        {"command line (CLI11)", {"CLI/"}, {"cli"}},
        {"FlatBuffers", {"flatbuffers/"}, {"ipc-schema", "runtime", "supervisor", "workers"}},
        {"sandbox calls and packet filters",
         {"linux/landlock.h", "linux/seccomp.h", "seccomp.h", "linux/filter.h"},
         {"runtime/process", "supervisor"}},
        {"service manager (libsystemd)", {"systemd/"}, {"supervisor", "runtime/process"}},
    };
    return rows;
}

// What asks the world for something; protocol takes it as arguments.
const std::vector<std::string_view> impure_headers = {"thread",  "mutex",    "condition_variable",
                                                      "fstream", "iostream", "filesystem",
                                                      "random",  "ctime",    "chrono",
                                                      "future",  "cstdlib",  "stop_token"};

struct Include {
    bool quoted = false;
    std::string target;
};
std::vector<Include> includes_of(std::string_view text) {
    std::vector<Include> includes;
    for (const std::string& line : lines_of(text)) {
        const std::size_t hash = line.find_first_not_of(" \t");
        if (hash == std::string::npos || line[hash] != '#') continue;
        if (find_word(line, "include") == std::string::npos) continue;
        const std::size_t open = line.find_first_of("\"<");
        const std::size_t close =
            open == std::string::npos ? open : line.find_first_of("\">", open + 1);
        if (close == std::string::npos) continue;
        includes.push_back({line[open] == '"', line.substr(open + 1, close - open - 1)});
    }
    return includes;
}

std::string text_of(const std::vector<std::string_view>& words) {
    std::string text;
    for (std::string_view word : words)
        text += (text.empty() ? "" : ", ") + std::string(word);
    return text.empty() ? "nothing of ours" : text;
}

bool in_any(std::string_view path, const std::vector<std::string_view>& folders) {
    return std::ranges::any_of(folders, [&](auto folder) { return in_folder(path, folder); });
}

void check_own_include(const SourceFile& file, const std::string& target, const Layer& layer,
                       std::vector<std::string>& findings) {
    if (in_folder(target, layer.folder) || in_any(target, layer.may)) return;
    findings.push_back(file.path + " includes \"" + target + "\", but the row says: " +
                       std::string(layer.folder) + " may include " + text_of(layer.may));
}

void check_library(const SourceFile& file, const std::string& target,
                   std::vector<std::string>& findings) {
    for (const Library& library : libraries()) {
        const bool is_it = std::ranges::any_of(
            library.headers, [&](auto header) { return target.starts_with(header); });
        if (!is_it) continue;
        if (!in_any(file.path, library.only_in)) {
            findings.push_back(file.path + " includes <" + target + ">, but the row says: " +
                               std::string(library.name) + " only in " + text_of(library.only_in));
        }
        return;  // the first row that names it decides: Beast before Boost
    }
}

std::vector<std::string> broken_layers(const SourceFile& file) {
    std::vector<std::string> findings;
    const bool is_free = std::ranges::any_of(
        free_folders, [&](auto folder) { return in_folder(file.path, folder); });
    if (is_free) return findings;
    const auto layer = std::ranges::find_if(
        layers(), [&](const Layer& row) { return in_folder(file.path, row.folder); });
    if (layer == layers().end()) return {file.path + " lies in a folder without a row"};
    for (const Include& include : includes_of(file.text)) {
        if (include.quoted) {
            check_own_include(file, include.target, *layer, findings);
            continue;
        }
        check_library(file, include.target, findings);
        const bool impure =
            std::ranges::find(impure_headers, include.target) != impure_headers.end() ||
            include.target.find(".h") != std::string::npos;
        if (layer->folder == "protocol" && impure) {
            findings.push_back(file.path + " includes <" + include.target +
                               ">, but protocol is pure: bytes, time and randomness come in as "
                               "arguments");
        }
    }
    return findings;
}

TEST(Layers, TheTreeKeepsTheTable) {
    std::vector<std::string> findings;
    std::size_t seen = 0;
    for (const SourceFile& file : tree()) {
        if (!is_cpp(file.path)) continue;
        ++seen;
        std::ranges::copy(broken_layers(file), std::back_inserter(findings));
    }
    EXPECT_GT(seen, 20u) << "the tree was not found at " << WARREN_SOURCE_DIR;
    EXPECT_TRUE(findings.empty()) << joined(findings);
}

TEST(Layers, EachRowCanBeBroken) {
    const std::vector<SourceFile> bad = {
        {"base/x.h", "#include \"protocol/record.h\"\n"},
        {"base/x.h", "#include <fmt/format.h>\n"},
        {"runtime/process/x.h", "#include <boost/asio.hpp>\n"},
        {"protocol/x.cpp", "#include <chrono>\n"},
        {"protocol/x.cpp", "#include <unistd.h>\n"},
        {"storage-shard/x.cpp", "#include \"runtime/pipe/pipe.h\"\n"},
        {"runtime/process/x.cpp", "# include <zmq.h>\n"},
        {"runtime/process/x.cpp", "#include \"runtime/pipe/loop.h\"\n"},
        {"workers/network/x.cpp", "#include \"workers/api/outbox.h\"\n"},
        {"workers/network/x.cpp", "#include \"storage-shard/shard.h\"\n"},
        {"workers/network/x.cpp", "#include <sodium.h>\n"},
        {"workers/torrent/x.cpp", "#include <boost/beast/http.hpp>\n"},
        {"supervisor/x.cpp", "#include \"ipc-schema/storage_generated.h\"\n"},
        {"supervisor/x.cpp", "#include <sqlite3.h>\n"},
        {"cli/x.cpp", "#include \"runtime/process/settings.h\"\n"},
        {"workers/api/x.cpp", "#include \"outbox.h\"\n"},
        {"elsewhere/x.cpp", ""},
    };
    for (const SourceFile& file : bad) {
        EXPECT_EQ(broken_layers(file).size(), 1u) << file.path << ": " << file.text;
    }
}

TEST(Layers, GoodIncludesPass) {
    const std::vector<SourceFile> good = {
        {"protocol/x.cpp", "#include \"base/bytes.h\"\n#include <vector>\n"},
        {"workers/api/x.cpp", "#include <boost/beast/http.hpp>\n#include <boost/asio.hpp>\n"},
        {"workers/storage/x.cpp", "#include \"storage-shard/shard.h\"\n"},
        {"workers/crypto/sign/x.cpp", "#include \"workers/crypto/keys.h\"\n#include <sodium.h>\n"},
        {"supervisor/x.cpp", "#include \"ipc-schema/lifeline_generated.h\"\n"},
        {"tests/unit/x.cpp", "#include <sqlite3.h>\n"},
    };
    for (const SourceFile& file : good) {
        EXPECT_TRUE(broken_layers(file).empty()) << joined(broken_layers(file));
    }
}

}  // namespace
}  // namespace warren::source_rules
