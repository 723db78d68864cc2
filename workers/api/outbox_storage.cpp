// Questions to storage and sign.
#include <set>

#include "ipc-schema/sign_generated.h"
#include "protocol/community/control_records.h"
#include "workers/api/outbox_storage_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using namespace wire::storage;
using pipe::Message;
using pipe::Target;
using process::Role;

Target node() {
    return Target::slot(process::node_slot);
}

// Parts of a worker's index, when results are wanted as they come.
constexpr std::uint8_t search_groups = 8;

std::optional<std::string> next_of(bool more, const flatbuffers::String* next) {
    if (!more || !next) return std::nullopt;
    return next->str();
}

Torrent torrent_of(const S::Torrent& from) {
    Torrent out;
    out.community = from_wire<CommunityId>(from.community());
    out.record = from_wire_ref(from.record());
    out.infohash = from_wire<Infohash>(from.infohash());
    out.name = text_of(from.name());
    out.tags = text_of(from.tags());
    out.channel = text_of(from.channel());
    out.size = from.size();
    out.files = from.files();
    out.created_ms = from.created_ms();
    out.edited = from.edited();
    if (from.checked_ms() != 0)
        out.swarm = {from.seeders(), from.leechers(), from.checked_ms(), from.counted_here()};
    out.thumbnail = bytes_of(from.thumbnail());
    if (from.trackers())
        for (const auto* tracker : *from.trackers())
            out.trackers.push_back(tracker->str());
    return out;
}

FoundTorrent found_torrent_of(const S::Torrent& from) {
    FoundTorrent out{torrent_of(from), -from.rank()};
    out.here = from.stored();
    out.text = from.text();
    out.health = from.health();
    out.freshness = from.freshness();
    return out;
}

AuthoredRecord authored_of(const S::Authored& from) {
    AuthoredRecord out;
    out.community = from_wire<CommunityId>(from.community());
    out.record = from_wire_ref(from.record());
    out.kind = kind_name(static_cast<protocol::RecordKind>(from.kind()));
    out.cursor = text_of(from.cursor());
    out.forked = from.forked();
    return out;
}

// A slot that moved between two answers is in both.
void drop_copies(std::vector<FoundTorrent>& found) {
    std::set<std::pair<CommunityId, RecordRef>> seen;
    std::erase_if(found, [&](const FoundTorrent& one) {
        return !seen.emplace(one.torrent.community, one.torrent.record).second;
    });
}

Bytes bytes_of(const std::vector<CommunityId>& communities) {
    Bytes out;
    for (const auto& community : communities)
        append(out, community.view());
    return out;
}

template <typename List>
std::vector<Torrent> torrents_of(const List* list) {
    std::vector<Torrent> out;
    if (list)
        for (const auto* torrent : *list)
            out.push_back(torrent_of(*torrent));
    return out;
}

Channel channel_of(const S::Channel& from) {
    Channel out;
    out.id = from_wire<CommunityId>(from.id());
    out.name = text_of(from.name());
    out.description = text_of(from.description());
    out.founder = bytes_of(from.founder());
    out.torrents = from.torrents();
    out.joined = from.joined();
    out.own = from.own();
    out.updated_ms = from.updated_ms();
    out.up = from.up();
    out.down = from.down();
    out.subscribers = from.subscribers();
    out.popularity = from.popularity();
    out.vote = from.vote() == 1 ? 1 : from.vote() == 2 ? -1 : 0;
    out.subscribed = from.subscribed();
    return out;
}

Item item_of(const S::Item& from) {
    Item out;
    out.record = from_wire_ref(from.record());
    out.kind = from.kind();
    out.author = bytes_of(from.author());
    out.payload = bytes_of(from.payload());
    if (from.edit()) out.edit = from_wire_ref(from.edit());
    out.edited = bytes_of(from.edited());
    return out;
}

ipc::RecordRef to_wire_ref(const RecordRef& ref) {
    return {ref.time, to_wire<ipc::RecordId>(ref.id)};
}

}  // namespace

