// What channels hold and how they are listed: questions to the derived files, and the handlers that
// ask them.
#include <algorithm>

#include "protocol/community/channel/channel_content.h"
#include "protocol/community/message_type.h"
#include "workers/storage/replies.h"
#include "workers/storage/slots_read.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

using protocol::RecordKind;

// What stands in the record, unless an edit counts.
void put_edit(protocol::TorrentEntry& entry, ByteView payload) {
    auto edit = protocol::decode_torrent_edit(payload);
    if (!edit) return;
    entry.name = std::move(edit->name);
    entry.tags = std::move(edit->tags);
    entry.extras = std::move(edit->extras);
}

std::vector<RecordRef> torrents_of(const shard::ItemRow& playlist) {
    if (playlist.edit) {
        auto edit = protocol::decode_playlist_edit(playlist.edited);
        if (edit) return std::move(edit->playlist.items);
    }
    auto first = protocol::decode_playlist(playlist.payload);
    return first ? std::move(first->items) : std::vector<RecordRef>{};
}

Result<Slots::Shown> find_shown(shard::DerivedReader& reader, const CommunityId& community,
                                const RecordRef& ref) {
    Slots::Shown out;
    WARREN_TRY(out.item, reader.item(community, ref));
    std::vector<RecordRef> wanted(1, ref);
    if (out.item) wanted = torrents_of(*out.item);
    for (const auto& one : wanted) {
        WARREN_TRY(auto torrent, reader.torrent(community, one));
        if (torrent) out.torrents.push_back(std::move(*torrent));
    }
    return out;
}

}  // namespace

Task<Result<shard::ItemPage>> Slots::items(CommunityId community, shard::ItemQuestion question,
                                           Nanoseconds deadline) {
    std::function<Result<shard::ItemPage>(shard::DerivedReader&)> work =
        [community, question = std::move(question)](shard::DerivedReader& reader) {
            return reader.items(community, question);
        };
    co_return co_await read<shard::ItemPage>(process::slot_of(community), std::move(work),
                                             deadline);
}

Task<Result<Slots::Edits>>
Slots::torrent_edits(CommunityId community, std::vector<RecordRef> torrents, Nanoseconds deadline) {
    std::function<Result<Edits>(shard::DerivedReader&)> work =
        [community, torrents = std::move(torrents)](shard::DerivedReader& reader) -> Result<Edits> {
        Edits out;
        for (const auto& torrent : torrents) {
            WARREN_TRY(auto edit, reader.torrent_edit(community, torrent));
            out.push_back(std::move(edit));
        }
        return out;
    };
    co_return co_await read<Edits>(process::slot_of(community), std::move(work), deadline);
}

Task<Result<Slots::EditRefs>> Slots::torrent_edit_refs(CommunityId community,
                                                       std::vector<RecordRef> torrents,
                                                       Nanoseconds deadline) {
    std::function<Result<EditRefs>(shard::DerivedReader&)> work =
        [community,
         torrents = std::move(torrents)](shard::DerivedReader& reader) -> Result<EditRefs> {
        EditRefs out;
        for (const auto& torrent : torrents) {
            WARREN_TRY(auto edit, reader.torrent_edit_ref(community, torrent));
            out.push_back(edit);
        }
        return out;
    };
    co_return co_await read<EditRefs>(process::slot_of(community), std::move(work), deadline);
}

Task<Result<Slots::Shown>> Slots::shown(CommunityId community, RecordRef ref,
                                        Nanoseconds deadline) {
    std::function<Result<Shown>(shard::DerivedReader&)> work = [community,
                                                                ref](shard::DerivedReader& reader) {
        return find_shown(reader, community, ref);
    };
    co_return co_await read<Shown>(process::slot_of(community), std::move(work), deadline);
}

Task<Result<std::vector<shard::Said>>> Slots::said_by(protocol::PublicKey author,
                                                      Nanoseconds deadline) {
    using All = std::vector<shard::Said>;
    std::function<Result<All>(shard::DerivedReader&)> work =
        [author](shard::DerivedReader& reader) { return reader.said_by(author); };
    const auto slot = process::slot_of(protocol::directory_community());
    co_return co_await read<All>(slot, std::move(work), deadline);
}

