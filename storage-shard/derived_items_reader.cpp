// Reading playlists, comments, the moderation log and votes. See derived_reader.h.
#include "protocol/community/message_type.h"
#include "storage-shard/derived_reader.h"
#include "storage-shard/derived_snapshot.h"

namespace warren::shard {

namespace {

using protocol::RecordKind;

constexpr std::size_t page_max = 100;
constexpr std::int64_t said_max = 20'000;  // of one member

RecordRef ref_of(ByteView key) {
    Reader in(key);
    RecordRef out;
    out.time = in.u64();
    out.id.bytes = in.array<RecordId::size>();
    return out;
}

std::int64_t number_of(RecordKind kind) {
    return static_cast<std::int64_t>(kind);
}

// What edits a row of this kind; itself: comments, by their author only.
RecordKind editor_of(RecordKind kind) {
    return kind == RecordKind::Playlist ? RecordKind::PlaylistEdit : kind;
}

}  // namespace

Result<void> DerivedReader::prepare_items() {
    const std::string columns = "SELECT i.ref, a.key, i.payload, i.kind, i.author FROM item i JOIN "
                                "author a ON a.number = i.author WHERE i.community = ?1 AND ";
    const std::string about = columns + "i.kind = ?2 AND i.is_edit = 0 AND i.key = ?3 AND i.ref ";
    WARREN_TRY(items_up_, connection_.prepare(about + "> ?4 ORDER BY i.ref LIMIT ?5"));
    WARREN_TRY(items_down_, connection_.prepare(about + "< ?4 ORDER BY i.ref DESC LIMIT ?5"));
    WARREN_TRY(item_, connection_.prepare(columns + "i.ref = ?2"));
    WARREN_TRY(edit_, connection_.prepare("SELECT ref, payload FROM item WHERE community = ?1 AND "
                                          "kind = ?2 AND is_edit = 1 AND key = ?3 AND "
                                          "(?4 = 0 OR author = ?4) ORDER BY ref DESC LIMIT 1"));
    WARREN_TRY(said_, connection_.prepare(
                          "SELECT key, kind, payload FROM item WHERE kind IN (32, 33) AND author = "
                          "(SELECT number FROM author WHERE member = ?1) "
                          "ORDER BY kind, key, ref LIMIT ?2"));
    return {};
}

Result<ItemRow> DerivedReader::item_from(const CommunityId& community, const Rows& rows) {
    ItemRow out;
    const auto key = to_bytes(rows.blob(0));
    out.ref = ref_of(key);
    out.author = rows.id<protocol::PublicKey>(1);
    out.payload = to_bytes(rows.blob(2));
    const auto kind = static_cast<RecordKind>(rows.integer(3));
    const std::int64_t by = kind == RecordKind::Comment ? rows.integer(4) : 0;
    Rows edits = edit_.rows(community, number_of(editor_of(kind)), key, by);
    WARREN_TRY(bool found, edits.next());
    if (!found) return out;
    out.edit = ref_of(edits.blob(0));
    out.edited = to_bytes(edits.blob(1));
    return out;
}

Result<ItemPage> DerivedReader::items(const CommunityId& community, const ItemQuestion& question) {
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    const bool up = question.order == ItemOrder::OldestFirst;
    const auto limit = std::clamp<std::size_t>(question.limit, 1, page_max);
    const Bytes from = question.after ? protocol::key_of(*question.after)
                       : up           ? Bytes{}
                                      : Bytes(8 + RecordId::size, 0xff);
    ItemPage out;
    Rows rows = (up ? items_up_ : items_down_)
                    .rows(community, number_of(question.kind), question.key, from,
                          static_cast<std::int64_t>(limit + 1));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        out.more = out.rows.size() == limit;
        if (out.more) return out;
        WARREN_TRY(auto row, item_from(community, rows));
        out.rows.push_back(std::move(row));
    }
}

Result<std::optional<ItemRow>> DerivedReader::item(const CommunityId& community,
                                                   const RecordRef& ref) {
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    Rows rows = item_.rows(community, protocol::key_of(ref));
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<ItemRow>{};
    WARREN_TRY(auto row, item_from(community, rows));
    return std::optional<ItemRow>{std::move(row)};
}

Result<std::optional<Bytes>> DerivedReader::torrent_edit(const CommunityId& community,
                                                         const RecordRef& ref) {
    Rows rows = edit_.rows(community, number_of(RecordKind::TorrentEdit), protocol::key_of(ref),
                           std::int64_t{0});
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<Bytes>{};
    return std::optional<Bytes>{to_bytes(rows.blob(1))};
}

Result<std::optional<RecordRef>> DerivedReader::torrent_edit_ref(const CommunityId& community,
                                                                 const RecordRef& ref) {
    Rows rows = edit_.rows(community, number_of(RecordKind::TorrentEdit), protocol::key_of(ref),
                           std::int64_t{0});
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<RecordRef>{};
    return std::optional<RecordRef>{ref_of(rows.blob(0))};
}

// The last row of a channel is the newest.
Result<std::vector<Said>> DerivedReader::said_by(const protocol::PublicKey& author) {
    std::map<CommunityId, Said> found;
    Rows rows = said_.rows(protocol::member_id(author.view()), said_max);
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) break;
        auto& one = found[rows.id<CommunityId>(0)];
        if (static_cast<RecordKind>(rows.integer(1)) == RecordKind::Vote) {
            if (const auto vote = protocol::decode_vote(rows.blob(2))) one.vote = vote->value;
        } else if (const auto said = protocol::decode_subscription(rows.blob(2))) {
            one.subscribed = said->subscribed;
        }
    }
    std::vector<Said> out;
    for (auto& [channel, said] : found) {
        said.channel = channel;
        out.push_back(said);
    }
    return out;
}

}  // namespace warren::shard
