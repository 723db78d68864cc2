// Tables of messages: today's types are sound, and each forbidden combination is named.
#include "protocol/community/message_type.h"

#include <gtest/gtest.h>

#include <array>

#include "protocol/community/types.h"
#include "tests/unit/community/support.h"

namespace warren::protocol {
namespace {

constexpr bool any(ByteView) {
    return true;
}
constexpr ByteView whole(ByteView payload) {
    return payload;
}
bool checked(const RecordView&) {
    return true;
}
void shown(const RecordView&, Projection&) {}

constexpr MessageType sound{.id = 5,
                            .name = "sound",
                            .resolution = Resolution::Public,
                            .payload = any,
                            .apply = shown,
                            .undo = shown};
static_assert(flaw(sound).empty());

// The compiler says it, or whoever registers a table at run time.
template <typename Change>
constexpr std::string_view flaw_after(Change change) {
    auto message = sound;
    change(message);
    return flaw(message);
}
using M = MessageType;
static_assert(!flaw_after([](M& m) { m.name = {}; }).empty());
static_assert(!flaw_after([](M& m) { m.payload = {}; }).empty());
static_assert(!flaw_after([](M& m) { m.authentication = Authentication::None; }).empty());
static_assert(!flaw_after([](M& m) { m.destination = Destination::Peer; }).empty());
static_assert(!flaw_after([](M& m) { m.distribution = Distribution::Last; }).empty());
static_assert(!flaw_after([](M& m) { m.last = 1; }).empty());
static_assert(!flaw_after([](M& m) { m.subject = whole; }).empty());
static_assert(!flaw_after([](M& m) { m.apply = {}; }).empty());
static_assert(!flaw_after([](M& m) { m.initial = Policy::Public; }).empty());
static_assert(!flaw_after([](M& m) { m.distribution = Distribution::Direct; }).empty());

constexpr M direct = [] {
    auto out = sound;
    out.distribution = Distribution::Direct;
    out.undo = {};
    return out;
}();
static_assert(flaw(direct).empty());

TEST(MessageType, WithoutAnAuthorItIsPublicAndDirect) {
    auto message = direct;
    message.authentication = Authentication::None;
    EXPECT_EQ(flaw(message), "");
    message.destination = Destination::Peer;
    EXPECT_EQ(flaw(message), "");
    message.resolution = Resolution::Linear;
    EXPECT_NE(flaw(message), "");
    message.authentication = Authentication::TwoMembers;
    EXPECT_EQ(flaw(message), "");
}

TEST(MessageType, DynamicNeedsUndo) {
    auto message = sound;
    message.resolution = Resolution::Dynamic;
    EXPECT_EQ(flaw(message), "");
    message.undo = {};
    EXPECT_NE(flaw(message), "");
}

std::string_view flaw_of(std::vector<MessageType> messages, MessageId founding = 0) {
    return flaw(CommunityType{.name = "t", .messages = messages, .founding = founding});
}

TEST(CommunityType, FormOfTheTable) {
    EXPECT_EQ(flaw_of({sound}), "");
    EXPECT_NE(flaw_of({}), "");
    EXPECT_NE(flaw_of({sound, sound}), "");
    for (const unsigned id : {0u, 16u, 31u, 200u, 208u, 246u}) {
        auto message = sound;
        message.id = static_cast<MessageId>(id);
        EXPECT_NE(flaw_of({message}), "") << id;
    }
    auto linear = sound;
    linear.resolution = Resolution::Linear;
    EXPECT_NE(flaw_of({linear}), "");  // who could write it?
    auto final = sound;
    final.undo = {};
    EXPECT_NE(flaw_of({final}), "");
}

TEST(CommunityType, FoundingMessage) {
    auto founding = sound;
    founding.check = checked;
    founding.undo = {};
    auto linear = sound;
    linear.id = 6;
    linear.resolution = Resolution::Linear;
    EXPECT_EQ(flaw_of({founding, linear}, 5), "");
    EXPECT_NE(flaw_of({founding, linear}, 7), "");
    founding.undo = shown;
    EXPECT_NE(flaw_of({founding, linear}, 5), "");
    founding.undo = {};
    founding.check = {};
    EXPECT_NE(flaw_of({founding, linear}, 5), "");
}

TEST(CommunityTypes, NamesAreDistinct) {
    const std::array twice{&channel_type, &directory_type, &channel_type};
    EXPECT_EQ(flaw(community_types), "");
    EXPECT_NE(flaw(twice), "");
}

TEST(CommunityTypes, TodaysRecordsFollowTheirTables) {
    const Nonce nonce{{7}};
    const auto channel = channel_community(founder, nonce);
    EXPECT_EQ(&type_of(channel), &channel_type);
    EXPECT_EQ(&type_of(directory_community()), &directory_type);

    RecordView view;
    view.author = founder;
    view.time = 3;
    view.community = channel;
    const auto genesis = encode(ChannelGenesis{nonce, "name", "about"});
    view.payload = genesis;
    EXPECT_TRUE(channel_type.find(1)->fits(view));
    ShownRecords shown_records;
    channel_type.find(1)->apply.value()(view, shown_records);
    EXPECT_EQ(shown_records.rows.at(view.ref()), "name");
    view.author = member(1);
    EXPECT_FALSE(channel_type.find(1)->fits(view));

    const auto torrent = encode(TorrentEntry{{}, 1, 2, 3, "file", "tag", {"a"}});
    view.payload = torrent;
    EXPECT_TRUE(channel_type.find(2)->fits(view));
    channel_type.find(2)->apply.value()(view, shown_records);
    EXPECT_EQ(shown_records.rows.at(view.ref()), "file");
    channel_type.find(2)->undo.value()(view, shown_records);
    EXPECT_TRUE(shown_records.rows.empty());
    view.payload = view.payload.first(5);
    EXPECT_FALSE(channel_type.find(2)->fits(view));

    const auto announced = encode(ChannelAnnounced{channel, nonce, "name"});
    view.community = directory_community();
    view.payload = announced;
    EXPECT_FALSE(directory_type.find(3)->fits(view));
    view.author = founder;
    EXPECT_TRUE(directory_type.find(3)->fits(view));
    EXPECT_EQ(directory_type.find(1), nullptr);
    EXPECT_EQ(channel_type.find(3), nullptr);
}

}  // namespace
}  // namespace warren::protocol
