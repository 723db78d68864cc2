// A folder of a test, gone when the test ends; and torrents made of text.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace warren::torrent {

class Scratch {
public:
    Scratch() {
        std::string pattern = (std::filesystem::temp_directory_path() / "warren-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string path(std::string_view below = {}) const {
        return below.empty() ? path_ : path_ + "/" + std::string(below);
    }
    void write(std::string_view below, std::string_view content) const {
        const std::filesystem::path file = path(below);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << content;
    }
    static std::string read(const std::string& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

private:
    std::string path_;
};

inline std::string bencoded(std::string_view text) {
    return std::to_string(text.size()) + ":" + std::string(text);
}

// A v1 torrent. `files`: the bencoded value of "files", or empty for a single file of one byte.
struct TorrentText {
    std::string name = "name";
    std::string files;
    std::string info_extra;   // sorted between "name" and "piece length", or behind "pieces"
    std::string outer_first;  // keys before "info"
    std::string outer_last;   // keys behind it
    std::string pieces = std::string(20, 'p');

    std::string text() const {
        std::string info = "d";
        if (!files.empty())
            info += bencoded("files") + files;
        else
            info += bencoded("length") + "i1e";
        info += bencoded("name") + bencoded(name) + bencoded("piece length") + "i16384e" +
                bencoded("pieces") + bencoded(pieces) + info_extra + "e";
        return "d" + outer_first + bencoded("info") + info + outer_last + "e";
    }
};

inline std::string file_entry(std::initializer_list<std::string_view> path,
                              std::string_view attributes = {}) {
    std::string out = "d";
    if (!attributes.empty()) out += bencoded("attr") + bencoded(attributes);
    out += bencoded("length") + "i1e" + bencoded("path") + "l";
    for (const auto part : path)
        out += bencoded(part);
    return out + "ee";
}

}  // namespace warren::torrent
