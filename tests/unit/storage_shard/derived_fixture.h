// A channel's shard and the derived file that follows it.
#pragma once

#include <algorithm>

#include "storage-shard/derived.h"
#include "storage-shard/derived_reader.h"
#include "tests/unit/storage_shard/fixture.h"

namespace warren::test {

class DerivedFixture : public ShardFixture {
protected:
    void SetUp() override {
        into = open();
        auto opened = shard::Derived::open(derived_path());
        ASSERT_OK(opened);
        derived = std::move(*opened);
    }
    std::string derived_path() const { return folder.file("derived.sqlite"); }
    void catch_up() {
        auto from = reader();
        bool more = true;
        while (more) {
            auto step = derived->catch_up(channel.community(), *from, {50});
            ASSERT_OK(step);
            more = step->more;
        }
    }
    std::unique_ptr<shard::DerivedReader> derived_reader() {
        auto opened = shard::DerivedReader::open(derived_path());
        EXPECT_OK(opened);
        return opened ? std::move(*opened) : nullptr;
    }
    // Best text first.
    std::vector<std::string> search(const std::string& text, std::size_t limit = 100) {
        auto found = derived_reader()->search(text, {limit});
        EXPECT_OK(found);
        std::vector<std::string> out;
        if (!found) return out;
        std::ranges::stable_sort(found->torrents, std::greater{}, &shard::FoundTorrent::text);
        for (const auto& torrent : found->torrents)
            out.push_back(torrent.name);
        return out;
    }
    void forget(shard::Derived::Then then) {
        bool more = true;
        while (more) {
            auto step = derived->forget(channel.community(), then, 3);
            ASSERT_OK(step);
            more = *step;
        }
    }
    std::optional<shard::AuthorPage>
    author(const TestIdentity& who, const std::optional<shard::AuthorCursor>& after = std::nullopt,
           std::size_t limit = 1000) {
        auto page =
            derived_reader()->author(protocol::member_id(who.public_key().view()), after, limit);
        EXPECT_OK(page);
        return page ? *page : std::nullopt;
    }
    using Names = std::vector<std::string>;
    std::unique_ptr<shard::Shard> into;
    std::unique_ptr<shard::Derived> derived;
};

}  // namespace warren::test
