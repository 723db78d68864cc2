// A folder that goes away, and a channel's shard in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"
#include "tests/support/test_identity.h"

namespace warren::test {

class TempFolder {
public:
    TempFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "warren-shard-XXXXXX").string();
        WARREN_CHECK(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TempFolder() { std::filesystem::remove_all(path_); }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

inline Bytes read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void write_file(const std::string& path, const Bytes& bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
}

template <typename T>
std::string error_text(const Result<T>& result) {
    return result.ok() ? "" : result.error().text;
}
#define ASSERT_OK(expression) ASSERT_EQ(::warren::test::error_text(expression), "")
#define EXPECT_OK(expression) EXPECT_EQ(::warren::test::error_text(expression), "")

class ShardFixture : public ::testing::Test {
protected:
    std::unique_ptr<shard::Shard> open(std::uint64_t epoch = 1,
                                       std::uint64_t bytes_max = 64 << 20) {
        if (!std::filesystem::exists(path())) {
            EXPECT_OK(shard::Shard::create(path(), channel.community(), std::nullopt));
        }
        auto opened = shard::Shard::open(path(), channel.community(),
                                         {{0, epoch}, bytes_max, shard::Check::None});
        EXPECT_OK(opened);
        return opened ? std::move(*opened) : nullptr;
    }
    std::unique_ptr<shard::ShardReader> reader() {
        auto opened = shard::ShardReader::open(path(), channel.community());
        EXPECT_OK(opened);
        return opened ? std::move(*opened) : nullptr;
    }
    protocol::RangeView& ranges(shard::Shard& of) {
        auto found = of.ranges(of.root().epoch, 0);
        EXPECT_OK(found);
        return **found;
    }
    std::string path() const { return folder.file("channel.shard"); }
    static std::vector<ByteView> views(const std::vector<Bytes>& packets) {
        return {packets.begin(), packets.end()};
    }
    static std::vector<shard::Verdict> store(shard::Shard& into,
                                             const std::vector<Bytes>& packets) {
        auto verdicts = into.store(views(packets), shard::Durability::Replicated);
        EXPECT_OK(verdicts);
        return verdicts ? *verdicts : std::vector<shard::Verdict>{};
    }
    // Genesis and `count` torrents.
    std::vector<Bytes> records(int count) {
        std::vector<Bytes> out{channel.genesis("Films of the commons")};
        for (int i = 0; i < count; ++i)
            out.push_back(channel.torrent("film number " + std::to_string(i)));
        return out;
    }

    TempFolder folder;
    TestIdentity founder{1};
    TestIdentity stranger{2};
    TestChannel channel{founder, 7};
};

}  // namespace warren::test
