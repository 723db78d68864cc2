// Records of this node: time, predecessor, idempotence.
#include <list>

#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;
using protocol::RecordKind;

namespace {

class Publish : public ShardFixture {
protected:
    RequestId request(std::uint64_t n) { return SeededRandom(n).id<RequestId>(); }
    Bytes payload(const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        return protocol::encode(entry);
    }
    Result<RecordRef> publish(Shard& into, const RequestId& id, RecordKind kind, const Bytes& body,
                              std::int64_t now_ms = 1000) {
        WARREN_TRY(auto prepared, into.prepare_publish({id, kind, founder.public_key(), body}));
        if (prepared.done) return *prepared.done;
        return into.commit_publish(id, founder.signed_packet(prepared.to_sign), now_ms);
    }
    Result<RecordRef> genesis(Shard& into) {
        return publish(into, request(0), RecordKind::ChannelGenesis,
                       protocol::encode(protocol::ChannelGenesis{channel.nonce(), "c", ""}));
    }
    protocol::RecordView view(const RecordRef& ref) {
        kept_.push_back(**reader()->record(ref));
        return *protocol::decode_record(kept_.back());
    }
    std::list<Bytes> kept_;
};

}  // namespace

TEST_F(Publish, EachRecordNamesTheOneBefore) {
    auto into = open();
    auto first = genesis(*into);
    ASSERT_OK(first);
    EXPECT_EQ(first->time, 1u);
    auto second = publish(*into, request(1), RecordKind::Torrent, payload("a"));
    ASSERT_OK(second);
    EXPECT_EQ(second->time, 2u);
    EXPECT_EQ(view(*second).prev, *first);
    into.reset();
    into = open(2);
    auto third = publish(*into, request(2), RecordKind::Torrent, payload("b"));
    ASSERT_OK(third);
    EXPECT_EQ(view(*third).prev, *second);
    EXPECT_EQ(into->root().count, 3u);
}

TEST_F(Publish, ARetryIsAppliedOnce) {
    auto into = open();
    ASSERT_OK(genesis(*into));
    auto first = publish(*into, request(1), RecordKind::Torrent, payload("a"));
    auto retry = publish(*into, request(1), RecordKind::Torrent, payload("a"));
    ASSERT_OK(retry);
    EXPECT_EQ(*first, *retry);
    into.reset();
    into = open(2);
    EXPECT_EQ(*publish(*into, request(1), RecordKind::Torrent, payload("a")), *first);
    EXPECT_EQ(into->root().count, 2u);
    // Kept for ten minutes at least; then forgotten, and the request makes a new record.
    ASSERT_OK(publish(*into, request(2), RecordKind::Torrent, payload("b"), 1000 + 600'000));
    EXPECT_EQ(*publish(*into, request(1), RecordKind::Torrent, payload("a")), *first);
    ASSERT_OK(publish(*into, request(3), RecordKind::Torrent, payload("c"), 1000 + 3'600'000));
    EXPECT_NE(*publish(*into, request(1), RecordKind::Torrent, payload("a")), *first);
}

TEST_F(Publish, ARetryWhileTheFirstIsBeingSigned) {
    auto into = open();
    ASSERT_OK(genesis(*into));
    auto body = payload("a");
    PublishRequest same{request(1), RecordKind::Torrent, founder.public_key(), body};
    auto one = into->prepare_publish(same);
    auto two = into->prepare_publish(same);
    ASSERT_OK(one);
    ASSERT_OK(two);
    auto committed = into->commit_publish(same.id, founder.signed_packet(one->to_sign), 1);
    auto again = into->commit_publish(same.id, founder.signed_packet(two->to_sign), 1);
    ASSERT_OK(again);
    EXPECT_EQ(*committed, *again);
    EXPECT_EQ(into->root().count, 2u);
}

TEST_F(Publish, TwoAtOnceDoNotForkTheirAuthor) {
    auto into = open();
    ASSERT_OK(genesis(*into));
    auto a = payload("a"), b = payload("b");
    auto one = into->prepare_publish({request(1), RecordKind::Torrent, founder.public_key(), a});
    auto two = into->prepare_publish({request(2), RecordKind::Torrent, founder.public_key(), b});
    ASSERT_OK(into->commit_publish(request(1), founder.signed_packet(one->to_sign), 1));
    auto late = into->commit_publish(request(2), founder.signed_packet(two->to_sign), 1);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().kind, ErrorKind::Unavailable);
    EXPECT_EQ(into->root().count, 2u);
}

TEST_F(Publish, OnlyWhatTheCommunityAllows) {
    auto into = open();
    EXPECT_EQ(publish(*into, request(1), RecordKind::Torrent, payload("a")).error().kind,
              ErrorKind::Refused);
    ASSERT_OK(genesis(*into));
    auto body = payload("a");
    auto foreign =
        into->prepare_publish({request(1), RecordKind::Torrent, stranger.public_key(), body});
    ASSERT_FALSE(foreign.ok());
    EXPECT_EQ(foreign.error().kind, ErrorKind::Refused);
    EXPECT_FALSE(publish(*into, request(1), RecordKind::Torrent, Bytes(9000, 1)).ok());
}

// After a file was lost our own records come back from peers; the line goes on, it does not fork.
TEST_F(Publish, GoesOnAfterOwnRecordsCameFromPeers) {
    auto into = open();
    auto packets = records(5);
    store(*into, packets);
    auto next = publish(*into, request(1), RecordKind::Torrent, payload("next"));
    ASSERT_OK(next);
    EXPECT_EQ(next->time, 7u);
    EXPECT_EQ(view(*next).prev, channel.head());
    // And when they come while the shard is open.
    auto later = founder.record(channel.community(), RecordKind::Torrent, 8, *next, payload("x"));
    store(*into, {later});
    auto after = publish(*into, request(2), RecordKind::Torrent, payload("after"));
    ASSERT_OK(after);
    EXPECT_EQ(view(*after).prev, protocol::decode_record(later)->ref());
    EXPECT_EQ(into->forks(), 0u);
}

TEST_F(Publish, AFarFutureRecordDoesNotDragTheClock) {
    auto directory = protocol::directory_community();
    ASSERT_OK(Shard::create(folder.file("d"), directory, std::nullopt));
    auto into = std::move(*Shard::open(folder.file("d"), directory, {{0, 1}}));
    TestChannel theirs(stranger, 3);
    auto allotted = [&] {
        auto body =
            protocol::encode(protocol::ChannelAnnounced{channel.community(), channel.nonce(), "c"});
        auto prepared = into->prepare_publish(
            {request(1), RecordKind::ChannelAnnounced, founder.public_key(), body});
        EXPECT_OK(prepared);
        return protocol::decode_record(founder.signed_packet(prepared->to_sign))->time;
    };
    store(*into, {theirs.announcement("near", 9'000), theirs.announcement("far", 5'000'000)});
    EXPECT_EQ(allotted(), 9'001u);
    // Steps within a jump of each other carry the clock, in whatever order they came.
    store(*into, {theirs.announcement("step", 25'000)});
    EXPECT_EQ(allotted(), 9'001u);
    store(*into, {theirs.announcement("step", 18'000)});
    EXPECT_EQ(allotted(), 25'001u);
}
