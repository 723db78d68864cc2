// Payloads of the directory's and the channel's records: one form each, bounds, and what their
// tables check. Property: whatever decodes encodes to the same bytes.
#include <gtest/gtest.h>

#include "protocol/community/types.h"
#include "tests/unit/community/support.h"

namespace warren::protocol {
namespace {

RecordRef ref(GlobalTime time) {
    return {time, RecordId{{static_cast<std::uint8_t>(time), 1}}};
}

std::vector<Bytes> payloads() {
    const CommunityId channel{{9}};
    const TorrentExtras extras{ContentHash{{7}},
                               {"udp://tracker.example:6969", "http://b.example/a"}};
    return {
        encode(Vote{channel, VoteValue::Down}),
        encode(Subscription{channel, Subscribed::No}),
        encode(ChannelEdit{"name", "what it is"}),
        encode(TorrentEdit{ref(3), "title", "a,b", extras}),
        encode(TorrentEdit{ref(3), "title", "", {}}),
        encode(Playlist{"list", "", {ref(1), ref(2)}}),
        encode(PlaylistEdit{ref(4), {"list", "about", {}}}),
        encode(Comment{ref(1), Comment::Role::Remark, {}, "good"}),
        encode(Comment{{}, Comment::Role::Reply, ref(2), "no"}),
        encode(Comment{ref(1), Comment::Role::Edit, ref(2), "oh"}),
        encode(TorrentEntry{{}, 1, 2, 3, "name", "tag", {"a", "b"}, extras}),
        encode(TorrentEntry{{}, 1, 2, 3, "name", "tag", {}, {std::nullopt, {"udp://t"}}}),
    };
}

template <typename T>
bool has_one_form(const Result<T>& decoded, ByteView payload) {
    return !decoded || encode(*decoded) == to_bytes(payload);
}
// Every decoder, whatever the bytes were meant to be.
bool all_have_one_form(ByteView payload) {
    EXPECT_EQ(decode_torrent_entry(payload).ok(), is_torrent_entry(payload));
    return has_one_form(decode_vote(payload), payload) &&
           has_one_form(decode_subscription(payload), payload) &&
           has_one_form(decode_channel_edit(payload), payload) &&
           has_one_form(decode_torrent_edit(payload), payload) &&
           has_one_form(decode_playlist(payload), payload) &&
           has_one_form(decode_playlist_edit(payload), payload) &&
           has_one_form(decode_comment(payload), payload) &&
           has_one_form(decode_torrent_entry(payload), payload);
}

TEST(Content, ComesBackAsItWas) {
    const TorrentEdit edit{ref(3), "title", "a,b", {ContentHash{{7}}, {"udp://t"}}};
    EXPECT_EQ(*decode_torrent_edit(encode(edit)), edit);
    const PlaylistEdit list{ref(4), {"list", "about", {ref(1), ref(3), ref(2)}}};
    EXPECT_EQ(*decode_playlist_edit(encode(list)), list);
    const Comment comment{ref(1), Comment::Role::Reply, ref(2), "h\xc3\xa9"};
    EXPECT_EQ(*decode_comment(encode(comment)), comment);
    const Vote vote{CommunityId{{9}}, VoteValue::Up};
    EXPECT_EQ(*decode_vote(encode(vote)), vote);
    const Subscription subscription{CommunityId{{9}}, Subscribed::Yes};
    EXPECT_EQ(*decode_subscription(encode(subscription)), subscription);
    const ChannelEdit channel{"name", "about"};
    EXPECT_EQ(*decode_channel_edit(encode(channel)), channel);
}

TEST(Content, HasOneForm) {
    constexpr std::uint64_t seed = 5;
    SeededRandom random(seed);
    for (const auto& payload : payloads()) {
        ASSERT_TRUE(all_have_one_form(payload));
        for (std::size_t size = 0; size < payload.size(); ++size)
            ASSERT_TRUE(all_have_one_form(ByteView(payload).first(size))) << "cut at " << size;
        for (int round = 0; round < 2000; ++round) {
            auto changed = payload;
            changed[random.below(changed.size())] = static_cast<std::uint8_t>(random.below(256));
            if (round % 3 == 0) changed.push_back(static_cast<std::uint8_t>(random.below(256)));
            ASSERT_TRUE(all_have_one_form(changed)) << "seed " << seed << " round " << round;
        }
    }
}

TEST(Content, EncodersStayWithinBounds) {
    const std::string text(10'000, 'x');
    EXPECT_TRUE(decode_channel_edit(encode(ChannelEdit{text, text})).ok());
    TorrentEdit edit{ref(3), text, text, {ContentHash{{7}}, std::vector<std::string>(40, text)}};
    const auto got = decode_torrent_edit(encode(edit));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->extras.trackers.size(), 16u);
    const Playlist list{text, text, std::vector<RecordRef>(500, ref(2))};
    const auto listed = decode_playlist(encode(list));
    ASSERT_TRUE(listed.ok());
    EXPECT_EQ(listed->items.size(), playlist_items_max);
    const auto comment = decode_comment(encode(Comment{ref(1), {}, {}, text}));
    ASSERT_TRUE(comment.ok());
    EXPECT_EQ(comment->text.size(), comment_text.most);
    TorrentEntry entry{{}, 1, 2, 3, text, text, std::vector<std::string>(500, text), edit.extras};
    const auto whole = encode(entry);
    EXPECT_TRUE(is_torrent_entry(whole));
    RecordDraft draft{CommunityId{{1}}, RecordKind::PlaylistEdit, member(1), 5, {}, {}};
    const auto largest = encode(PlaylistEdit{ref(4), list});
    draft.payload = largest;
    EXPECT_LE(encode_unsigned(draft).size() + signature_bytes, record_bytes_max);
    draft.payload = whole;
    EXPECT_LE(encode_unsigned(draft).size() + signature_bytes, record_bytes_max);
}

TEST(Content, JustOutOfBounds) {
    const auto refused = [](Bytes payload, auto decode) { return !decode(payload).ok(); };
    auto vote = encode(Vote{CommunityId{{9}}, VoteValue::Down});
    vote.back() = 3;
    EXPECT_TRUE(refused(vote, decode_vote));
    auto subscription = encode(Subscription{CommunityId{{9}}, Subscribed::Yes});
    subscription.back() = 2;
    EXPECT_TRUE(refused(subscription, decode_subscription));
    auto list = encode(Playlist{"list", "", std::vector<RecordRef>(playlist_items_max, ref(2))});
    EXPECT_TRUE(decode_playlist(list).ok());
    append(list, Writer().u64(2).bytes(ref(2).id.view()).take());
    EXPECT_TRUE(refused(list, decode_playlist));
    EXPECT_TRUE(refused(encode(PlaylistEdit{{}, {"list", "", {}}}), decode_playlist_edit));
    EXPECT_TRUE(refused(encode(Comment{{3, {}}, {}, {}, "half a reference"}), decode_comment));
    EXPECT_TRUE(
        refused(encode(Comment{ref(1), Comment::Role::Reply, {}, "to none"}), decode_comment));
    // An appendix that says nothing has another form: none.
    auto entry = encode(TorrentEntry{{}, 1, 2, 3, "name", "tag", {"a"}});
    append(entry, Writer().u16(0).u8(0).take());
    EXPECT_TRUE(refused(entry, decode_torrent_entry));
    EXPECT_FALSE(is_torrent_entry(entry));
}

// The form that torrents had before extras came is the same.
TEST(Content, TorrentsWithoutExtrasAreAsBefore) {
    const auto payload = encode(TorrentEntry{{}, 1, 2, 3, "name", "tag", {"a"}});
    Writer before;
    before.bytes(Infohash{}.view()).u64(1).u64(2).u32(3);
    before.u16(4).bytes(view_of("name")).u16(3).bytes(view_of("tag")).u16(1).bytes(view_of("a"));
    EXPECT_EQ(payload, before.take());
}

RecordView view_of_kind(RecordKind kind, ByteView payload, GlobalTime time) {
    RecordView out;
    out.kind = kind;
    out.time = time;
    out.author = member(1);
    out.payload = payload;
    return out;
}

TEST(Content, NamesOnlyWhatIsEarlier) {
    const auto fits = [](RecordKind kind, const Bytes& payload, GlobalTime time) {
        return channel_type.find(static_cast<MessageId>(kind))
            ->fits(view_of_kind(kind, payload, time));
    };
    const auto edit = encode(TorrentEdit{ref(3), "title", "", {}});
    EXPECT_TRUE(fits(RecordKind::TorrentEdit, edit, 4));
    EXPECT_FALSE(fits(RecordKind::TorrentEdit, edit, 3));
    const auto list = encode(Playlist{"list", "", {ref(1), ref(5)}});
    EXPECT_TRUE(fits(RecordKind::Playlist, list, 6));
    EXPECT_FALSE(fits(RecordKind::Playlist, list, 5));
    const auto changed = encode(PlaylistEdit{ref(6), {"list", "", {}}});
    EXPECT_TRUE(fits(RecordKind::PlaylistEdit, changed, 7));
    EXPECT_FALSE(fits(RecordKind::PlaylistEdit, changed, 6));
    const auto reply = encode(Comment{ref(1), Comment::Role::Reply, ref(2), "no"});
    EXPECT_TRUE(fits(RecordKind::Comment, reply, 3));
    EXPECT_FALSE(fits(RecordKind::Comment, reply, 2));
}

// One live vote of a member for each channel: another channel's does not end it.
TEST(Content, VotesCountByChannel) {
    Evaluator evaluator(directory_type, {});
    const auto vote = [&](std::uint8_t channel, VoteValue value, GlobalTime time) {
        const auto payload = encode(Vote{CommunityId{{channel}}, value});
        auto view = view_of_kind(RecordKind::Vote, payload, time);
        view.id = ref(time).id;
        evaluator.add(view);
        return view.ref();
    };
    const auto first = vote(1, VoteValue::Up, 5), other = vote(2, VoteValue::Up, 6);
    EXPECT_EQ(evaluator.verdict(first), Verdict::Accepted);
    const auto now = vote(1, VoteValue::Down, 7), late = vote(1, VoteValue::Up, 4);
    EXPECT_EQ(evaluator.verdict(first), Verdict::Superseded);
    EXPECT_EQ(evaluator.verdict(late), Verdict::Superseded);
    EXPECT_EQ(evaluator.verdict(now), Verdict::Accepted);
    EXPECT_EQ(evaluator.verdict(other), Verdict::Accepted);
}

}  // namespace
}  // namespace warren::protocol
