// Questions to network. Communities are spread over its workers: most are asked of all of them.
#include "workers/api/outbox_network_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using namespace wire::network;
using pipe::Message;
using pipe::Target;
using process::Role;

Peer peer_of(const N::Peer& from) {
    Peer out;
    out.endpoint = endpoint_of(from.endpoint());
    out.member = MemberId::from(bytes_of(from.member()));
    const auto ids = bytes_of(from.communities());
    for (ByteView rest = ids; rest.size() >= CommunityId::size;
         rest = rest.subspan(CommunityId::size))
        out.communities.push_back(*CommunityId::from(rest.first(CommunityId::size)));
    out.verified = from.verified();
    out.round_trip_us = from.round_trip_us();
    out.last_seen_ms = from.last_seen_ms();
    out.bytes_in = from.bytes_in();
    out.bytes_out = from.bytes_out();
    return out;
}

// One peer may be known to several network workers, each for its own communities.
void merge_peer(std::vector<Peer>& into, Peer peer) {
    const auto known = std::ranges::find_if(into, [&](const Peer& other) {
        return other.endpoint == peer.endpoint && other.member == peer.member;
    });
    if (known == into.end()) {
        into.push_back(std::move(peer));
        return;
    }
    for (const auto& id : peer.communities)
        known->communities.push_back(id);
    known->verified = known->verified || peer.verified;
    if (known->round_trip_us == 0) known->round_trip_us = peer.round_trip_us;
    known->last_seen_ms = std::min(known->last_seen_ms, peer.last_seen_ms);
    known->bytes_in += peer.bytes_in;
    known->bytes_out += peer.bytes_out;
}

std::string_view name_of(N::Connection connection) {
    switch (connection) {
    case N::Connection::Unknown: return "unknown";
    case N::Connection::Public: return "public";
    case N::Connection::SymmetricNat: return "symmetric_nat";
    }
    return "unknown";
}

void add_endpoints(std::vector<Endpoint>& into,
                   const flatbuffers::Vector<const ipc::Endpoint*>* from) {
    if (!from) return;
    for (const auto* one : *from)
        if (std::ranges::find(into, endpoint_of(one)) == into.end())
            into.push_back(endpoint_of(one));
}

void merge_overlay(OverlayState& into, const N::GetOverlayReply& from) {
    into.peers += from.peers();
    into.proven += from.proven();
    into.introduced += from.introduced();
    into.bootstrap = into.bootstrap || from.bootstrap();
    if (from.connection() != N::Connection::Unknown) into.connection = name_of(from.connection());
    add_endpoints(into.lan, from.lan());
    add_endpoints(into.wan, from.wan());
    if (!from.communities()) return;
    for (const auto* one : *from.communities())
        into.communities.push_back(
            {from_wire<CommunityId>(one->community()), one->neighbours(), one->partners()});
}

}  // namespace

Outbox::Asked<PeerList> Outbox::list_peers(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = request(builder, N::CreateListPeers(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    PeerList out;
    const bool any = each_reply<N::ListPeersReply>(answers, [&](const auto& list) {
        out.port = list.port();
        if (!list.peers()) return;
        for (const auto* peer : *list.peers())
            merge_peer(out.peers, peer_of(*peer));
    });
    if (!any) co_return silent();
    co_return out;
}

Outbox::Asked<Nothing> Outbox::add_peer(Errand& errand, Endpoint endpoint) {
    Builder builder;
    const ipc::Endpoint wire(flatbuffers::span<const std::uint8_t, 16>(endpoint.address),
                             endpoint.port, endpoint.v6 ? 1 : 0);
    const auto message = request(builder, N::CreateAddPeer(builder, &wire));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    // None is ready: wait for one, as every change does.
    if (answers.empty())
        answers.push_back(co_await asking_.ask(errand, Role::Network, Target::any(), message));
    for (auto& answer : answers)
        if (answer) co_return Nothing{};
    co_return std::move(answers.front().problem());
}

Outbox::Asked<std::vector<SyncState>> Outbox::list_sync(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = request(builder, N::CreateListSync(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    std::vector<SyncState> out;
    const bool any = each_reply<N::ListSyncReply>(answers, [&](const auto& list) {
        if (!list.states()) return;
        for (const auto* from : *list.states())
            out.push_back({from_wire<CommunityId>(from->community()), from->peers(),
                           from->peers_in_sync(), from->bytes_in(), from->bytes_out(),
                           from->last_in_sync_ms()});
    });
    if (!any) co_return silent();
    co_return out;
}

Outbox::Asked<OverlayState> Outbox::get_overlay(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = request(builder, N::CreateGetOverlay(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    OverlayState out;
    const bool any = each_reply<N::GetOverlayReply>(
        answers, [&](const auto& state) { merge_overlay(out, state); });
    if (!any) co_return silent();
    co_return out;
}

Outbox::Asked<DhtState> Outbox::get_dht(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = request(builder, N::CreateGetDht(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    DhtState out;
    const bool any = each_reply<N::GetDhtReply>(answers, [&](const auto& state) {
        if (!state.families()) return;
        for (const auto* one : *state.families())
            out.families.push_back({one->v6(), bytes_of(one->node_id()), one->nodes(), one->good(),
                                    one->buckets(), one->keys(), one->values(), one->peers_held()});
    });
    if (!any) co_return silent();
    co_return out;
}

// Those that do not serve it refuse at once.
Outbox::Asked<Message> Outbox::ask_dht(Errand& errand, Message message) {
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    if (answers.empty())
        answers.push_back(co_await asking_.ask(errand, Role::Network, Target::any(), message));
    for (auto& answer : answers)
        if (answer) co_return std::move(*answer);
    co_return std::move(answers.front().problem());
}

Outbox::Asked<std::vector<DhtValue>> Outbox::find_values(Errand& errand, DhtKey key) {
    Builder builder;
    const auto wire = to_wire<N::DhtKey>(key);
    auto message = request(builder, N::CreateFindValues(builder, &wire));
    auto got = co_await ask_dht(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* found = reply<N::FindValuesReply>(*got);
    if (!found) co_return strange_reply("network");
    std::vector<DhtValue> out;
    if (found->values())
        for (const auto* one : *found->values())
            out.push_back({bytes_of(one->data()), bytes_of(one->signer()), one->version()});
    co_return std::move(out);
}

Outbox::Asked<std::uint32_t> Outbox::store_value(Errand& errand, DhtKey key, Bytes data,
                                                 DhtSigned is_signed) {
    Builder builder;
    const auto wire = to_wire<N::DhtKey>(key);
    const auto bytes = builder.CreateVector(data);
    auto message =
        request(builder, N::CreateStoreValue(builder, &wire, bytes, is_signed == DhtSigned::Yes));
    auto got = co_await ask_dht(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* stored = reply<N::StoreValueReply>(*got);
    if (!stored) co_return strange_reply("network");
    co_return stored->nodes();
}

Outbox::Asked<std::vector<FoundMember>> Outbox::find_member(Errand& errand, DhtKey member) {
    Builder builder;
    const auto wire = to_wire<N::DhtKey>(member);
    auto message = request(builder, N::CreateFindMember(builder, &wire));
    auto got = co_await ask_dht(errand, std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* found = reply<N::FindMemberReply>(*got);
    if (!found) co_return strange_reply("network");
    std::vector<FoundMember> out;
    if (found->members())
        for (const auto* one : *found->members())
            out.push_back({endpoint_of(one->endpoint()), bytes_of(one->public_key())});
    co_return std::move(out);
}

}  // namespace warren::api