std::string kind_name(protocol::RecordKind kind) {
    switch (kind) {
    case protocol::RecordKind::ChannelGenesis: return "channel";
    case protocol::RecordKind::Torrent: return "torrent";
    case protocol::RecordKind::ChannelAnnounced: return "announcement";
    case protocol::RecordKind::Vote: return "vote";
    case protocol::RecordKind::Subscription: return "subscription";
    case protocol::RecordKind::ChannelEdit: return "channel-edit";
    case protocol::RecordKind::TorrentEdit: return "torrent-edit";
    case protocol::RecordKind::Playlist: return "playlist";
    case protocol::RecordKind::PlaylistEdit: return "playlist-edit";
    case protocol::RecordKind::Comment: return "comment";
    case protocol::RecordKind::Agreement: return "agreement";
    }
    switch (static_cast<protocol::ControlKind>(kind)) {
    case protocol::ControlKind::Authorize: return "authorize";
    case protocol::ControlKind::Revoke: return "revoke";
    case protocol::ControlKind::UndoOwn: return "undo-own";
    case protocol::ControlKind::UndoOther: return "undo-other";
    case protocol::ControlKind::Settings: return "settings";
    case protocol::ControlKind::Destroy: return "destroy";
    }
    return "other";
}

Outbox::Asked<Identity> Outbox::get_identity(Errand& errand) {
    namespace G = ipc::sign;
    Builder builder;
    const auto body = G::CreateGetIdentity(builder).Union();
    auto root = G::CreateRequest(builder, G::Inbox::GetIdentity, body);
    Message message{pipe::finish(builder, root), {}};
    auto got = co_await asking_.ask(errand, Role::Sign, Target::any(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* reply = reply_of<G::Answer, G::GetIdentityReply>(*got);
    if (!reply) co_return strange_reply("sign");
    auto key = bytes_of(reply->public_key());
    const MemberId member{sha1(key)};
    co_return Identity{std::move(key), member};
}

// Two steps, in the channel's slot and in the directory's; a retry repeats both, each under the id
// that it had.
Outbox::Asked<CreatedChannel> Outbox::create_channel(Errand& errand, const NewChannel& channel) {
    Builder builder;
    const auto name = builder.CreateString(channel.name);
    const auto description = builder.CreateString(channel.description);
    auto message = request(builder, S::CreateFoundChannel(builder, name, description));
    const auto slot = Target::slot(process::founding_slot(errand.coming_id()));
    auto got = co_await asking_.ask(errand, Role::Storage, slot, std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* made = reply<S::FoundChannelReply>(*got);
    if (!made) co_return strange();
    const CreatedChannel out{from_wire<CommunityId>(made->community()),
                             from_wire_ref(made->record())};
    if (!channel.listed) co_return out;
    auto payload = bytes_of(made->announcement());
    auto announced = co_await publish(errand, protocol::directory_community(),
                                      protocol::RecordKind::ChannelAnnounced, std::move(payload));
    if (!announced) co_return std::move(announced.problem());
    co_return out;
}

Outbox::Asked<RecordRef> Outbox::publish(Errand& errand, CommunityId community,
                                         protocol::RecordKind kind, Bytes payload) {
    Builder builder;
    const auto bytes = builder.CreateVector(payload);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(
        builder, S::CreatePublishRecord(builder, &id, static_cast<std::uint8_t>(kind), bytes));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* made = reply<S::PublishRecordReply>(*got);
    if (!made || !made->record()) co_return strange();
    co_return from_wire_ref(made->record());
}

Outbox::Asked<Nothing> Outbox::join_community(Errand& errand, CommunityId community) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateJoinCommunity(builder, &id));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    if (!reply<S::Done>(*got)) co_return strange();
    co_return Nothing{};
}

Outbox::Asked<Nothing> Outbox::leave_community(Errand& errand, CommunityId community) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateLeaveCommunity(builder, &id));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    if (!reply<S::Done>(*got)) co_return strange();
    co_return Nothing{};
}

