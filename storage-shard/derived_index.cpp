// What becomes of one record: a row in a listing, words in the full text, a line of its author. See
// derived.h.
#include <algorithm>

#include "protocol/community/control_records.h"
#include "protocol/community/types.h"
#include "storage-shard/derived.h"
#include "storage-shard/derived_reader.h"
#include "storage-shard/search_text.h"

namespace warren::shard {

namespace {

constexpr std::size_t known_authors_max = 4096;
constexpr std::size_t prepared_volumes_max = 4;

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names)
        out += name + "\n";
    return out;
}

}  // namespace

std::int64_t head_of(const RecordId& id) {
    return static_cast<std::int64_t>(Reader(id.view()).u64());
}

// The type's table says what a record shows; this puts it where it is read.
class Derived::Shown final : public protocol::Projection {
public:
    Shown(Derived& derived, Step& step) : derived_(derived), step_(step) {}
    void show(const protocol::RecordView& record, const protocol::ProjectionRow& row) override {
        if (done_) done_ = derived_.show_row(record, row, step_);
    }
    void hide(const RecordRef&) override {}  // see Derived::hide: it needs no packet
    Result<void> take_done() { return std::move(done_); }

private:
    Derived& derived_;
    Step& step_;
    Result<void> done_;
};

Result<void> Derived::show(const protocol::RecordView& record, Step& step) {
    const auto* message = protocol::find_message(protocol::type_of(record.community),
                                                 static_cast<protocol::MessageId>(record.kind));
    // The log of moderation is shown as well, whatever the type.
    if (record.kind == static_cast<protocol::RecordKind>(protocol::ControlKind::UndoOther))
        return show_item(record, {}, step);
    if (!message || !message->apply) return {};
    Shown shown(*this, step);
    (*message->apply)(record, shown);
    return shown.take_done();
}

Result<void> Derived::show_row(const protocol::RecordView& record,
                               const protocol::ProjectionRow& row, Step& step) {
    switch (record.kind) {
    case protocol::RecordKind::Torrent: return index_torrent(record, step);
    case protocol::RecordKind::ChannelAnnounced: return index_announced(record, step);
    case protocol::RecordKind::ChannelGenesis:
    case protocol::RecordKind::Vote:
    case protocol::RecordKind::Subscription:
    case protocol::RecordKind::ChannelEdit:
    case protocol::RecordKind::TorrentEdit:
    case protocol::RecordKind::Playlist:
    case protocol::RecordKind::PlaylistEdit:
    case protocol::RecordKind::Comment:
    case protocol::RecordKind::Agreement: return show_item(record, row, step);
    }
    return {};
}

Result<void> Derived::index_announced(const protocol::RecordView& record, Step& step) {
    auto announced = protocol::decode_channel_announced(record.payload);
    if (!announced) return {};
    step.out.announced.push_back(
        {announced->channel, {record.author, announced->nonce}, announced->name});
    WARREN_TRY_VOID(put_announced_.run(announced->channel, folded(announced->name), announced->name,
                                       record.author, announced->nonce, sql_time(record.time),
                                       record.id, change_));
    return tell_standing_.run(announced->channel, change_);
}

Result<void> Derived::index_torrent(const protocol::RecordView& record, Step& step) {
    auto entry = protocol::decode_torrent_entry(record.payload);
    if (!entry) return {};
    WARREN_TRY(auto there,
               find_torrent_.number(record.community, sql_time(record.time), record.id));
    if (there) return {};
    WARREN_TRY_VOID(put_torrent_.run(
        record.community, sql_time(record.time), record.id, entry->infohash, entry->name,
        static_cast<std::int64_t>(entry->size), static_cast<std::int64_t>(entry->files),
        entry->tags, shown_ms(entry->created_s)));
    auto row = connection_.last_rowid();
    WARREN_TRY(auto* volume, volume_of(row));
    ++step.torrents;
    step.updated_ms = std::max(step.updated_ms, shown_ms(entry->created_s));
    WARREN_TRY_VOID(volume->put.run(row, index_text(entry->name),
                                    index_text(joined(entry->file_names)), index_text(entry->tags),
                                    step.channel));
    // An edit may have come before it.
    const auto ref = protocol::key_of(record.ref());
    WARREN_TRY(auto edit,
               newest_item(record.community, protocol::RecordKind::TorrentEdit, true, ref));
    return edit ? refresh_torrent(record.community, ref) : Result<void>{};
}

