// The worker as others see it: messages in, answers out, files between.
#include "tests/unit/storage/storage_fixture.h"

using namespace warren;
using namespace warren::test;

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
