// See foreign_search.h.
#include "storage-shard/foreign_search.h"

#include <algorithm>
#include <map>

#include "protocol/community/channel/channel_content.h"
#include "storage-shard/search_text.h"

namespace warren::shard {

namespace {

using protocol::RecordKind;

std::optional<ForeignTorrent> torrent_of(const protocol::RecordView& record) {
    auto entry = protocol::decode_torrent_entry(record.payload);
    if (!entry) return std::nullopt;
    ForeignTorrent out;
    out.torrent.community = record.community;
    out.torrent.ref = record.ref();
    out.torrent.infohash = entry->infohash;
    out.torrent.name = std::move(entry->name);
    out.torrent.size = entry->size;
    out.torrent.files = entry->files;
    out.torrent.tags = std::move(entry->tags);
    out.torrent.created_ms = shown_ms(entry->created_s);
    out.torrent.extras = std::move(entry->extras);
    out.file_names = std::move(entry->file_names);
    return out;
}

struct Edited {
    RecordRef by;
    protocol::TorrentEdit edit;
};

}  // namespace

Result<std::vector<ForeignTorrent>> foreign_torrents(Shard& shard, std::span<const Bytes> packets) {
    std::map<RecordRef, ForeignTorrent> torrents;
    std::map<RecordRef, Edited> edits;  // by their target
    for (const auto& packet : packets) {
        const auto record = protocol::decode_record(packet);
        if (!record) continue;
        WARREN_TRY(const auto showing, shard.showing(*record));
        if (!showing.allowed) continue;
        if (record->kind == RecordKind::Torrent) {
            auto torrent = torrent_of(*record);
            if (!torrent) continue;
            torrent->torrent.here = showing.here;
            torrents.emplace(record->ref(), std::move(*torrent));
        } else if (record->kind == RecordKind::TorrentEdit) {
            auto edit = protocol::decode_torrent_edit(record->payload);
            if (!edit) continue;
            auto& newest = edits[edit->target];
            if (newest.by < record->ref()) newest = {record->ref(), std::move(*edit)};
        }
    }
    std::vector<ForeignTorrent> out;
    for (auto& [ref, torrent] : torrents) {
        if (const auto found = edits.find(ref); found != edits.end()) {
            auto& edit = found->second.edit;
            torrent.torrent.name = std::move(edit.name);
            torrent.torrent.tags = std::move(edit.tags);
            torrent.torrent.extras = std::move(edit.extras);
            torrent.torrent.edited = true;
        }
        out.push_back(std::move(torrent));
    }
    return out;
}

Result<std::vector<ForeignTorrent>> fitting(std::vector<ForeignTorrent> all,
                                            std::string_view text) {
    std::vector<ForeignTorrent> out;
    const auto expression = match_expression(text);
    if (!expression) return out;
    WARREN_TRY(auto memory, Connection::open(":memory:", Access::Memory));
    WARREN_TRY_VOID(add_fit_function(memory));
    const auto sql = "CREATE VIRTUAL TABLE words USING " + std::string(words_form);
    WARREN_TRY_VOID(memory.execute(sql.c_str()));
    WARREN_TRY(auto put, memory.prepare("INSERT INTO words(rowid, title, file_names, tags, "
                                        "channel) VALUES(?1, ?2, ?3, ?4, ?5)"));
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& one = all[i];
        std::string names;
        for (const auto& name : one.file_names)
            names += name + "\n";
        WARREN_TRY_VOID(put.run(static_cast<std::int64_t>(i), index_text(one.torrent.name),
                                index_text(names), index_text(one.torrent.tags),
                                index_text(one.torrent.channel)));
    }
    WARREN_TRY(auto find, memory.prepare("SELECT rowid, warren_fit(words) FROM words WHERE words "
                                         "MATCH ?1 ORDER BY rowid"));
    Rows rows = find.rows(*expression);
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return out;
        auto& one = all[static_cast<std::size_t>(rows.integer(0))];
        one.torrent.text = rows.real(1);
        out.push_back(std::move(one));
    }
}

}  // namespace warren::shard
