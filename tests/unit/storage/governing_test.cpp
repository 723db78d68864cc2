// A node's own control records through the storage worker: who may do what and why, what is let in
// and taken back, also from listings and search, and the proofs that others ask for.
#include "protocol/community/types.h"
#include "tests/unit/storage/storage_fixture.h"

namespace warren::test {
namespace {

using protocol::ControlKind;
using protocol::RecordKind;
constexpr auto torrent_kind = static_cast<protocol::MessageId>(RecordKind::Torrent);

class Governing : public StorageTest {
protected:
    Governing() : channel(found_channel("c", 1)) {}

    pipe::Answer govern(ControlKind kind, const Bytes& payload, std::uint64_t request) {
        Builder builder;
        auto bytes = builder.CreateVector(payload);
        auto id = to_wire<ipc::CommunityId>(channel);
        return node->ask(
            question(builder, S::CreatePublishRecord(builder, &id, protocol::id_of(kind), bytes)),
            request_id(request));
    }
    RecordRef governed(ControlKind kind, const Bytes& payload, std::uint64_t request) {
        const auto answer = govern(kind, payload, request);
        const auto* reply = reply_of<S::PublishRecordReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        return reply ? ref_of(*reply->record()) : RecordRef{};
    }
    static RecordRef ref_of(const ipc::RecordRef& ref) {
        return {ref.time(), from_wire<RecordId>(ref.id())};
    }
    static Bytes to_member(const TestIdentity& whom, protocol::Rights rights) {
        return protocol::encode_grants({{whom.public_key(), torrent_kind, rights}});
    }
    Bytes film(const TestIdentity& author, GlobalTime time, const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        entry.infohash = SeededRandom(time).id<Infohash>();
        return author.record(channel, RecordKind::Torrent, time, {}, protocol::encode(entry));
    }
    static Bytes undo_of(ByteView packet, protocol::Undo::Action action) {
        return protocol::encode(
            protocol::Undo{protocol::decode_record(packet)->ref(), torrent_kind, action});
    }
    bool comes_to_list(std::vector<std::string> names) {
        std::ranges::sort(names);
        return node->run_until([&] {
            auto listed = contents(channel);
            std::ranges::sort(listed);
            return listed == names;
        });
    }
    std::uint64_t records() {
        Builder builder;
        auto id = to_wire<ipc::CommunityId>(channel);
        auto answer = node->ask(question(builder, S::CreateGetRoot(builder, &id)));
        const auto* reply = reply_of<S::GetRootReply>(answer);
        return reply ? reply->count() : 0;
    }

