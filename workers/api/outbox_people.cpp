// Questions about people: second signatures, letters, invitations, and how a community is in sync.
#include "workers/api/outbox_network_shared.h"
#include "workers/api/outbox_storage_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using namespace wire::network;
using pipe::Message;
using pipe::Target;
using process::Role;
namespace S = ipc::storage;

Bytes blob_of(const Message& message) {
    return pipe::join_blobs(message.blobs);
}

ipc::Endpoint wire_endpoint(const Endpoint& from) {
    return ipc::Endpoint(flatbuffers::span<const std::uint8_t, 16>(from.address), from.port,
                         from.v6 ? 1 : 0);
}

PairedRecord pair_of(const N::Pair& from) {
    PairedRecord out;
    out.community = from_wire<CommunityId>(from.community());
    out.record = from_wire_ref(from.record());
    out.kind = from.kind();
    out.first = bytes_of(from.first());
    out.second = bytes_of(from.second());
    out.payload = bytes_of(from.payload());
    constexpr const char* states[] = {"open", "signed", "refused", "expired"};
    out.state = states[std::min<std::size_t>(static_cast<std::size_t>(from.state()), 3)];
    out.considered = from.considered();
    out.reason = text_of(from.reason());
    out.left_ms = from.left_ms();
    return out;
}

}  // namespace

// Those that do not serve the community refuse at once.
Outbox::Asked<Message> Outbox::ask_serving(Errand& errand, Message message) {
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    if (answers.empty())
        answers.push_back(co_await asking_.ask(errand, Role::Network, Target::any(), message));
    for (auto& answer : answers)
        if (answer) co_return std::move(*answer);
    // A reason of its own says more than that a worker does not serve it.
    const auto telling =
        std::ranges::find_if(answers, [](auto& answer) { return answer.problem().status != 403; });
    auto& chosen = telling == answers.end() ? answers.front() : *telling;
    co_return std::move(chosen.problem());
}

Outbox::Asked<DraftedPair> Outbox::draft_pair(Errand& errand, const NewPair& pair) {
    Builder builder;
    const auto second = builder.CreateVector(pair.second);
    const auto payload = builder.CreateVector(pair.payload);
    const auto id = to_wire<ipc::CommunityId>(pair.community);
    auto message = wire::storage::request(
        builder, S::CreateDraftPair(builder, &id, pair.kind, second, payload));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(pair.community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* made = wire::storage::reply<S::DraftPairReply>(*got);
    if (!made || !made->record()) co_return strange_reply("storage");
    co_return DraftedPair{from_wire_ref(made->record()), blob_of(*got)};
}

Outbox::Asked<Nothing> Outbox::propose_pair(Errand& errand, CommunityId community, Bytes half,
                                            std::uint64_t patience_ms) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, N::CreateProposePair(builder, &id, patience_ms));
    message.blobs.emplace_back(std::move(half));
    auto got = co_await ask_serving(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return Nothing{};
}

