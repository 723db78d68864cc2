// A storage worker in a folder of its own, and questions to it in a word each.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "runtime/pipe/wire.h"
#include "tests/unit/storage/fake_node.h"
#include "tests/unit/storage_shard/fixture.h"

namespace warren::test {

using pipe::wire::from_wire;
using pipe::wire::to_wire;

inline RequestId request_id(std::uint64_t n) {
    return SeededRandom(n).id<RequestId>();
}

class StorageTest : public ::testing::Test {
protected:
    StorageTest() { start(); }

    void start(std::vector<StorageNode::Setting> settings = {}) {
        node.reset();
        node = std::make_unique<StorageNode>(me, folder.path(), ++epoch, settings);
    }

    enum class Durable { No, Yes };
    pipe::Message store_message(const CommunityId& community, const std::vector<Bytes>& packets,
                                Durable durable = Durable::No) {
        Builder builder;
        Bytes blob;
        std::vector<std::uint16_t> sizes;
        for (const auto& packet : packets) {
            sizes.push_back(static_cast<std::uint16_t>(packet.size()));
            append(blob, packet);
        }
        auto id = to_wire<ipc::CommunityId>(community);
        auto list = builder.CreateVector(sizes);
        auto message =
            question(builder, S::CreateStoreRecords(builder, &id, list, durable == Durable::Yes));
        message.blobs.emplace_back(std::move(blob));
        return message;
    }
    std::vector<ipc::Verdict> store(const CommunityId& community,
                                    const std::vector<Bytes>& packets) {
        return verdicts(node->ask(store_message(community, packets)));
    }
    static std::vector<ipc::Verdict> verdicts(const pipe::Answer& answer) {
        const auto* reply = reply_of<S::StoreRecordsReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        std::vector<ipc::Verdict> out;
        if (reply)
            for (auto verdict : *reply->verdicts())
                out.push_back(static_cast<ipc::Verdict>(verdict));
        return out;
    }
    pipe::Answer found(const std::string& name, std::uint64_t request) {
        Builder builder;
        auto text = builder.CreateString(name);
        auto more = builder.CreateString("about " + name);
        return node->ask(question(builder, S::CreateFoundChannel(builder, text, more)),
                         request_id(request));
    }
    // Both steps, as api takes them; the second has an id of its own.
    CommunityId found_channel(const std::string& name, std::uint64_t request) {
        auto answer = found(name, request);
        const auto* reply = reply_of<S::FoundChannelReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        if (!reply) return {};
        auto announced = announce(*reply, request);
        EXPECT_TRUE(reply_of<S::PublishRecordReply>(announced)) << announced.failure.text;
        return from_wire<CommunityId>(*reply->community());
    }
    pipe::Answer announce(const S::FoundChannelReply& founded, std::uint64_t request) {
        return node->ask(announcement_of(founded), request_id(request + 1'000'000));
    }
    pipe::Message publish_message(const CommunityId& community, const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        Builder builder;
        auto payload = builder.CreateVector(protocol::encode(entry));
        auto id = to_wire<ipc::CommunityId>(community);
        auto kind = static_cast<std::uint8_t>(protocol::RecordKind::Torrent);
        return question(builder, S::CreatePublishRecord(builder, &id, kind, payload));
    }
    RecordRef publish(const CommunityId& community, const std::string& name,
                      std::uint64_t request) {
        auto answer = node->ask(publish_message(community, name), request_id(request));
        const auto* reply = reply_of<S::PublishRecordReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        if (!reply) return {};
        return {reply->record()->time(), from_wire<RecordId>(reply->record()->id())};
    }
    std::vector<std::string> contents(const CommunityId& community) {
        Builder builder;
        auto id = to_wire<ipc::CommunityId>(community);
        auto after = builder.CreateString("");
        auto answer = node->ask(question(builder, S::CreateListContents(builder, &id, after, 100)));
        const auto* reply = reply_of<S::ListContentsReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        std::vector<std::string> out;
        if (reply)
            for (const auto* torrent : *reply->torrents())
                out.push_back(torrent->name()->str());
        return out;
    }
    std::vector<std::string> search(const std::string& text) {
        Builder builder;
        auto words = builder.CreateString(text);
        auto answer = node->ask(question(builder, S::CreateSearch(builder, words, 100)));
        const auto* reply = reply_of<S::SearchReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        std::vector<std::string> out;
        if (reply)
            for (const auto* torrent : *reply->torrents())
                out.push_back(torrent->name()->str());
        return out;
    }
    bool comes_to_find(const std::string& text, std::size_t count) {
        auto deadline = monotonic_now() + 20_s;
        while (search(text).size() != count)
            if (monotonic_now() > deadline) return false;
        return true;
    }
    std::set<CommunityId> joined() {
        Builder builder;
        auto answer = node->ask(question(builder, S::CreateListCommunities(builder)));
        const auto* reply = reply_of<S::ListCommunitiesReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        std::set<CommunityId> out;
        if (reply)
            for (const auto* row : *reply->communities())
                out.insert(from_wire<CommunityId>(*row->id()));
        return out;
    }
    pipe::Answer leave(const CommunityId& community) {
        Builder builder;
        auto id = to_wire<ipc::CommunityId>(community);
        return node->ask(question(builder, S::CreateLeaveCommunity(builder, &id)));
    }
    pipe::Answer join(const CommunityId& community) {
        Builder builder;
        auto id = to_wire<ipc::CommunityId>(community);
        return node->ask(question(builder, S::CreateJoinCommunity(builder, &id)));
    }
    std::string shard_file(const CommunityId& community) {
        return storage::Layout(folder.path()).shard_file(community);
    }

    TempFolder folder;
    TestIdentity me{1}, other{2};
    std::uint64_t epoch = (std::uint64_t{1} << 32);
    std::unique_ptr<StorageNode> node;
    CommunityId directory = protocol::directory_community();
};

}  // namespace warren::test
