// Edits, playlists, comments and votes: what is shown depends on which records are, not on the
// order in which they came, were hidden and shown again; and a rebuild gives the same.
#include <map>
#include <span>

#include "protocol/community/channel/channel_content.h"
#include "protocol/community/message_type.h"
#include "tests/unit/storage_shard/derived_fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;
using protocol::RecordKind;

namespace {

struct One {
    RecordRef ref;
    RecordKind kind;
    protocol::PublicKey author;
    Bytes packet;
    bool shown = true;

    template <typename Decode>
    auto payload(Decode decode) const {
        return *decode(protocol::decode_record(packet)->payload);
    }
};

// The records of one community as storage has them, and a derived file that follows.
class Follower {
public:
    Follower(const CommunityId& community, const std::string& path) : community_(community) {
        auto opened = Derived::open(path);
        WARREN_CHECK(opened.ok());
        derived_ = std::move(*opened);
    }
    // As storage does: it is stored, and indexed later; a verdict that changes is told at once.
    void store(const One& one) { stored_.push_back(one); }
    void judge(const RecordRef& ref, bool shown) {
        Judged judged{ref, {}};
        for (auto& one : stored_) {
            if (one.ref != ref) continue;
            one.shown = shown;
            if (shown) judged.packet = one.packet;
        }
        ASSERT_OK(derived_->judge(community_, {judged}));
    }
    void catch_up(std::size_t step_records = 5) {
        for (bool more = true; more;) {
            auto mark = derived_->mark(community_);
            ASSERT_OK(mark);
            Unindexed read;
            read.after = *mark;
            for (auto at = static_cast<std::size_t>(mark->body);
                 at < stored_.size() && !mark->removing; ++at)
                read.bodies.push_back(
                    {static_cast<std::int64_t>(at) + 1, stored_[at].packet, stored_[at].shown});
            auto step = derived_->catch_up(community_, read, {step_records});
            ASSERT_OK(step);
            ASSERT_LT(++steps_, 100'000) << "it never ends";
            more = step->more || step->mark.body < static_cast<std::int64_t>(stored_.size());
        }
    }
    void forget(Derived::Then then) {
        for (bool more = true; more;) {
            auto step = derived_->forget(community_, then, 3);
            ASSERT_OK(step);
            more = *step;
        }
    }
    const std::vector<One>& stored() const { return stored_; }

private:
    CommunityId community_;
    std::unique_ptr<Derived> derived_;
    std::vector<One> stored_;
    int steps_ = 0;
};

class DerivedItems : public DerivedFixture {
protected:
    One make(const TestIdentity& author, RecordKind kind, const Bytes& payload) {
        const bool in_directory = kind == RecordKind::Vote || kind == RecordKind::Subscription ||
                                  kind == RecordKind::ChannelAnnounced;
        const auto community = in_directory ? protocol::directory_community() : channel.community();
        auto packet = author.record(community, kind, ++time_, {}, payload);
        const auto record = protocol::decode_record(packet);
        WARREN_CHECK(record.ok());
        return {record->ref(), kind, author.public_key(), std::move(packet)};
    }
    One genesis() {
        return make(founder, RecordKind::ChannelGenesis,
                    encode(protocol::ChannelGenesis{channel.nonce(), "first name", "about"}));
    }
    One torrent(const std::string& name) {
        protocol::TorrentEntry entry;
        entry.created_s = 1000 + time_;
        entry.name = name;
        entry.file_names = {"file.bin"};
        return make(founder, RecordKind::Torrent, encode(entry));
    }
    One edit(const One& target, const std::string& name) {
        return make(founder, RecordKind::TorrentEdit,
                    encode(protocol::TorrentEdit{target.ref, name, "edited", {}}));
    }
    One comment(const TestIdentity& author, const RecordRef& about, const std::string& text,
                protocol::Comment::Role role = protocol::Comment::Role::Remark,
                const RecordRef& target = {}) {
        return make(author, RecordKind::Comment,
                    encode(protocol::Comment{about, role, target, text}));
    }
    One announcement(const CommunityId& of) {
        return make(founder, RecordKind::ChannelAnnounced,
                    encode(protocol::ChannelAnnounced{of, {}, "announced"}));
    }
    std::unique_ptr<DerivedReader> read(const std::string& path) {
        auto opened = DerivedReader::open(path);
        WARREN_CHECK(opened.ok());
        return std::move(*opened);
    }

