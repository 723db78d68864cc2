// What records show beside torrents: what a channel is called, edits, playlists, comments, votes;
// and hiding any of it again. Rows stand for the records that are shown, and what follows from them
// (a torrent's title, a count) is taken from the rows anew: so their order does not matter. See
// derived.h.
#include "protocol/community/channel/channel_content.h"
#include "protocol/community/directory/directory_content.h"
#include "storage-shard/derived.h"
#include "storage-shard/search_text.h"

namespace warren::shard {

namespace {

using protocol::RecordKind;

RecordRef ref_of(ByteView key) {
    Reader in(key);
    RecordRef out;
    out.time = in.u64();
    out.id.bytes = in.array<RecordId::size>();
    return out;
}

bool is_say(RecordKind kind) {
    return kind == RecordKind::Vote || kind == RecordKind::Subscription;
}

}  // namespace

Result<void> Derived::prepare_items() {
    WARREN_TRY(put_item_, connection_.prepare("INSERT INTO item VALUES(NULL, ?1, ?2, ?3, ?4, ?5, "
                                              "?6, ?7) ON CONFLICT DO NOTHING"));
    WARREN_TRY(find_item_, connection_.prepare("SELECT row, kind, author, is_edit, key FROM item "
                                               "WHERE community = ?1 AND ref = ?2"));
    WARREN_TRY(newest_item_,
               connection_.prepare("SELECT row, payload, author FROM item WHERE community = ?1 AND "
                                   "kind = ?2 AND is_edit = ?3 AND key = ?4 "
                                   "ORDER BY ref DESC LIMIT 1"));
    WARREN_TRY(drop_item_, connection_.prepare("DELETE FROM item WHERE row = ?1"));
    WARREN_TRY(items_of_, connection_.prepare(
                              "DELETE FROM item WHERE row IN (SELECT row FROM item WHERE "
                              "community = ?1 AND (?2 = 0 OR kind NOT IN (?3, ?4)) LIMIT ?5)"));
    WARREN_TRY(author_key_, connection_.prepare("SELECT key FROM author WHERE number = ?1"));
    WARREN_TRY(torrent_text_, connection_.prepare("SELECT name, tags FROM torrent WHERE row = ?1"));
    WARREN_TRY(edit_torrent_,
               connection_.prepare("UPDATE torrent SET edit = nullif(?2, 0) WHERE row = ?1"));
    WARREN_TRY(said_,
               connection_.prepare("SELECT payload FROM item WHERE author = ?1 AND kind = ?2 "
                                   "AND key = ?3 AND kind IN (32, 33) "
                                   "ORDER BY ref DESC LIMIT 1"));
    WARREN_TRY(tell_standing_,
               connection_.prepare("UPDATE standing SET change = ?2 WHERE channel = ?1"));
    WARREN_TRY(count_say_,
               connection_.prepare("INSERT INTO standing VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO "
                                   "UPDATE SET up = up + ?2, down = down + ?3, subscribers = "
                                   "subscribers + ?4, change = ?5"));
    return {};
}

Result<bool> Derived::judge(const CommunityId& community, const std::vector<Judged>& judged) {
    return kept(judge_all(community, judged));
}

Result<bool> Derived::judge_all(const CommunityId& community, const std::vector<Judged>& judged) {
    WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Replicated));
    ++change_;
    Step step;
    WARREN_TRY(step.channel, channel_text(community));
    for (const auto& one : judged) {
        if (one.packet.empty()) {
            WARREN_TRY_VOID(hide(community, one.ref, step.removed));
            continue;
        }
        auto record = protocol::decode_record(one.packet);
        if (record) WARREN_TRY_VOID(show(*record, step));
    }
    WARREN_TRY_VOID(finish_step(community, step));
    WARREN_TRY_VOID(transaction.commit());
    return step.doomed || step.removed.doomed;
}

Result<void> Derived::show_item(const protocol::RecordView& record,
                                const protocol::ProjectionRow& row, Step& step) {
    WARREN_TRY(auto author, author_number(record.author));
    const Item item{0, record.kind, author, row.is_edit, row.key};
    WARREN_TRY(auto before, say_of(item));
    WARREN_TRY_VOID(put_item_.run(record.community, protocol::key_of(record.ref()),
                                  static_cast<std::int64_t>(record.kind), author,
                                  std::int64_t{row.is_edit}, row.key, record.payload));
    if (connection_.changes() == 0) return {};
    if (is_say(record.kind)) return count_say(item, before);
    WARREN_TRY(bool renamed, follow_item(record.community, item));
    if (!renamed) return {};
    WARREN_TRY(step.channel, channel_text(record.community));
    WARREN_TRY(auto has_torrents, has_torrent_.number(record.community));
    step.doomed = step.doomed || has_torrents.has_value();
    return {};
}

Result<void> Derived::hide(const CommunityId& community, const RecordRef& ref, Removal& removal) {
    WARREN_TRY(auto torrent, find_torrent_.number(community, sql_time(ref.time), ref.id));
    if (torrent) return remove_torrent(*torrent, removal);
    WARREN_TRY(auto item, find_item(community, protocol::key_of(ref)));
    return item ? hide_item(community, *item, removal) : Result<void>{};
}

Result<void> Derived::hide_item(const CommunityId& community, const Item& item, Removal& removal) {
    WARREN_TRY(auto before, say_of(item));
    WARREN_TRY_VOID(drop_item_.run(item.row));
    if (is_say(item.kind)) return count_say(item, before);
    WARREN_TRY(bool renamed, follow_item(community, item));
    WARREN_TRY(auto has_torrents, has_torrent_.number(community));
    removal.doomed = removal.doomed || (renamed && has_torrents);
    return {};
}

