// What outlives what: leaving, kills, older workers, moving slots, closing, full files.
#include "tests/unit/storage/storage_fixture.h"

using namespace warren;
using namespace warren::test;

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
    auto body = protocol::decode_sync_body(opening.message->blobs.at(0).view());
    ASSERT_TRUE(body.ok());
    ASSERT_EQ(body->elements.size(), 1u);
    Builder b;
    auto root = node->ask(question(b, S::CreateGetRoot(b, &id)));
    const auto* row = reply_of<S::GetRootReply>(root);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->count(), 11u);
    EXPECT_EQ(row->newest(), 11u);
    EXPECT_EQ(body->elements[0].sum.count, 11u);
    EXPECT_EQ(row->epoch(), body->epoch);
    EXPECT_GT(body->epoch, 20'000u);

    // Against itself: the same. Against a peer with nothing: how many, and then all of them.
    Builder c;
    auto again = question(c, S::CreateReconcile(c, &id, 9, false, true));
    again.blobs.push_back(opening.message->blobs.at(0));
    EXPECT_TRUE(reply_of<S::ReconcileReply>(node->ask(again))->in_sync());
    Builder d;
    auto empty = question(d, S::CreateReconcile(d, &id, 9, false, true));
    protocol::SyncElement nothing;
    nothing.range = {{}, protocol::sync_end()};
    nothing.mode = protocol::SyncMode::Fingerprint;
    empty.blobs.emplace_back(protocol::encode({body->epoch, {nothing}}));
    auto answer = node->ask(empty);
    ASSERT_TRUE(reply_of<S::ReconcileReply>(answer));
    EXPECT_FALSE(reply_of<S::ReconcileReply>(answer)->in_sync());
    auto told = protocol::decode_sync_body(answer.message->blobs.at(0).view());
    ASSERT_TRUE(told.ok());
    ASSERT_EQ(told->elements.size(), 1u);
    EXPECT_EQ(told->elements[0].sum.count, 11u);
    Builder e;
    auto fetch = question(e, S::CreateFetchRecords(e, &id, 9, 1 << 20));
    fetch.blobs.emplace_back(
        protocol::encode_selections({{told->elements[0].range, {}, false, 11}}));
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
    for (const auto& blob : listed.message->blobs)
        EXPECT_LE(blob.size(), pipe::piece_bytes_max);
    auto files = pipe::join_blobs(listed.message->blobs);
    ASSERT_EQ(files.size(), 300'002u);
    EXPECT_EQ(Bytes(files.end() - 2, files.end()), (Bytes{9, 9}));
    const auto* reply = reply_of<S::ListStoredDownloadsReply>(listed);
    const auto* row = reply->downloads()->Get(0);
    EXPECT_EQ(row->torrent_bytes(), 300'000u);
    EXPECT_EQ(row->resume_bytes(), 2u);
    EXPECT_FALSE(row->paused());
    EXPECT_FALSE(reply->more());
    Builder d;
    auto behind = node->ask(question(d, S::CreateListStoredDownloads(d, &wire)));
    ASSERT_TRUE(reply_of<S::ListStoredDownloadsReply>(behind));
    EXPECT_EQ(reply_of<S::ListStoredDownloadsReply>(behind)->downloads()->size(), 0u);
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

TEST_F(StorageTest, ARetryFoundsTheSameChannelAfterSlotsMoved) {
    auto& map = node->host().change_slots();
    auto serve = [&](std::vector<std::uint8_t> slots) {
        map.workers.assign(process::slot_count, 1);
        for (auto slot : slots)
            map.workers[slot] = 0;
        node->host().released = 0;
        ++map.version;
        node->worker().on_slots();
        EXPECT_TRUE(node->run_until([&] { return node->host().released == map.version; }));
    };
    const auto slot = process::founding_slot(request_id(1));
    serve({slot});
    auto first = found("c", 1);
    const auto* founded = reply_of<S::FoundChannelReply>(first);
    ASSERT_TRUE(founded) << first.failure.text;
    auto channel = from_wire<CommunityId>(*founded->community());
    EXPECT_EQ(process::slot_of(channel), slot);
    EXPECT_TRUE(announce(*founded, 1).failure.moved) << "the directory is another worker's";
    // The asker died of it, slots moved, and it asks again, whoever serves what now.
    serve({process::slot_of(directory)});
    if (slot != process::slot_of(directory)) {
        EXPECT_TRUE(found("c", 1).failure.moved);
    }
    epoch += std::uint64_t{1} << 32;  // the whole node starts again
    start();
    auto again = found("c", 1);
    const auto* second = reply_of<S::FoundChannelReply>(again);
    ASSERT_TRUE(second) << again.failure.text;
    EXPECT_EQ(from_wire<CommunityId>(*second->community()), channel);
    EXPECT_EQ(second->record()->time(), founded->record()->time());
    EXPECT_EQ(found_channel("c", 1), channel);
    EXPECT_EQ(found_channel("c", 1), channel) << "announced twice by one id is announced once";
    EXPECT_EQ(joined(), (std::set<CommunityId>{directory, channel}));
    Builder builder;
    auto id = to_wire<ipc::CommunityId>(directory);
    auto root = node->ask(question(builder, S::CreateGetRoot(builder, &id)));
    ASSERT_TRUE(reply_of<S::GetRootReply>(root));
    EXPECT_EQ(reply_of<S::GetRootReply>(root)->count(), 1u);
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
