// Questions to storage and sign.
#include "ipc-schema/sign_generated.h"
#include "ipc-schema/storage_generated.h"
#include "protocol/record.h"
#include "workers/api/outbox_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using pipe::Message;
using pipe::Target;
using process::Role;
namespace S = ipc::storage;
using Builder = flatbuffers::FlatBufferBuilder;

template <typename Body>
Message request(Builder& builder, flatbuffers::Offset<Body> body) {
    return {pipe::finish(builder,
                         S::CreateRequest(builder, S::InboxTraits<Body>::enum_value, body.Union())),
            {}};
}
template <typename Reply>
const Reply* reply(const Message& message) {
    return reply_of<S::Answer, Reply>(message);
}
// Channels are founded by the worker that holds the directory.
Target directory() {
    return Target::community(protocol::directory_community());
}

Target node() {
    return Target::slot(process::node_slot);
}
const auto strange = [] { return strange_reply("storage"); };

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
    out.rank = from.rank();
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
    return out;
}

}  // namespace

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

Outbox::Asked<CreatedChannel> Outbox::create_channel(Errand& errand, const NewChannel& channel) {
    Builder builder;
    const auto name = builder.CreateString(channel.name);
    const auto description = builder.CreateString(channel.description);
    auto message = request(builder, S::CreateFoundChannel(builder, name, description));
    auto got = co_await asking_.ask(errand, Role::Storage, directory(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* made = reply<S::FoundChannelReply>(*got);
    if (!made) co_return strange();
    co_return CreatedChannel{from_wire<CommunityId>(made->community()),
                             from_wire_ref(made->record())};
}

Outbox::Asked<RecordRef> Outbox::publish_torrent(Errand& errand, CommunityId community,
                                                 Bytes payload) {
    Builder builder;
    const auto bytes = builder.CreateVector(payload);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message =
        request(builder,
                S::CreatePublishRecord(
                    builder, &id, static_cast<std::uint8_t>(protocol::RecordKind::Torrent), bytes));
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

Outbox::Asked<ChannelPage> Outbox::list_channels(Errand& errand, Page page) {
    Builder builder;
    const auto after = builder.CreateString(page.after);
    auto message = request(builder, S::CreateListChannels(builder, after, page.limit));
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

Outbox::Asked<Found> Outbox::search(Errand& errand, std::string text, std::uint32_t limit) {
    if (auto wrong = obstacle(Patience::Read, Role::Storage)) co_return std::move(*wrong);
    Builder builder;
    const auto words = builder.CreateString(text);
    const auto message = request(builder, S::CreateSearch(builder, words, limit));
    auto answers = co_await asking_.ask_all(errand, Role::Storage, message);
    Found out;
    bool any = false;
    for (auto& answer : answers) {
        const auto* found = answer ? reply<S::SearchReply>(*answer) : nullptr;
        // What one worker finds wrong with the words, all do.
        if (!answer && answer.problem().status < 500) co_return std::move(answer.problem());
        out.complete = out.complete && found;
        if (!found) continue;
        any = true;
        out.complete = out.complete && !found->partial();
        for (auto& torrent : torrents_of(found->torrents()))
            out.torrents.push_back(std::move(torrent));
    }
    if (!any) co_return role_unavailable("storage", "storage: no worker could search in time");
    // As SQLite ranks: the smaller, the better.
    std::ranges::stable_sort(out.torrents, {}, &Torrent::rank);
    if (out.torrents.size() > limit) out.torrents.resize(limit);
    co_return out;
}

}  // namespace warren::api