Task<pipe::Answer> StorageWorker::on_list_channels(Call call, ChannelList list) {
    ChannelQuestion question;
    question.limit = list.page.limit;
    question.order = static_cast<ChannelOrder>(list.order);
    if (question.order > ChannelOrder::Updated) co_return bad_input("not an order of channels");
    if (!list.page.after.empty()) {
        question.after = shard::channel_cursor_from(list.page.after);
        if (!question.after) co_return bad_input("the cursor is not one that a page gave");
    }
    std::map<CommunityId, shard::Said> said;
    auto own = co_await outbox_.identity(call.deadline);  // listings do without it
    if (own) {
        auto all = co_await slots_.said_by(*own, call.deadline);
        if (all)
            for (const auto& one : *all)
                said[one.channel] = one;
    }
    if (list.subscribed == Subscribed::Only) {
        question.only.emplace();
        for (const auto& [channel, one] : said)
            if (one.subscribed == protocol::Subscribed::Yes) question.only->insert(channel);
    }
    auto channels = co_await slots_.channels(owned_slots(), std::move(question), call.deadline);
    if (!channels) co_return channels.error();
    using Present = std::shared_ptr<const Communities>;
    std::function<Result<Present>()> look = [joined = joined_]() -> Result<Present> {
        return joined->look();
    };
    auto joined = co_await executor_.run<Present>(folders_, std::move(look), call.deadline);
    if (!joined) co_return joined.error();
    ChannelRows out{{}, channels->more, std::move(channels->next)};
    const auto now = wall_now_ms();
    for (auto& channel : channels->channels) {
        ChannelRow row;
        row.own = own.ok() && channel.founder == *own;
        row.joined = (*joined)->contains(channel.id);
        row.popularity = popularity(channel, now);
        if (const auto found = said.find(channel.id); found != said.end()) row.said = found->second;
        row.listed = std::move(channel);
        out.rows.push_back(std::move(row));
    }
    co_return replies::channels(out);
}

// From the community's own file, which is never behind; what edits say is laid over it.
Task<pipe::Answer> StorageWorker::on_list_contents(Call call, CommunityId community,
                                                   ListPage page) {
    auto use = shards_.use(community);
    std::function<Result<shard::ContentsPage>(shard::ShardReader&)> work =
        [page](shard::ShardReader& reader) { return reader.contents(page.after, page.limit); };
    auto contents = co_await shards_.read<shard::ContentsPage>(use, std::move(work), call.deadline);
    if (!contents) co_return contents.error();
    note_damaged_records(use, contents->damaged);
    Contents out{community, {}, std::move(*contents), {}};
    std::vector<RecordRef> refs;
    for (const auto& row : out.page.rows)
        refs.push_back(row.ref);
    auto edits = co_await slots_.torrent_edits(community, std::move(refs), call.deadline);
    for (std::size_t i = 0; edits && i < edits->size(); ++i) {
        auto& row = out.page.rows[i];
        row.edited = (*edits)[i].has_value();
        if (row.edited) put_edit(row.entry, *(*edits)[i]);
    }
    for (const auto& row : out.page.rows)
        out.healths.push_back(slots_.health_of(row.entry.infohash));
    std::vector<CommunityId> only(1, community);
    auto described = co_await slots_.describe(std::move(only), call.deadline);
    if (described && !described->empty()) out.channel = described->front().name;
    co_return replies::contents(out);
}

Task<pipe::Answer> StorageWorker::on_list_items(Call call, ItemList list) {
    auto page = co_await slots_.items(list.community, list.question, call.deadline);
    if (!page && page.error().kind == ErrorKind::NotFound)
        co_return replies::items(list.question.kind, {});
    if (!page) co_return page.error();
    co_return replies::items(list.question.kind, *page);
}

Task<pipe::Answer> StorageWorker::on_get_record(Call call, CommunityId community, RecordRef ref) {
    auto use = shards_.use(community);
    using Packet = std::optional<Bytes>;
    std::function<Result<Packet>(shard::ShardReader&)> work = [ref](shard::ShardReader& reader) {
        return reader.record(ref);
    };
    auto packet = co_await shards_.read<Packet>(use, std::move(work), call.deadline);
    if (!packet) co_return packet.error();
    if (!*packet) co_return not_found("no such record is stored here");
    const auto record = protocol::decode_record(**packet);
    if (!record) co_return record.error();
    RecordAndShown out;
    out.kind = record->kind;
    out.item = {ref, record->author, to_bytes(record->payload), std::nullopt, {}};
    auto shown = co_await slots_.shown(community, ref, call.deadline);
    if (shown) {
        const bool is_torrent = out.kind == RecordKind::Torrent;
        out.shown = shown->item || (is_torrent && !shown->torrents.empty());
        if (shown->item) out.item = std::move(*shown->item);
        for (auto& torrent : shown->torrents) {
            const auto health = slots_.health_of(torrent.infohash);
            out.torrents.push_back({std::move(torrent), health, {}});
        }
        auto entry = protocol::decode_torrent_entry(record->payload);
        if (is_torrent && entry && out.shown && !out.torrents.front().torrent.edited)
            out.torrents.front().torrent.extras = std::move(entry->extras);
    }
    co_return replies::record(out);
}

}  // namespace warren::storage
