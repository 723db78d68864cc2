// Questions to storage and sign.
#include <algorithm>

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

std::optional<std::string> next_of(bool more, const flatbuffers::String* next) {
    if (!more || !next) return std::nullopt;
    return next->str();
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