    GlobalTime time_ = 0;
};

// ---- the same by plain rules, from the set of records

using Lines = std::vector<std::string>;

const One* newest(const std::vector<One>& all, auto counts) {
    const One* out = nullptr;
    for (const auto& one : all)
        if (one.shown && counts(one) && (!out || out->ref < one.ref)) out = &one;
    return out;
}

std::string expected_text(const std::vector<One>& all, const One& of) {
    using namespace protocol;
    if (of.kind == RecordKind::Torrent) {
        const auto* edit = newest(all, [&](const One& one) {
            return one.kind == RecordKind::TorrentEdit &&
                   one.payload(decode_torrent_edit).target == of.ref;
        });
        const auto own = of.payload(decode_torrent_entry);
        if (!edit) return own.name + "/" + own.tags;
        const auto said = edit->payload(decode_torrent_edit);
        return said.name + "/" + said.tags;
    }
    if (of.kind == RecordKind::Playlist) {
        const auto* edit = newest(all, [&](const One& one) {
            return one.kind == RecordKind::PlaylistEdit &&
                   one.payload(decode_playlist_edit).target == of.ref;
        });
        return edit ? edit->payload(decode_playlist_edit).playlist.name
                    : of.payload(decode_playlist).name;
    }
    const auto* edit = newest(all, [&](const One& one) {
        if (one.kind != RecordKind::Comment || one.author != of.author) return false;
        const auto said = one.payload(decode_comment);
        return said.role == Comment::Role::Edit && said.target == of.ref;
    });
    return (edit ? edit : &of)->payload(decode_comment).text;
}

Lines expected(const std::vector<One>& all) {
    using namespace protocol;
    Lines out;
    std::int64_t torrents = 0, updated = 0;
    for (const auto& one : all) {
        if (!one.shown) continue;
        if (one.kind == RecordKind::Torrent) {
            ++torrents;
            updated = std::max(updated, static_cast<std::int64_t>(
                                            one.payload(decode_torrent_entry).created_s * 1000));
        }
        const bool is_item = one.kind == RecordKind::Torrent || one.kind == RecordKind::Playlist ||
                             (one.kind == RecordKind::Comment &&
                              one.payload(decode_comment).role != Comment::Role::Edit);
        if (is_item) out.push_back(one.ref.id.hex() + " " + expected_text(all, one));
    }
    const auto* genesis =
        newest(all, [](const One& one) { return one.kind == RecordKind::ChannelGenesis; });
    const auto* edit =
        newest(all, [](const One& one) { return one.kind == RecordKind::ChannelEdit; });
    auto name = genesis->payload(decode_channel_genesis).name;
    if (edit) name = edit->payload(decode_channel_edit).name;
    out.push_back("channel " + name + " " + std::to_string(torrents) + " " +
                  std::to_string(updated));
    std::ranges::sort(out);
    return out;
}

Lines shown(DerivedReader& reader, const CommunityId& community, const std::vector<One>& all) {
    using namespace protocol;
    Lines out;
    auto torrents = reader.newest({1000});
    EXPECT_OK(torrents);
    for (const auto& torrent : torrents->torrents) {
        out.push_back(torrent.ref.id.hex() + " " + torrent.name + "/" + torrent.tags);
        // Its words, and its channel's name, find it.
        const auto found = reader.search("\"" + torrent.name + "\" " + torrent.channel, {1000});
        EXPECT_OK(found);
        EXPECT_TRUE(std::ranges::any_of(
            found->torrents, [&](const FoundTorrent& other) { return other.ref == torrent.ref; }))
            << torrent.name << " in " << torrent.channel;
    }
    const auto add_items = [&](RecordKind kind, const Bytes& key) {
        auto page = reader.items(community, {kind, key});
        EXPECT_OK(page);
        for (const auto& row : page->rows) {
            const auto& payload = row.edit ? row.edited : row.payload;
            std::string text;
            if (kind == RecordKind::Comment)
                text = decode_comment(payload)->text;
            else
                text = row.edit ? decode_playlist_edit(payload)->playlist.name
                                : decode_playlist(payload)->name;
            out.push_back(row.ref.id.hex() + " " + text);
        }
    };
    add_items(RecordKind::Playlist, {});
    add_items(RecordKind::Comment, key_of({}));
    for (const auto& one : all)
        if (one.kind == RecordKind::Torrent) add_items(RecordKind::Comment, key_of(one.ref));
    auto listed = reader.channel(community);
    EXPECT_OK(listed);
    if (*listed)
        out.push_back("channel " + (*listed)->name + " " + std::to_string((*listed)->torrents) +
                      " " + std::to_string((*listed)->updated_ms));
    std::ranges::sort(out);
    return out;
}

}  // namespace

TEST_F(DerivedItems, AnyOrderOfRecordsAndVerdictsShowsTheSame) {
    constexpr std::uint64_t seed = 11;
    constexpr int orders = 25;
    SeededRandom random(seed);
    using Role = protocol::Comment::Role;
    std::vector<One> all{genesis(), torrent("alpha one"), torrent("beta two"), torrent("gamma")};
    all.push_back(edit(all[1], "delta"));
    all.push_back(edit(all[1], "epsilon"));
    all.push_back(edit(all[2], "zeta"));
    const auto remark = comment(stranger, all[1].ref, "first");
    all.push_back(remark);
    all.push_back(comment(founder, all[1].ref, "answer", Role::Reply, remark.ref));
    all.push_back(comment(stranger, all[1].ref, "second", Role::Edit, remark.ref));
    all.push_back(comment(founder, all[1].ref, "not his", Role::Edit, remark.ref));
    all.push_back(comment(founder, {}, "of the channel"));
    const protocol::Playlist list{"list", "", {all[1].ref, all[3].ref}};
    all.push_back(make(founder, RecordKind::Playlist, encode(list)));
    const protocol::PlaylistEdit other{all.back().ref, {"other list", "", {all[3].ref}}};
    all.push_back(make(founder, RecordKind::PlaylistEdit, encode(other)));
    for (const char* name : {"second name", "third name"})
        all.push_back(
            make(founder, RecordKind::ChannelEdit, encode(protocol::ChannelEdit{name, "about"})));

    for (int order = 0; order < orders; ++order) {
        SCOPED_TRACE("seed " + std::to_string(seed) + " order " + std::to_string(order));
        const auto file = folder.file("order" + std::to_string(order));
        Follower follower(channel.community(), file);
        auto left = all;
        for (std::size_t i = left.size(); i > 1; --i)
            std::swap(left[i - 1], left[random.below(i)]);
        const auto toggle = [&] {
            const auto& one = follower.stored()[random.below(follower.stored().size())];
            if (one.kind == RecordKind::ChannelGenesis) return;  // it cannot be undone
            const auto ref = one.ref;
            follower.judge(ref, !one.shown);
        };
        for (auto& one : left) {
            one.shown = one.kind == RecordKind::ChannelGenesis || random.below(4) != 0;
            follower.store(one);
            if (random.below(3) == 0) follower.catch_up(1 + random.below(4));
            if (random.below(2) == 0) toggle();
            if (random.below(30) == 0) follower.forget(Derived::Then::IndexAgain);
        }
        follower.catch_up();
        for (int i = 0; i < 8; ++i)
            toggle();
        follower.catch_up();
        auto reader = read(file);
        const auto want = expected(follower.stored());
        ASSERT_EQ(shown(*reader, channel.community(), all), want);
        const auto then = random.below(2) == 0 ? Derived::Then::Gone : Derived::Then::IndexAgain;
        follower.forget(then);
        follower.catch_up();
        ASSERT_EQ(shown(*reader, channel.community(), all), want) << "rebuilt";
        ASSERT_FALSE(HasFailure());
    }
}

// What is hidden is not found, by no word; what is edited not by its old ones.
TEST_F(DerivedItems, SearchKnowsWhatIsShownOnly) {
    const auto file = folder.file("search");
    Follower follower(channel.community(), file);
    const auto one = torrent("alpha"), changed = edit(one, "omega");
    for (const auto& record : {genesis(), one, changed})
        follower.store(record);
    follower.catch_up();
    const auto count = [&](const std::string& text) {
        return read(file)->search(text, {10})->torrents.size();
    };
    EXPECT_EQ(count("omega"), 1u);
    EXPECT_EQ(count("alpha"), 0u);
    EXPECT_EQ(count("edited"), 1u);
    EXPECT_EQ(count("file"), 1u) << "file names stay";
    follower.judge(changed.ref, false);
    EXPECT_EQ(count("alpha"), 1u);
    EXPECT_EQ(count("omega"), 0u);
    follower.judge(one.ref, false);
    EXPECT_EQ(count("alpha"), 0u);
    EXPECT_EQ(count("file"), 0u);
    follower.judge(changed.ref, true);
    EXPECT_EQ(count("omega"), 0u);
    follower.judge(one.ref, true);
    EXPECT_EQ(count("omega"), 1u);
}

std::map<CommunityId, Standing> expected_standings(const std::vector<One>& all,
                                                   std::span<const CommunityId> channels,
                                                   std::span<const TestIdentity> members) {
    std::map<CommunityId, Standing> want;
    for (const auto& on : channels) {
        for (const auto& by : members) {
            const auto* vote = newest(all, [&](const One& one) {
                return one.kind == RecordKind::Vote && one.author == by.public_key() &&
                       one.payload(protocol::decode_vote).channel == on;
            });
            const auto* said = newest(all, [&](const One& one) {
                return one.kind == RecordKind::Subscription && one.author == by.public_key() &&
                       one.payload(protocol::decode_subscription).channel == on;
            });
            const auto value =
                vote ? vote->payload(protocol::decode_vote).value : protocol::VoteValue::None;
            want[on].up += value == protocol::VoteValue::Up ? 1u : 0u;
            want[on].down += value == protocol::VoteValue::Down ? 1u : 0u;
            want[on].subscribers +=
                said && said->payload(protocol::decode_subscription).subscribed ==
                            protocol::Subscribed::Yes
                    ? 1u
                    : 0u;
        }
    }
    return want;
}

TEST_F(DerivedItems, EachMemberCountsOncePerChannel) {
    constexpr std::uint64_t seed = 12;
    SeededRandom random(seed);
    const auto file = folder.file("votes");
    Follower follower(protocol::directory_community(), file);
    const CommunityId channels[] = {CommunityId{{1}}, CommunityId{{2}}};
    const TestIdentity members[] = {TestIdentity(1), TestIdentity(2), TestIdentity(3)};
    std::vector<One> all;
    for (int i = 0; i < 40; ++i) {
        const auto& on = channels[random.below(2)];
        const auto& by = members[random.below(3)];
        const auto value = static_cast<std::uint8_t>(random.below(3));
        if (random.below(2) == 0)
            all.push_back(
                make(by, RecordKind::Vote, encode(protocol::Vote{on, protocol::VoteValue{value}})));
        else
            all.push_back(
                make(by, RecordKind::Subscription,
                     encode(protocol::Subscription{on, value == 0 ? protocol::Subscribed::No
                                                                  : protocol::Subscribed::Yes})));
    }
    for (const auto& on : channels)
        all.push_back(announcement(on));
    for (std::size_t i = all.size(); i > 1; --i)
        std::swap(all[i - 1], all[random.below(i)]);
    for (auto& one : all) {
        one.shown = one.kind == RecordKind::ChannelAnnounced || random.below(4) != 0;
        follower.store(one);
        if (random.below(3) == 0) follower.catch_up();
        const auto& some = follower.stored()[random.below(follower.stored().size())];
        if (some.kind == RecordKind::ChannelAnnounced) continue;
        const auto ref = some.ref;
        follower.judge(ref, !some.shown);
    }
    follower.catch_up();
    const auto want = expected_standings(follower.stored(), channels, members);
    const auto standings = [&] {
        auto changes = read(file)->changes({});
        EXPECT_OK(changes);
        return std::map(changes->standings.begin(), changes->standings.end());
    };
    EXPECT_EQ(standings(), want) << "seed " << seed;
    follower.forget(Derived::Then::IndexAgain);
    follower.catch_up();
    EXPECT_EQ(standings(), want) << "rebuilt";
    const auto own = read(file)->said_by(members[0].public_key());
    ASSERT_OK(own);
    for (const auto& said : *own) {
        const auto* vote = newest(follower.stored(), [&](const One& one) {
            return one.kind == RecordKind::Vote && one.author == members[0].public_key() &&
                   one.payload(protocol::decode_vote).channel == said.channel;
        });
        EXPECT_EQ(said.vote,
                  vote ? vote->payload(protocol::decode_vote).value : protocol::VoteValue::None);
    }
}

// Anybody may vote for ids that nobody heard of: listings need not know them.
TEST_F(DerivedItems, VotesAreToldOfWhatIsAnnounced) {
    const auto file = folder.file("told");
    Follower follower(protocol::directory_community(), file);
    const CommunityId on{{1}};
    follower.store(
        make(stranger, RecordKind::Vote, encode(protocol::Vote{on, protocol::VoteValue::Up})));
    follower.catch_up();
    auto before = read(file)->changes({});
    ASSERT_OK(before);
    EXPECT_TRUE(before->standings.empty());
    follower.store(announcement(on));
    follower.catch_up();
    auto after = read(file)->changes(before->now);
    ASSERT_OK(after);
    EXPECT_FALSE(after->whole);
    ASSERT_EQ(after->standings.size(), 1u);
    EXPECT_EQ(after->standings.front().second, (Standing{1, 0, 0}));
}

TEST_F(DerivedItems, PagesGoOnWhereTheyEnded) {
    const auto file = folder.file("pages");
    Follower follower(channel.community(), file);
    follower.store(genesis());
    for (int i = 0; i < 7; ++i)
        follower.store(comment(stranger, {}, std::to_string(i)));
    follower.catch_up();
    auto reader = read(file);
    for (const auto order : {ItemOrder::OldestFirst, ItemOrder::NewestFirst}) {
        ItemQuestion question{RecordKind::Comment, protocol::key_of({}), order, std::nullopt, 3};
        std::string texts;
        for (bool more = true; more;) {
            auto page = reader->items(channel.community(), question);
            ASSERT_OK(page);
            ASSERT_LE(page->rows.size(), 3u);
            for (const auto& row : page->rows)
                texts += protocol::decode_comment(row.payload)->text;
            question.after = page->rows.back().ref;
            more = page->more;
        }
        EXPECT_EQ(texts, order == ItemOrder::OldestFirst ? "0123456" : "6543210");
    }
}