Outbox::Asked<std::vector<PairedRecord>> Outbox::list_pairs(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = request(builder, N::CreateListPairs(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    std::vector<PairedRecord> out;
    const bool any = each_reply<N::ListPairsReply>(answers, [&](const auto& list) {
        if (!list.pairs()) return;
        for (const auto* pair : *list.pairs())
            out.push_back(pair_of(*pair));
    });
    if (!any) co_return silent();
    co_return out;
}

Outbox::Asked<Nothing> Outbox::decide_pair(Errand& errand, const PairDecision& decision) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(decision.community);
    const auto record =
        builder.CreateVector(decision.record.bytes.data(), decision.record.bytes.size());
    const auto reason = builder.CreateString(decision.reason);
    auto message =
        request(builder, N::CreateDecidePair(builder, &id, record, decision.accept, reason));
    auto got = co_await ask_serving(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return Nothing{};
}

Outbox::Asked<LetterFate> Outbox::send_letter(Errand& errand, CommunityId community,
                                              MemberId member, std::string text) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto to = builder.CreateVector(member.bytes.data(), member.bytes.size());
    const auto words = builder.CreateString(text);
    auto message = request(builder, N::CreateSendLetter(builder, &id, to, words));
    auto got = co_await ask_serving(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* sent = reply<N::SendLetterReply>(*got);
    if (!sent) co_return strange_reply("network");
    co_return static_cast<LetterFate>(sent->fate());
}

Outbox::Asked<MadeInvitation> Outbox::make_invitation(Errand& errand, const NewInvitation& wish) {
    Builder builder;
    const auto name = builder.CreateString(wish.name);
    std::vector<ipc::Endpoint> endpoints;
    for (const auto& peer : wish.peers)
        endpoints.push_back(wire_endpoint(peer));
    const auto peers = builder.CreateVectorOfStructs(endpoints);
    const auto grants = builder.CreateVector(wish.grants);
    const auto id = to_wire<ipc::CommunityId>(wish.community);
    auto message = wire::storage::request(
        builder, S::CreateMakeInvitation(builder, &id, wish.expires_s, name, peers, grants));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(wish.community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* made = wire::storage::reply<S::MakeInvitationReply>(*got);
    if (!made) co_return strange_reply("storage");
    co_return MadeInvitation{blob_of(*got), from_wire_ref(made->record())};
}

// Any network worker: all of them meet its peers.
Outbox::Asked<bool> Outbox::check_invitation(Errand& errand, const Bytes& packet) {
    Builder builder;
    auto message = request(builder, N::CreateCheckInvitation(builder));
    message.blobs.emplace_back(Bytes(packet));
    auto got = co_await ask_serving(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* checked = reply<N::CheckInvitationReply>(*got);
    if (!checked) co_return strange_reply("network");
    co_return checked->valid();
}

Outbox::Asked<Nothing> Outbox::join_by_invitation(Errand& errand, CommunityId community,
                                                  const Bytes& packet) {
    Builder builder;
    const auto bytes = builder.CreateVector(packet);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = wire::storage::request(builder, S::CreateJoinCommunity(builder, &id, 0, bytes));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return Nothing{};
}

Outbox::Asked<SyncDetail> Outbox::get_sync(Errand& errand, CommunityId community) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto message = request(builder, N::CreateGetSyncState(builder, &id));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    SyncDetail out;
    const bool any = each_reply<N::GetSyncStateReply>(answers, [&](const auto& found) {
        if (!found.state()) return;
        const auto& state = *found.state();
        out.state = {community,        state.peers(),     state.peers_in_sync(),
                     state.bytes_in(), state.bytes_out(), state.last_in_sync_ms()};
        if (!found.peers()) return;
        for (const auto* peer : *found.peers())
            out.peers.push_back({bytes_of(peer->member()), endpoint_of(peer->endpoint()),
                                 peer->in_sync(), peer->records(), peer->bytes_in(),
                                 peer->bytes_out()});
    });
    if (!any) co_return silent();
    auto root = co_await get_root(errand, community);
    if (!root) co_return std::move(root.problem());
    out.root = std::move(*root);
    co_return out;
}

Outbox::Asked<PermissionPage> Outbox::list_permissions(Errand& errand, CommunityId community,
                                                       Page page) {
    Builder builder;
    const auto after = builder.CreateString(page.after);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message =
        wire::storage::request(builder, S::CreateListPermissions(builder, &id, after, page.limit));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* list = wire::storage::reply<S::ListPermissionsReply>(*got);
    if (!list) co_return strange_reply("storage");
    PermissionPage out;
    out.founder = bytes_of(list->founder());
    out.own = bytes_of(list->own());
    if (list->end()) out.end = from_wire_ref(list->end());
    if (list->more()) out.next = text_of(list->next());
    if (list->permissions())
        for (const auto* one : *list->permissions())
            out.items.push_back({bytes_of(one->member()), one->kind(), one->right(), one->held(),
                                 one->since(), from_wire_ref(one->record())});
    co_return out;
}

Outbox::Asked<Explanation> Outbox::explain_record(Errand& errand, CommunityId community,
                                                  RecordRef record) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto ref = pipe::wire::to_wire(record);
    auto message = wire::storage::request(builder, S::CreateExplainRecord(builder, &id, &ref));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* reply = wire::storage::reply<S::ExplainRecordReply>(*got);
    if (!reply) co_return strange_reply("storage");
    constexpr const char* states[] = {"unknown", "accepted", "undone", "waiting", "refused"};
    Explanation out;
    out.state = states[std::min<std::size_t>(static_cast<std::size_t>(reply->state()), 4)];
    if (reply->because())
        for (const auto* one : *reply->because())
            out.because.push_back({from_wire_ref(one->record()), one->kind(),
                                   bytes_of(one->author()), bytes_of(one->payload())});
    co_return out;
}

Outbox::Asked<SyncRoot> Outbox::get_root(Errand& errand, CommunityId community) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = wire::storage::request(builder, S::CreateGetRoot(builder, &id));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* root = wire::storage::reply<S::GetRootReply>(*got);
    if (!root) co_return strange_reply("storage");
    co_return SyncRoot{root->count(), root->newest(), bytes_of(root->fingerprint()), root->epoch(),
                       root->floor()};
}

}  // namespace warren::api