// What depends on an item that came or went. True: the channel is called another name.
Result<bool> Derived::follow_item(const CommunityId& community, const Item& item) {
    if (item.kind == RecordKind::ChannelGenesis || item.kind == RecordKind::ChannelEdit)
        return refresh_channel(community);
    if (item.kind == RecordKind::TorrentEdit) WARREN_TRY_VOID(refresh_torrent(community, item.key));
    return false;
}

Result<std::optional<Derived::Item>> Derived::find_item(const CommunityId& community,
                                                        ByteView ref) {
    Rows rows = find_item_.rows(community, ref);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<Item>{};
    return std::optional<Item>{Item{rows.integer(0), static_cast<RecordKind>(rows.integer(1)),
                                    rows.integer(2), rows.integer(3) != 0, to_bytes(rows.blob(4))}};
}

Result<std::optional<Derived::Content>>
Derived::newest_item(const CommunityId& community, RecordKind kind, bool is_edit, ByteView key) {
    Rows rows =
        newest_item_.rows(community, static_cast<std::int64_t>(kind), std::int64_t{is_edit}, key);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<Content>{};
    return std::optional<Content>{
        Content{rows.integer(0), to_bytes(rows.blob(1)), rows.integer(2)}};
}

// Torrents carry their channel's name in the full text: when it changes they are indexed anew.
Result<bool> Derived::refresh_channel(const CommunityId& community) {
    WARREN_TRY(auto genesis,
               newest_item(community, RecordKind::ChannelGenesis, false, community.view()));
    if (!genesis) return false;
    auto founded = protocol::decode_channel_genesis(genesis->payload);
    if (!founded) return false;
    WARREN_TRY(auto edit, newest_item(community, RecordKind::ChannelEdit, true, community.view()));
    if (edit) {
        if (auto said = protocol::decode_channel_edit(edit->payload)) {
            founded->name = std::move(said->name);
            founded->description = std::move(said->description);
        }
    }
    protocol::PublicKey founder;
    {
        Rows rows = author_key_.rows(genesis->author);
        WARREN_TRY(bool found, rows.next());
        if (!found) return damaged("the derived file lost an author");
        founder = rows.id<protocol::PublicKey>(0);
    }
    WARREN_TRY(auto before, channel_text(community));
    WARREN_TRY_VOID(put_channel_.run(community, folded(founded->name), founded->name,
                                     founded->description, founder, change_));
    std::int64_t number = 0;
    {
        Rows rows = find_channel_.rows(community);
        WARREN_TRY(bool found, rows.next());
        if (!found) return false;
        number = rows.integer(0);
    }
    WARREN_TRY_VOID(remove_about_.run(number));
    WARREN_TRY_VOID(put_about_.run(number, index_text(founded->description)));
    return before != index_text(founded->name);
}

// The torrent's own title and tags stay beside the edit that counts, for when it is undone.
Result<void> Derived::refresh_torrent(const CommunityId& community, ByteView target) {
    const auto ref = ref_of(target);
    WARREN_TRY(auto torrent, find_torrent_.number(community, sql_time(ref.time), ref.id));
    if (!torrent) return {};
    WARREN_TRY(auto edit, newest_item(community, RecordKind::TorrentEdit, true, target));
    std::string name, tags;
    {
        Rows rows = torrent_text_.rows(*torrent);
        WARREN_TRY(bool found, rows.next());
        if (!found) return {};
        name = rows.text(0);
        tags = rows.text(1);
    }
    std::optional<std::int64_t> row;
    if (edit) {
        if (auto said = protocol::decode_torrent_edit(edit->payload)) {
            row = edit->row;
            name = std::move(said->name);
            tags = std::move(said->tags);
        }
    }
    WARREN_TRY_VOID(edit_torrent_.run(*torrent, row.value_or(0)));
    WARREN_TRY(auto* volume, volume_of(*torrent));
    return volume->edit.run(*torrent, index_text(name), index_text(tags));
}

// What a voter's newest word counts; of others nothing.
Result<Derived::Say> Derived::say_of(const Item& item) {
    if (!is_say(item.kind)) return Say{};
    Rows rows = said_.rows(item.author, static_cast<std::int64_t>(item.kind), item.key);
    WARREN_TRY(bool found, rows.next());
    if (!found) return Say{};
    if (item.kind == RecordKind::Vote) {
        const auto vote = protocol::decode_vote(rows.blob(0));
        if (!vote) return Say{};
        return Say{vote->value == protocol::VoteValue::Up ? 1 : 0,
                   vote->value == protocol::VoteValue::Down ? 1 : 0, 0};
    }
    const auto said = protocol::decode_subscription(rows.blob(0));
    return Say{0, 0, said && said->subscribed == protocol::Subscribed::Yes ? 1 : 0};
}

Result<void> Derived::count_say(const Item& item, const Say& before) {
    WARREN_TRY(auto now, say_of(item));
    return count_say_.run(item.key, now.up - before.up, now.down - before.down,
                          now.subscribers - before.subscribers, change_);
}

// A community that is indexed again keeps what it is called: else its torrents would be indexed
// under the first of its names, and once more under each that follows.
Result<std::size_t> Derived::remove_items(const CommunityId& community, Then then,
                                          std::size_t rows) {
    WARREN_TRY_VOID(items_of_.run(community, std::int64_t{then == Then::IndexAgain},
                                  static_cast<std::int64_t>(RecordKind::ChannelGenesis),
                                  static_cast<std::int64_t>(RecordKind::ChannelEdit),
                                  static_cast<std::int64_t>(rows)));
    return static_cast<std::size_t>(connection_.changes());
}

}  // namespace warren::shard