Outbox::Asked<std::vector<Community>> Outbox::list_communities(Errand& errand) {
    Builder builder;
    auto message = request(builder, S::CreateListCommunities(builder));
    auto got = co_await asking_.ask(errand, Role::Storage, node(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* list = reply<S::ListCommunitiesReply>(*got);
    if (!list) co_return strange();
    std::vector<Community> out;
    if (list->communities())
        for (const auto* from : *list->communities())
            out.push_back({from_wire<CommunityId>(from->id()),
                           from->kind() == S::CommunityKind::Directory, from->joined(),
                           from->records(), from->bytes(), text_of(from->name())});
    co_return out;
}

Outbox::Asked<ChannelPage> Outbox::list_channels(Errand& errand, ChannelQuery query) {
    Builder builder;
    const auto after = builder.CreateString(query.page.after);
    const auto order = static_cast<S::ChannelOrder>(query.order);
    auto message = request(builder, S::CreateListChannels(builder, after, query.page.limit, order,
                                                          query.only_subscribed));
    auto got = co_await asking_.ask(errand, Role::Storage, node(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* list = reply<S::ListChannelsReply>(*got);
    if (!list) co_return strange();
    ChannelPage out{{}, next_of(list->more(), list->next())};
    if (list->channels())
        for (const auto* from : *list->channels())
            out.channels.push_back(channel_of(*from));
    co_return out;
}

Outbox::Asked<TorrentPage> Outbox::list_contents(Errand& errand, CommunityId community, Page page) {
    Builder builder;
    const auto after = builder.CreateString(page.after);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateListContents(builder, &id, after, page.limit));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* list = reply<S::ListContentsReply>(*got);
    if (!list) co_return strange();
    co_return TorrentPage{torrents_of(list->torrents()), next_of(list->more(), list->next())};
}

Outbox::Asked<ItemPage> Outbox::list_items(Errand& errand, ItemQuery query) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(query.community);
    const auto about = to_wire_ref(query.about.value_or(RecordRef{}));
    const auto after = to_wire_ref(query.after.value_or(RecordRef{}));
    auto message = request(builder, S::CreateListItems(builder, &id, query.kind,
                                                       query.about ? &about : nullptr,
                                                       query.after ? &after : nullptr, query.limit,
                                                       query.newest_first));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(query.community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* list = reply<S::ListItemsReply>(*got);
    if (!list) co_return strange();
    ItemPage out{{}, list->more()};
    if (list->items())
        for (const auto* from : *list->items())
            out.items.push_back(item_of(*from));
    co_return std::move(out);
}

Outbox::Asked<StoredRecord> Outbox::get_record(Errand& errand, CommunityId community,
                                               RecordRef record) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto ref = to_wire_ref(record);
    auto message = request(builder, S::CreateGetRecord(builder, &id, &ref));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* found = reply<S::GetRecordReply>(*got);
    if (!found || !found->item()) co_return strange();
    co_return StoredRecord{item_of(*found->item()), torrents_of(found->torrents()), found->shown()};
}

FoundParts Outbox::ask_search(Errand& errand, const SearchWish& wish, std::uint8_t groups) {
    const auto only = bytes_of(wish.communities);
    std::vector<Asking::Question> questions;
    for (std::uint8_t group = 0; group < groups; ++group) {
        for (const auto instance : asking_.ready(Role::Storage)) {
            Builder builder;
            const auto words = builder.CreateString(wish.text);
            const auto ids = builder.CreateVector(only);
            auto message = request(builder, S::CreateSearch(builder, words, wish.limit, group,
                                                            groups, wish.text.empty(), ids));
            questions.push_back({instance, std::move(message)});
        }
    }
    return FoundParts(asking_.ask_each(errand, Role::Storage, std::move(questions)));
}

FoundParts Outbox::search_parts(Errand& errand, const SearchWish& wish) {
    return ask_search(errand, wish, search_groups);
}

pipe::Task<std::optional<Outcome<Found>>> FoundParts::next() {
    using Part = std::optional<Outcome<Found>>;
    auto answer = co_await answers_.next();
    if (!answer) co_return std::nullopt;
    if (!*answer) co_return Part(std::move(answer->problem()));
    const auto* found = reply<S::SearchReply>(**answer);
    if (!found) co_return Part(strange());
    Found out;
    out.complete = !found->partial();
    out.slots = found->slots();
    if (found->torrents())
        for (const auto* torrent : *found->torrents())
            out.torrents.push_back(found_torrent_of(*torrent));
    co_return Part(std::move(out));
}

Outbox::Asked<std::vector<FoundTorrent>> Outbox::rank_records(Errand& errand, CommunityId community,
                                                              std::string text,
                                                              const std::vector<Bytes>& packets) {
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& packet : packets) {
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto words = builder.CreateString(text);
    const auto list = builder.CreateVector(sizes);
    auto message = request(builder, S::CreateRankRecords(builder, &id, words, list));
    pipe::add_blobs(message, blob);
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* found = reply<S::SearchReply>(*got);
    if (!found) co_return strange();
    std::vector<FoundTorrent> out;
    if (found->torrents())
        for (const auto* torrent : *found->torrents())
            out.push_back(found_torrent_of(*torrent));
    co_return std::move(out);
}

// What is found while slots move may lack some of them, or have one twice: it is asked again.
Outbox::Asked<Found> Outbox::search(Errand& errand, SearchWish wish) {
    while (true) {
        auto out = co_await search_once(errand, wish);
        if (!out) co_return out;
        const bool again = co_await asking_.wait_for_slots(errand, out->slots);
        if (again) continue;
        out->complete = out->complete && out->slots == all_slots;
        co_return out;
    }
}

Outbox::Asked<Found> Outbox::search_once(Errand& errand, const SearchWish& wish) {
    if (auto wrong = obstacle(Patience::Read, Role::Storage)) co_return std::move(*wrong);
    auto parts = ask_search(errand, wish, 1);
    Found out;
    bool any = false;
    for (auto part = co_await parts.next(); part; part = co_await parts.next()) {
        // What one worker finds wrong with the words, all do.
        if (!*part && part->problem().status < 500) co_return std::move(part->problem());
        out.complete = out.complete && *part && (**part).complete;
        if (!*part) continue;
        any = true;
        out.slots |= (**part).slots;
        std::ranges::move((**part).torrents, std::back_inserter(out.torrents));
    }
    if (!any) co_return role_unavailable("storage", "storage: no worker could search in time");
    std::ranges::stable_sort(out.torrents, std::greater{}, &FoundTorrent::score);
    drop_copies(out.torrents);
    if (out.torrents.size() > wish.limit) out.torrents.resize(wish.limit);
    co_return out;
}

// As for search. A slot in two answers would be counted twice.
Outbox::Asked<AuthorPage> Outbox::list_authored(Errand& errand, MemberId member, Page page) {
    while (true) {
        auto out = co_await list_authored_once(errand, member, page);
        if (!out) co_return out;
        const bool again = co_await asking_.wait_for_slots(errand, out->slots);
        if (again) continue;
        out->complete = out->complete && out->slots == all_slots;
        co_return out;
    }
}

// Each worker answers for the communities of its slots, in one order over all communities.
Outbox::Asked<AuthorPage> Outbox::list_authored_once(Errand& errand, MemberId member,
                                                     const Page& page) {
    Builder builder;
    const auto after = builder.CreateString(page.after);
    const auto id = to_wire<S::MemberId>(member);
    const auto message = request(builder, S::CreateListAuthored(builder, &id, after, page.limit));
    auto answers = co_await asking_.ask_all(errand, Role::Storage, message);
    AuthorPage out;
    SlotSet twice = 0;
    bool any = false, more = false;
    for (auto& answer : answers) {
        if (!answer && answer.problem().status < 500) co_return std::move(answer.problem());
        const auto* list = answer ? reply<S::ListAuthoredReply>(*answer) : nullptr;
        out.complete = out.complete && list && !list->partial();
        if (!list) continue;
        any = true;
        twice |= out.slots & list->slots();
        out.slots |= list->slots();
        more = more || list->more();
        out.records += list->count();
        out.forks += list->forks();
        if (out.public_key.empty()) out.public_key = bytes_of(list->key());
        if (list->records())
            for (const auto* record : *list->records())
                out.items.push_back(authored_of(*record));
    }
    if (!any) co_return role_unavailable("storage", "storage: no worker could answer in time");
    out.slots &= ~twice;
    std::ranges::stable_sort(out.items, std::greater{}, &AuthoredRecord::community);
    more = more || out.items.size() > page.limit;
    if (out.items.size() > page.limit) out.items.resize(page.limit);
    if (more && !out.items.empty()) out.next = out.items.back().cursor;
    co_return out;
}

}  // namespace warren::api
