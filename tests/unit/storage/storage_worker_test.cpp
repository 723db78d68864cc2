// The worker as others see it: messages in, answers out, files between.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/unit/storage/fake_node.h"
#include "tests/unit/storage_shard/fixture.h"
#include "workers/storage/wire.h"

using namespace warren;
using namespace warren::test;
using storage::wire::from_wire;
using storage::wire::to_wire;

namespace {

RequestId request_id(std::uint64_t n) {
    return SeededRandom(n).id<RequestId>();
}

class StorageTest : public ::testing::Test {
protected:
    StorageTest() { start(); }

    void start(std::vector<StorageNode::Setting> settings = {}) {
        node.reset();
        node = std::make_unique<StorageNode>(me, folder.path(), ++epoch, settings);
    }

    pipe::Message store_message(const CommunityId& community, const std::vector<Bytes>& packets) {
        Builder builder;
        Bytes blob;
        std::vector<std::uint16_t> sizes;
        for (const auto& packet : packets) {
            sizes.push_back(static_cast<std::uint16_t>(packet.size()));
            append(blob, packet);
        }
        auto id = to_wire<ipc::CommunityId>(community);
        auto list = builder.CreateVector(sizes);
        auto message = question(builder, S::CreateStoreRecords(builder, &id, list));
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
    CommunityId found_channel(const std::string& name, std::uint64_t request) {
        auto answer = found(name, request);
        const auto* reply = reply_of<S::FoundChannelReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        return reply ? from_wire<CommunityId>(*reply->community()) : CommunityId{};
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

}  // namespace

TEST_F(StorageTest, FoundsAChannelPublishesListsAndFinds) {
    auto channel = found_channel("Films of the commons", 1);
    auto first = publish(channel, "Night of the Living Dead", 2);
    auto second = publish(channel, "Nosferatu", 3);
    EXPECT_EQ(first.time, 2u);
    EXPECT_EQ(second.time, 3u);
    EXPECT_EQ(contents(channel),
              (std::vector<std::string>{"Nosferatu", "Night of the Living Dead"}));
    EXPECT_TRUE(comes_to_find("living", 1));
    EXPECT_TRUE(comes_to_find("commons", 2));
    EXPECT_EQ(joined(), (std::set<CommunityId>{directory, channel}));

    Builder builder;
    auto after = builder.CreateString("");
    auto answer = node->ask(question(builder, S::CreateListChannels(builder, after, 10)));
    const auto* list = reply_of<S::ListChannelsReply>(answer);
    ASSERT_TRUE(list);
    ASSERT_EQ(list->channels()->size(), 1u);
    const auto* row = list->channels()->Get(0);
    EXPECT_EQ(row->name()->str(), "Films of the commons");
    EXPECT_EQ(row->description()->str(), "about Films of the commons");
    EXPECT_EQ(row->torrents(), 2u);
    EXPECT_TRUE(row->own());
    EXPECT_TRUE(row->joined());

    // Genesis, announcement and two torrents went to neighbours; network knows of the channel.
    auto& outbox = node->host().outbox();
    EXPECT_TRUE(node->run_until([&] { return outbox.pushed.size() == 4; }));
    for (const auto& packet : outbox.pushed)
        EXPECT_TRUE(protocol::decode_record(packet).ok());
    EXPECT_EQ(outbox.changes, (std::vector<std::pair<CommunityId, bool>>{{channel, true}}));
}

TEST_F(StorageTest, RequestsByTheSameIdAreAppliedOnce) {
    auto channel = found_channel("c", 1);
    EXPECT_EQ(found_channel("c", 1), channel);
    auto first = publish(channel, "a", 2);
    EXPECT_EQ(publish(channel, "a", 2), first);
    // Also when both are under way at once, and after a restart.
    std::vector<std::pair<RequestId, pipe::Message>> twice;
    for (int i = 0; i < 5; ++i)
        twice.emplace_back(request_id(3), publish_message(channel, "b"));
    for (const auto& answer : node->ask_all(std::move(twice)))
        EXPECT_TRUE(reply_of<S::PublishRecordReply>(answer)) << answer.failure.text;
    start();
    EXPECT_EQ(publish(channel, "a", 2), first);
    EXPECT_EQ(found_channel("c", 1), channel);
    EXPECT_EQ(contents(channel), (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(joined().size(), 2u);
}

TEST_F(StorageTest, ManyPublicationsAtOnceMakeOneLine) {
    auto channel = found_channel("c", 1);
    std::vector<std::pair<RequestId, pipe::Message>> many;
    for (std::uint64_t i = 0; i < 40; ++i)
        many.emplace_back(request_id(100 + i), publish_message(channel, "t" + std::to_string(i)));
    std::set<GlobalTime> times;
    for (const auto& answer : node->ask_all(std::move(many))) {
        const auto* reply = reply_of<S::PublishRecordReply>(answer);
        ASSERT_TRUE(reply) << answer.failure.text;
        times.insert(reply->record()->time());
    }
    EXPECT_EQ(times.size(), 40u);
    EXPECT_EQ(*times.rbegin(), 41u);
}

TEST_F(StorageTest, WithoutSignNothingIsPublishedAndTheTurnIsFree) {
    auto channel = found_channel("c", 1);
    node->host().outbox().sign_is_down = true;
    auto answer = node->ask(publish_message(channel, "a"), request_id(2));
    EXPECT_EQ(answer.failure.kind, ErrorKind::Unavailable);
    node->host().outbox().sign_is_down = false;
    EXPECT_EQ(publish(channel, "a", 2).time, 2u);
}

TEST_F(StorageTest, BadRequestsAreRefusedAndChangeNothing) {
    EXPECT_EQ(found("", 1).failure.kind, ErrorKind::BadInput);
    EXPECT_EQ(found(std::string(129, 'x'), 1).failure.kind, ErrorKind::BadInput);
    EXPECT_EQ(found("\xff", 1).failure.kind, ErrorKind::BadInput);
    CommunityId unknown{{7}};
    EXPECT_EQ(node->ask(publish_message(unknown, "a")).failure.kind, ErrorKind::NotFound);
    EXPECT_EQ(node->ask(store_message(unknown, {})).failure.kind, ErrorKind::NotFound);
    EXPECT_EQ(leave(unknown).failure.kind, ErrorKind::NotFound);
    EXPECT_EQ(leave(directory).failure.kind, ErrorKind::Refused);
    auto message = store_message(directory, {Bytes(50, 1)});
    message.blobs.front() = pipe::Frame(Bytes(49, 1));
    EXPECT_EQ(node->ask(message).failure.kind, ErrorKind::BadInput);
    EXPECT_EQ(node->ask(pipe::Message{pipe::Frame(Bytes(64, 0xee)), {}}).failure.kind,
              ErrorKind::BadInput);
    EXPECT_EQ(joined(), std::set<CommunityId>{directory});
}

TEST_F(StorageTest, StoresInGroupsAndAnswersEach) {
    TestChannel channel(other, 5);
    ASSERT_TRUE(reply_of<S::Done>(join(channel.community())));
    EXPECT_EQ(store(channel.community(), {channel.genesis("theirs")}),
              std::vector<ipc::Verdict>{ipc::Verdict::Accepted});
    std::vector<std::pair<RequestId, pipe::Message>> many;
    for (int i = 0; i < 30; ++i) {
        std::vector<Bytes> packets;
        for (int j = 0; j < 10; ++j)
            packets.push_back(channel.torrent("film " + std::to_string(i * 10 + j)));
        packets.push_back(Bytes(60, 3));
        packets.push_back(packets.front());
        many.emplace_back(RequestId{}, store_message(channel.community(), packets));
    }
    for (const auto& answer : node->ask_all(std::move(many))) {
        std::vector<ipc::Verdict> expected(10, ipc::Verdict::Accepted);
        expected.push_back(ipc::Verdict::Refused);
        expected.push_back(ipc::Verdict::Known);
        EXPECT_EQ(verdicts(answer), expected);
    }
    EXPECT_LT(node->host().metrics().counter("storage_commits_total"), 31u);
    EXPECT_TRUE(comes_to_find("film", 100));
}

TEST_F(StorageTest, FollowsWhatTheDirectoryAnnounces) {
    TestChannel one(other, 5), two(other, 6);
    store(directory, {one.announcement("one", 1), two.announcement("two", 2)});
    EXPECT_TRUE(node->run_until([&] { return joined().size() == 3; }));
    EXPECT_TRUE(node->run_until([&] { return node->host().outbox().changes.size() == 2; }));
    // The founder is known from the announcement: records before the genesis are accepted.
    auto genesis = one.genesis("one");
    EXPECT_EQ(store(one.community(), {one.torrent("early")}),
              std::vector<ipc::Verdict>{ipc::Verdict::Accepted});
    // What was left is not followed again, also not after a restart.
    ASSERT_TRUE(reply_of<S::Done>(leave(two.community())));
    EXPECT_EQ(joined(), (std::set<CommunityId>{directory, one.community()}));
    TestChannel three(other, 7);
    store(directory, {two.announcement("two again", 3), three.announcement("three", 4)});
    EXPECT_TRUE(node->run_until([&] { return joined().contains(three.community()); }));
    EXPECT_FALSE(joined().contains(two.community()));
    start();
    EXPECT_EQ(joined(), (std::set<CommunityId>{directory, one.community(), three.community()}));
}

TEST_F(StorageTest, FollowingHasItsBound) {
    start({{"channels.follow_max", "2"}});
    std::vector<Bytes> announcements;
    for (std::uint64_t i = 0; i < 6; ++i)
        announcements.push_back(
            TestChannel(other, 10 + i).announcement("c" + std::to_string(i), i + 1));
    store(directory, announcements);
    EXPECT_TRUE(node->run_until([&] { return joined().size() == 3; }));
    node->finish(node->worker().drain());
    EXPECT_EQ(joined().size(), 3u);
    start({{"channels.follow", "none"}});
    store(directory, {TestChannel(other, 30).announcement("x", 30)});
    EXPECT_EQ(joined().size(), 3u);
}

TEST_F(StorageTest, LeavingAndJoiningAgainKeepsRecords) {
    auto channel = found_channel("c", 1);
    publish(channel, "kept film", 2);
    EXPECT_TRUE(comes_to_find("kept", 1));
    ASSERT_TRUE(reply_of<S::Done>(leave(channel)));
    EXPECT_TRUE(comes_to_find("kept", 0));
    Builder builder;
    auto id = to_wire<ipc::CommunityId>(channel);
    EXPECT_EQ(node->ask(question(builder, S::CreateGetRoot(builder, &id))).failure.kind,
              ErrorKind::NotFound);
    ASSERT_TRUE(reply_of<S::Done>(join(channel)));
    EXPECT_EQ(contents(channel), std::vector<std::string>{"kept film"});
    EXPECT_TRUE(comes_to_find("kept", 1));
    EXPECT_EQ(publish(channel, "next", 3).time, 3u);
}

TEST_F(StorageTest, AKilledWorkersSuccessorHasAndFindsEverything) {
    auto channel = found_channel("c", 1);
    for (std::uint64_t i = 0; i < 20; ++i)
        publish(channel, "film " + std::to_string(i), 10 + i);
    // The files as they stand now are what a kill leaves; the derived one is lost altogether.
    TempFolder copy;
    std::filesystem::copy(folder.path(), copy.path(), std::filesystem::copy_options::recursive);
    std::size_t removed = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(copy.path()))
        if (entry.path().filename().string().starts_with("derived"))
            removed += std::filesystem::remove(entry.path()) ? 1u : 0u;
    EXPECT_GT(removed, 0u);
    auto killed = std::move(node);
    node = std::make_unique<StorageNode>(me, copy.path(), epoch + 1);
    EXPECT_TRUE(comes_to_find("film", 20));
    EXPECT_EQ(contents(channel).size(), 20u);
    EXPECT_EQ(publish(channel, "film 3", 13).time, 5u);
    EXPECT_EQ(publish(channel, "new", 99).time, 22u);
    node.reset();
}

TEST_F(StorageTest, AnOlderWorkerThatRunsOnWritesNothing) {
    auto channel = found_channel("c", 1);
    publish(channel, "a", 2);
    auto old = std::move(node);
    node = std::make_unique<StorageNode>(me, folder.path(), epoch + 2);
    EXPECT_EQ(publish(channel, "b", 3).time, 3u);
    auto late = old->ask(publish_message(channel, "late"), request_id(4));
    EXPECT_EQ(late.failure.kind, ErrorKind::Refused) << late.failure.text;
    EXPECT_EQ(contents(channel), (std::vector<std::string>{"b", "a"}));
}

TEST_F(StorageTest, ReconcilesAndFetches) {
    auto channel = found_channel("c", 1);
    for (std::uint64_t i = 0; i < 10; ++i)
        publish(channel, "t" + std::to_string(i), 10 + i);
    auto id = to_wire<ipc::CommunityId>(channel);
    Builder a;
    auto opening = node->ask(question(a, S::CreateReconcile(a, &id, 9, true, false)));
    ASSERT_TRUE(reply_of<S::ReconcileReply>(opening));
    auto elements = protocol::decode_elements(opening.message->blobs.at(0).view());
    ASSERT_TRUE(elements.ok());
    ASSERT_EQ(elements->size(), 1u);
    Builder b;
    auto root = node->ask(question(b, S::CreateGetRoot(b, &id)));
    const auto* row = reply_of<S::GetRootReply>(root);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->count(), 11u);
    EXPECT_EQ(row->newest(), 11u);
    EXPECT_EQ((*elements)[0].sum.count, 11u);

    // Against itself: the same. Against a peer with nothing: ids, and then the records.
    Builder c;
    auto again = question(c, S::CreateReconcile(c, &id, 9, false, true));
    again.blobs.push_back(opening.message->blobs.at(0));
    EXPECT_TRUE(reply_of<S::ReconcileReply>(node->ask(again))->in_sync());
    Builder d;
    auto empty = question(d, S::CreateReconcile(d, &id, 9, false, true));
    protocol::SyncElement nothing;
    nothing.range = {{}, protocol::sync_end()};
    nothing.mode = protocol::SyncMode::Fingerprint;
    empty.blobs.emplace_back(protocol::encode_elements({nothing}));
    auto answer = node->ask(empty);
    ASSERT_TRUE(reply_of<S::ReconcileReply>(answer));
    EXPECT_FALSE(reply_of<S::ReconcileReply>(answer)->in_sync());
    auto ids = protocol::decode_elements(answer.message->blobs.at(0).view());
    ASSERT_TRUE(ids.ok());
    ASSERT_EQ(ids->size(), 1u);
    EXPECT_EQ((*ids)[0].ids.size(), 11u);
    Builder e;
    auto fetch = question(e, S::CreateFetchRecords(e, &id, 9, 1 << 20));
    fetch.blobs.emplace_back(protocol::encode_selections({{(*ids)[0].range, (*ids)[0].ids}}));
    auto fetched = node->ask(fetch);
    const auto* sizes = reply_of<S::FetchRecordsReply>(fetched);
    ASSERT_TRUE(sizes);
    EXPECT_EQ(sizes->sizes()->size(), 11u);
    Builder f;
    auto broken = question(f, S::CreateReconcile(f, &id, 9, false, true));
    broken.blobs.emplace_back(Bytes(30, 0xff));
    EXPECT_EQ(node->ask(broken).failure.kind, ErrorKind::BadInput);
}

TEST_F(StorageTest, KeepsDownloads) {
    Builder a;
    auto infohash = SeededRandom(3).id<Infohash>();
    auto wire = to_wire<ipc::Infohash>(infohash);
    auto name = a.CreateString("n");
    auto text = a.CreateString("");
    auto put = question(a, S::CreatePutDownload(a, &wire, name, text, text, text, true, 5));
    put.blobs.emplace_back(Bytes(200'000, 1));
    put.blobs.emplace_back(Bytes(100'000, 2));
    auto created = node->ask(put);
    ASSERT_TRUE(reply_of<S::PutDownloadReply>(created)) << created.failure.text;
    EXPECT_TRUE(reply_of<S::PutDownloadReply>(created)->created());
    EXPECT_FALSE(reply_of<S::PutDownloadReply>(node->ask(put))->created());
    Builder b;
    auto resume = question(b, S::CreatePutResume(b, &wire, false));
    resume.blobs.emplace_back(Bytes{9, 9});
    ASSERT_TRUE(reply_of<S::Done>(node->ask(resume)));
    start();
    Builder c;
    auto listed = node->ask(question(c, S::CreateListStoredDownloads(c)));
    ASSERT_TRUE(reply_of<S::ListStoredDownloadsReply>(listed));
    ASSERT_EQ(listed.message->blobs.size(), 2u);
    EXPECT_EQ(listed.message->blobs[0].size(), 300'000u);
    EXPECT_EQ(to_bytes(listed.message->blobs[1].view()), (Bytes{9, 9}));
    EXPECT_FALSE(reply_of<S::ListStoredDownloadsReply>(listed)->downloads()->Get(0)->paused());
}

TEST_F(StorageTest, ALostSlotIsClosedReleasedAndAnsweredWithMoved) {
    auto channel = found_channel("c", 1);
    publish(channel, "a", 2);
    auto slot = process::slot_of(channel);
    node->host().change_slots().version = 2;
    node->host().change_slots().workers[slot] = 1;
    node->worker().on_slots();
    EXPECT_TRUE(node->run_until([&] { return node->host().released == 2; }));
    EXPECT_FALSE(std::filesystem::exists(shard_file(channel) + "-wal"));
    EXPECT_TRUE(node->ask(publish_message(channel, "b")).failure.moved);
    EXPECT_TRUE(joined().contains(channel));  // the list covers all slots
    node->host().change_slots().version = 3;
    node->host().change_slots().workers[slot] = 0;
    node->worker().on_slots();
    EXPECT_EQ(publish(channel, "b", 3).time, 3u);
}

TEST_F(StorageTest, ANewChannelLiesInASlotOfThisWorker) {
    auto mine = process::slot_of(directory);
    auto& map = node->host().change_slots();
    map.workers.assign(process::slot_count, 1);
    map.workers[mine] = 0;
    map.version = 2;
    node->worker().on_slots();
    EXPECT_EQ(process::slot_of(found_channel("c", 1)), mine);
}

TEST_F(StorageTest, FewShardsAreOpenAtATime) {
    start({{"storage.open_shards_max", "2"}});
    std::vector<CommunityId> channels;
    for (std::uint64_t i = 0; i < 8; ++i)
        channels.push_back(found_channel("c" + std::to_string(i), i + 1));
    for (int round = 0; round < 3; ++round)
        for (std::uint64_t i = 0; i < channels.size(); ++i)
            publish(channels[i], "t" + std::to_string(round),
                    1000 + static_cast<std::uint64_t>(round) * 10 + i);
    for (const auto& channel : channels)
        EXPECT_EQ(contents(channel).size(), 3u);
    EXPECT_TRUE(comes_to_find("t1", 8));
    EXPECT_TRUE(
        node->run_until([&] { return node->host().metrics().gauge("storage_open_shards") <= 4; }));
}

TEST_F(StorageTest, DrainingLeavesFilesWithoutLogs) {
    auto channel = found_channel("c", 1);
    publish(channel, "a", 2);
    node->finish(node->worker().drain());
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
        EXPECT_FALSE(entry.path().string().ends_with("-wal")) << entry.path();
}

TEST_F(StorageTest, AFullShardRefusesAndOthersGoOn) {
    start({{"storage.shard_bytes_max", "1048576"}});
    TestChannel big(other, 5);
    auto small = found_channel("small", 1);
    ASSERT_TRUE(reply_of<S::Done>(join(big.community())));
    store(big.community(), {big.genesis("big")});
    pipe::Answer last(Error{ErrorKind::Io, ""});
    for (int i = 0; i < 400; ++i) {
        std::vector<Bytes> packets;
        for (int j = 0; j < 5; ++j)
            packets.push_back(big.torrent("f" + std::to_string(i * 5 + j),
                                          std::vector<std::string>(30, std::string(200, 'n'))));
        last = node->ask(store_message(big.community(), packets));
        if (!last.message) break;
    }
    EXPECT_FALSE(last.message);
    EXPECT_EQ(last.failure.kind, ErrorKind::NoSpace) << last.failure.text;
    EXPECT_EQ(publish(small, "still here", 2).time, 2u);
    EXPECT_EQ(contents(big.community()).size(), 100u);
}