// Rows of one author and community lie together, in the order of the author's own line, so that a
// batch touches few pages and two records that name one predecessor are neighbours.
Result<void> Derived::index_author(const protocol::RecordView& record, Step& step) {
    WARREN_TRY(auto author, author_number(record.author));
    auto prev_time = sql_time(record.prev.time);
    auto prev = head_of(record.prev.id);
    WARREN_TRY_VOID(put_written_.run(author, record.community, prev_time, prev,
                                     sql_time(record.time), record.id,
                                     static_cast<std::int64_t>(record.kind)));
    if (connection_.changes() == 0) return {};
    auto& counts = step.authors[record.author];
    ++counts.records;
    if (record.prev == RecordRef{}) return {};  // naming no predecessor proves nothing
    WARREN_TRY(auto there, same_place_.number(author, record.community, prev_time, prev));
    if (there != 2) return {};
    ++counts.forks;
    Rows beside = beside_.rows(author, record.community, prev_time, prev, record.id);
    WARREN_TRY(const bool found, beside.next());
    if (found)
        step.out.forks.emplace_back(RecordRef{time_of(beside.integer(0)), beside.id<RecordId>(1)},
                                    record.ref());
    return {};
}

Result<std::int64_t> Derived::author_number(const protocol::PublicKey& author) {
    auto known = known_authors_.find(author);
    if (known != known_authors_.end()) return known->second;
    auto member = protocol::member_id(author.view());
    WARREN_TRY(auto number, find_author_.number(member));
    if (!number) {
        WARREN_TRY_VOID(put_author_.run(member, author));
        number = connection_.last_rowid();
    }
    if (known_authors_.size() >= known_authors_max) known_authors_.clear();
    known_authors_[author] = *number;
    return *number;
}

Result<void> Derived::finish_authors(const CommunityId& community, const Step& step) {
    for (const auto& [key, counts] : step.authors) {
        WARREN_TRY(auto author, author_number(key));
        WARREN_TRY_VOID(count_author_.run(author, counts.records, counts.forks));
        WARREN_TRY_VOID(count_in_.run(community, author, counts.records, counts.forks));
    }
    return {};
}

Result<std::string> Derived::channel_text(const CommunityId& channel) {
    Rows rows = find_channel_.rows(channel);
    WARREN_TRY(bool found, rows.next());
    return found ? index_text(rows.text(1)) : std::string();
}

Result<Derived::Volume*> Derived::volume_of(std::int64_t row) {
    auto number = row / volume_rows;
    auto found = volumes_.find(number);
    if (found != volumes_.end()) return &found->second;
    WARREN_TRY(auto there, connection_.number("SELECT count(*) FROM volume WHERE number = " +
                                              std::to_string(number)));
    if (there == 0) WARREN_TRY_VOID(make_volume(number));
    if (volumes_.size() >= prepared_volumes_max) volumes_.clear();
    auto table = "words_" + std::to_string(number);
    Volume out;
    WARREN_TRY(out.put, connection_.prepare("INSERT INTO " + table +
                                            "(rowid, title, file_names, tags, channel) "
                                            "VALUES(?1, ?2, ?3, ?4, ?5)"));
    WARREN_TRY(out.remove, connection_.prepare("DELETE FROM " + table + " WHERE rowid = ?1"));
    WARREN_TRY(out.edit, connection_.prepare("UPDATE " + table +
                                             " SET title = ?2, tags = ?3 WHERE rowid = ?1"));
    return &volumes_.emplace(number, std::move(out)).first->second;
}

// Two and three letters, as one types, have indexes of their own; longer ones match few words.
// Sizes of columns are not kept: the rank does not use them.
Result<void> Derived::make_volume(std::int64_t number) {
    auto table = "words_" + std::to_string(number);
    auto sql = "INSERT INTO volume VALUES(" + std::to_string(number) + "); CREATE VIRTUAL TABLE " +
               table + " USING " + std::string(words_form);
    return connection_.execute(sql.c_str());
}

}  // namespace warren::shard