    CommunityId channel;
};

TEST_F(Governing, AuthorizePublishRevokeAndBack) {
    const auto first = film(other, 5, "first film"), second = film(other, 6, "second film");
    EXPECT_EQ(store(channel, {first}), std::vector<ipc::Verdict>{ipc::Verdict::Waiting});
    const auto granted =
        governed(ControlKind::Authorize, to_member(other, protocol::right::permit), 10);
    EXPECT_EQ(granted.time, 2u);
    EXPECT_TRUE(comes_to_list({"first film"})) << "what waited is let in";
    EXPECT_EQ(store(channel, {second}), std::vector<ipc::Verdict>{ipc::Verdict::Accepted});
    EXPECT_TRUE(comes_to_find("film", 2));
    // A moderator's own undo hides it from listings and search; it stays.
    governed(ControlKind::UndoOther, undo_of(first, protocol::Undo::Action::Undo), 11);
    EXPECT_TRUE(comes_to_list({"second film"}));
    EXPECT_TRUE(comes_to_find("film", 1));
    EXPECT_EQ(records(), 5u);
    governed(ControlKind::UndoOther, undo_of(first, protocol::Undo::Action::Restore), 12);
    EXPECT_TRUE(comes_to_find("film", 2));
    // What is revoked from now on leaves what was written before; and a later one is refused.
    governed(ControlKind::Revoke, to_member(other, protocol::right::permit), 13);
    EXPECT_EQ(store(channel, {film(other, 50, "third film")}),
              std::vector<ipc::Verdict>{ipc::Verdict::Refused});
    EXPECT_EQ(contents(channel).size(), 2u);
    start();
    EXPECT_EQ(contents(channel).size(), 2u);
}

TEST_F(Governing, ALateRevokeLeavesListingsAndTheFile) {
    governed(ControlKind::Authorize, to_member(other, protocol::right::permit), 10);
    std::vector<Bytes> packets;
    for (GlobalTime time = 100; time < 400; ++time)
        packets.push_back(film(other, time, "film"));
    store(channel, packets);
    EXPECT_TRUE(comes_to_find("film", 100));  // as many as a page holds
    const auto mine = publish(channel, "film of mine", 11);
    EXPECT_GT(mine.time, 399u);
    // Signed by the founder on another device, before all that.
    const auto late = me.record(channel, static_cast<RecordKind>(ControlKind::Revoke), 101, {},
                                to_member(other, protocol::right::permit));
    EXPECT_EQ(store(channel, {late}), std::vector<ipc::Verdict>{ipc::Verdict::Accepted});
    EXPECT_TRUE(node->run_until([&] { return records() == 5; })) << records();
    EXPECT_TRUE(comes_to_list({"film", "film of mine"}));
    EXPECT_TRUE(comes_to_find("film", 2));
    start();
    EXPECT_EQ(records(), 5u);
    EXPECT_TRUE(comes_to_find("film", 2));
}

TEST_F(Governing, WhatIsMissingIsSaidBeforeAnythingIsSigned) {
    TestChannel theirs(other, 5);
    ASSERT_TRUE(reply_of<S::Done>(join(theirs.community())));
    store(theirs.community(), {theirs.genesis("theirs")});
    const auto signatures = node->host().outbox().signatures;
    const auto answer = node->ask(publish_message(theirs.community(), "mine"), request_id(3));
    EXPECT_EQ(answer.failure.kind, ErrorKind::Refused);
    EXPECT_NE(answer.failure.text.find("never given the right to write 'torrent'"),
              std::string::npos)
        << answer.failure.text;
    EXPECT_EQ(govern(ControlKind::Authorize, Bytes(3, 1), 4).failure.kind, ErrorKind::Refused);
    EXPECT_EQ(node->host().outbox().signatures, signatures);
}

TEST_F(Governing, PermissionsAreListedExplainedAndProven) {
    const auto granted =
        governed(ControlKind::Authorize, to_member(other, protocol::right::permit), 10);
    const auto packet = film(other, 9, "film");
    store(channel, {packet});
    const auto undone =
        governed(ControlKind::UndoOther, undo_of(packet, protocol::Undo::Action::Undo), 11);
    auto id = to_wire<ipc::CommunityId>(channel);
    {
        Builder builder;
        auto after = builder.CreateString("");
        auto answer = node->ask(question(builder, S::CreateListPermissions(builder, &id, after)));
        const auto* reply = reply_of<S::ListPermissionsReply>(answer);
        ASSERT_TRUE(reply) << answer.failure.text;
        ASSERT_EQ(reply->permissions()->size(), 1u);
        const auto* row = reply->permissions()->Get(0);
        EXPECT_EQ(row->right(), protocol::right::permit);
        EXPECT_TRUE(row->held());
        EXPECT_EQ(row->since(), granted.time);
        EXPECT_EQ(ref_of(*row->record()), granted);
        EXPECT_EQ(reply->founder()->size(), 74u);
        EXPECT_EQ(Bytes(reply->own()->begin(), reply->own()->end()),
                  Bytes(reply->founder()->begin(), reply->founder()->end()));
    }
    {
        Builder builder;
        auto name = to_wire(protocol::decode_record(packet)->ref());
        auto answer = node->ask(question(builder, S::CreateExplainRecord(builder, &id, &name)));
        const auto* reply = reply_of<S::ExplainRecordReply>(answer);
        ASSERT_TRUE(reply) << answer.failure.text;
        EXPECT_EQ(reply->state(), S::RecordState::Undone);
        ASSERT_EQ(reply->because()->size(), 2u);
        EXPECT_EQ(ref_of(*reply->because()->Get(0)->record()), undone);
        EXPECT_EQ(ref_of(*reply->because()->Get(1)->record()), granted);
    }
    {
        Builder builder;
        auto answer = node->ask(question(builder, S::CreateListControls(builder, &id, nullptr, 1)));
        const auto* reply = reply_of<S::ListControlsReply>(answer);
        ASSERT_TRUE(reply) << answer.failure.text;
        ASSERT_EQ(reply->records()->size(), 1u);
        EXPECT_TRUE(reply->more());
        EXPECT_EQ(ref_of(*reply->records()->Get(0)->record()), undone);
    }
    {
        Builder builder;
        const auto asks = protocol::questions_of(protocol::channel_type, packet);
        auto bytes = builder.CreateVector(protocol::encode(asks));
        auto answer = node->ask(question(builder, S::CreateGetProofs(builder, &id, bytes)));
        const auto* reply = reply_of<S::GetProofsReply>(answer);
        ASSERT_TRUE(reply) << answer.failure.text;
        EXPECT_EQ(reply->sizes()->size(), 2u) << "founding record and grant";
    }
    Builder builder;
    auto bytes = builder.CreateVector(Bytes(85, 0));
    EXPECT_EQ(node->ask(question(builder, S::CreateGetProofs(builder, &id, bytes))).failure.kind,
              ErrorKind::BadInput);
}

TEST_F(Governing, AForkIsToldAndItsRecordsArePushed) {
    governed(ControlKind::Authorize, to_member(other, protocol::right::permit), 10);
    const auto pushed = node->host().outbox().pushed.size();
    store(channel, {film(other, 7, "one")});
    store(channel, {film(other, 7, "other")});
    EXPECT_TRUE(node->run_until([&] { return node->host().outbox().pushed.size() == pushed + 1; }));
    EXPECT_EQ(node->host().metrics().counter("storage_forks_total"), 1u);
    EXPECT_NE(std::ranges::find(node->host().tap().topics, "event.community.fork"),
              node->host().tap().topics.end());
    Builder builder;
    auto id = to_wire<ipc::CommunityId>(channel);
    auto answer = node->ask(question(builder, S::CreateListForks(builder, &id)));
    const auto* reply = reply_of<S::ListForksReply>(answer);
    ASSERT_TRUE(reply) << answer.failure.text;
    EXPECT_EQ(reply->sizes()->size(), 1u);
}

}  // namespace
}  // namespace warren::test
