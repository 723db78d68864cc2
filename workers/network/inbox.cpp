// The network worker's inbox: one switch. Generated types stop here.
#include "ipc-schema/network_generated.h"
#include "workers/network/network_worker.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;
using pipe::wire::from_wire;

namespace {

constexpr std::size_t peers_per_reply = 500;
constexpr std::uint64_t pair_patience_ms_max = 24 * 3600 * 1000;

std::uint64_t ms_since(Nanoseconds then) {
    return static_cast<std::uint64_t>(std::max<Nanoseconds>(monotonic_now() - then, 0) / 1'000'000);
}

flatbuffers::Offset<N::Peer> to_wire(Builder& builder, const protocol::Peer& peer) {
    Bytes communities;
    for (const auto& [community, membership] : peer.communities)
        append(communities, community.view());
    const auto member = builder.CreateVector(peer.member.bytes.data(), peer.member.bytes.size());
    const auto list = builder.CreateVector(communities);
    const auto endpoint = network::to_wire(peer.address);
    return N::CreatePeer(builder, &endpoint, member, list, peer.proven,
                         static_cast<std::uint32_t>(peer.round_trip / 1000),
                         ms_since(peer.last_seen), peer.bytes_in, peer.bytes_out);
}

flatbuffers::Offset<N::SyncState> sync_state(Builder& builder, protocol::Overlay& overlay,
                                             const CommunityId& community,
                                             const protocol::CommunityState& state) {
    const auto id = network::to_wire(community);
    const auto overview = overlay.sync_overview(community);
    const auto last = state.last_in_sync < 0
                          ? std::int64_t{-1}
                          : static_cast<std::int64_t>(ms_since(state.last_in_sync));
    return N::CreateSyncState(builder, &id, static_cast<std::uint32_t>(overview.peers),
                              static_cast<std::uint32_t>(overview.peers_in_sync), state.bytes_in,
                              state.bytes_out, last);
}

Result<std::vector<protocol::JudgedAgain>> records_of(const N::WaitersJudged& from) {
    if (from.refs()->size() != from.verdicts()->size())
        return bad_input("network: not one verdict for each record");
    std::vector<protocol::JudgedAgain> out;
    for (std::uint32_t i = 0; i < from.refs()->size(); ++i) {
        const auto* ref = from.refs()->Get(i);
        out.push_back({{ref->time(), from_wire<RecordId>(ref->id())},
                       static_cast<protocol::RecordVerdict>(from.verdicts()->Get(i))});
    }
    return out;
}

SearchPeers search_of(const N::SearchPeers& from) {
    SearchPeers out{from.search(),
                    from.begin(),
                    pipe::wire::text_of(from.text()),
                    {},
                    from.limit(),
                    Nanoseconds{from.patience_ms()} * 1'000'000};
    Reader ids(from.communities() ? view_of(*from.communities()) : ByteView{});
    while (ids.left() >= CommunityId::size)
        out.communities.push_back({ids.array<CommunityId::size>()});
    return out;
}

}  // namespace

pipe::Answer NetworkWorker::on_push(const CommunityId& community,
                                    const std::vector<std::uint16_t>& sizes,
                                    const pipe::Message& message) {
    if (!overlay_) return not_yet();
    auto packets = unpack(sizes, joined(message.blobs));
    if (!packets.ok()) return packets.error();
    // Storage pushes only what this node takes part in.
    if (!joined_.contains(community)) set_joined(community, true);
    auto peers = overlay_->push(monotonic_now(), community, *packets);
    flush_soon();
    Builder builder;
    return answer(builder, N::CreatePushRecordsReply(builder, static_cast<std::uint32_t>(peers)));
}

pipe::Answer NetworkWorker::on_waiters_judged(const CommunityId& community,
                                              const std::vector<protocol::JudgedAgain>& records,
                                              const std::vector<Bytes>& let_in) {
    if (!overlay_) return not_yet();
    overlay_->judged_again(monotonic_now(), community, records, let_in);
    flush_soon();
    Builder builder;
    return answer(builder, N::CreateWaitersJudgedReply(builder));
}

pipe::Answer NetworkWorker::on_community_changed(const CommunityId& community, bool joined) {
    set_joined(community, joined);
    Builder builder;
    return answer(builder, N::CreateCommunityChangedReply(builder));
}

pipe::Answer NetworkWorker::on_list_peers() {
    if (!overlay_) return not_yet();
    Builder builder;
    std::vector<flatbuffers::Offset<N::Peer>> list;
    for (const auto& [member, peer] : overlay_->peers())
        if (list.size() < peers_per_reply) list.push_back(to_wire(builder, peer));
    const auto peers = builder.CreateVector(list);
    std::uint16_t port = 0;
    for (const auto& name : host_.listener_names())
        if (auto address = Endpoint::parse(name)) port = address->port;
    return answer(builder, N::CreateListPeersReply(builder, peers, port));
}

pipe::Answer NetworkWorker::on_add_peer(const Endpoint& endpoint) {
    if (!overlay_) return not_yet();
    if (endpoint.port == 0) return bad_input("peer: the port must not be 0");
    overlay_->add_bootstrap(monotonic_now(), endpoint);
    flush_soon();
    Builder builder;
    return answer(builder, N::CreateAddPeerReply(builder));
}

pipe::Answer NetworkWorker::on_list_sync() {
    if (!overlay_) return not_yet();
    Builder builder;
    std::vector<flatbuffers::Offset<N::SyncState>> list;
    for (const auto& [community, state] : overlay_->communities())
        if (protocol::keeps_records(community))
            list.push_back(sync_state(builder, *overlay_, community, state));
    const auto states = builder.CreateVector(list);
    return answer(builder, N::CreateListSyncReply(builder, states));
}

pipe::Answer NetworkWorker::on_get_sync_state(const CommunityId& community) {
    if (!overlay_) return not_yet();
    Builder builder;
    const auto& states = overlay_->communities();
    const auto state = states.find(community);
    if (state == states.end()) return answer(builder, N::CreateGetSyncStateReply(builder));
    std::vector<flatbuffers::Offset<N::SyncPeer>> list;
    for (const auto& [member, peer] : overlay_->peers()) {
        const auto found = peer.communities.find(community);
        if (found == peer.communities.end() || !found->second.slot) continue;
        const auto id = builder.CreateVector(member.bytes.data(), member.bytes.size());
        const auto endpoint = network::to_wire(peer.address);
        const auto records = found->second.root ? found->second.root->sum.count : 0;
        list.push_back(N::CreateSyncPeer(builder, id, &endpoint, found->second.in_sync, records,
                                         peer.bytes_in, peer.bytes_out));
    }
    const auto peers = builder.CreateVector(list);
    const auto sync = sync_state(builder, *overlay_, community, state->second);
    return answer(builder, N::CreateGetSyncStateReply(builder, sync, peers));
}

pipe::Answer NetworkWorker::on_get_overlay() {
    if (!overlay_) return not_yet();
    Builder builder;
    const auto& own = overlay_->own_addresses();
    std::vector<ipc::Endpoint> lan, wan;
    for (const bool v6 : {false, true}) {
        if (!own.lan(v6).is_zero()) lan.push_back(network::to_wire(own.lan(v6)));
        if (!own.wan(v6).is_zero()) wan.push_back(network::to_wire(own.wan(v6)));
    }
    std::vector<flatbuffers::Offset<N::OverlayCommunity>> list;
    for (const auto& [community, state] : overlay_->communities()) {
        const auto id = network::to_wire(community);
        list.push_back(N::CreateOverlayCommunity(
            builder, &id, static_cast<std::uint32_t>(overlay_->neighbours(community)),
            static_cast<std::uint32_t>(overlay_->sync_overview(community).peers)));
    }
    std::uint32_t proven = 0;
    for (const auto& [member, peer] : overlay_->peers())
        if (peer.proven) ++proven;
    const auto lans = builder.CreateVectorOfStructs(lan);
    const auto wans = builder.CreateVectorOfStructs(wan);
    const auto communities = builder.CreateVector(list);
    const auto* tracker = overlay_->tracker();
    return answer(builder, N::CreateGetOverlayReply(
                               builder, static_cast<std::uint32_t>(overlay_->peers().size()),
                               proven, lans, wans, static_cast<N::Connection>(own.connection()),
                               communities, tracker != nullptr,
                               tracker ? static_cast<std::uint32_t>(tracker->entries()) : 0));
}

// As if they were fetched: signatures are checked, permission judged; the reply waits for the
// commit and its sync, and is the pace of who imports.
pipe::Task<pipe::Answer> NetworkWorker::on_import(CommunityId community,
                                                  std::vector<std::uint16_t> sizes, Bytes blob) {
    auto packets = unpack(sizes, blob);
    if (!packets.ok()) co_return packets.error();
    Received received{std::move(*packets)};
    auto verdicts = co_await outbox_.verify_records(community, std::move(received),
                                                    pipe::NoCredit::Wait, Durable::Yes);
    if (!verdicts.ok()) co_return verdicts.error();
    std::vector<ipc::Verdict> list;
    for (auto verdict : *verdicts)
        list.push_back(static_cast<ipc::Verdict>(verdict));
    Builder builder;
    const auto out = builder.CreateVector(list);
    co_return answer(builder, N::CreateImportRecordsReply(builder, out));
}

pipe::Task<pipe::Answer> NetworkWorker::on_request(pipe::Request request) {
    const auto* root = pipe::verified_root<N::Request>(request.message.body);
    if (!root) co_return pipe::unknown_message();
    switch (root->body_type()) {
    case N::Inbox::PushRecords: {
        const auto* push = root->body_as_PushRecords();
        co_return on_push(to_domain(*push->community()), to_domain(*push->sizes()),
                          request.message);
    }
    case N::Inbox::CommunityChanged: {
        const auto* changed = root->body_as_CommunityChanged();
        co_return on_community_changed(to_domain(*changed->community()), changed->joined());
    }
    case N::Inbox::ListPeers: co_return on_list_peers();
    case N::Inbox::AddPeer: co_return on_add_peer(to_domain(*root->body_as_AddPeer()->endpoint()));
    case N::Inbox::ListSync: co_return on_list_sync();
    case N::Inbox::GetOverlay: co_return on_get_overlay();
    case N::Inbox::GetDht: co_return on_get_dht();
    case N::Inbox::FindValues: {
        const auto key = from_wire<protocol::DhtId>(*root->body_as_FindValues()->key());
        co_return co_await on_find_values(key, request.deadline);
    }
    case N::Inbox::StoreValue: {
        const auto* store = root->body_as_StoreValue();
        const auto key = from_wire<protocol::DhtId>(*store->key());
        auto data = to_bytes(view_of(*store->data()));
        co_return co_await on_store_value(key, std::move(data), store->signed_(), request.deadline);
    }
    case N::Inbox::FindMember: {
        const auto member = from_wire<MemberId>(*root->body_as_FindMember()->member());
        co_return co_await on_find_member(member, request.deadline);
    }
    case N::Inbox::ProposePair: {
        const auto* pair = root->body_as_ProposePair();
        const auto patience = static_cast<Nanoseconds>(
            std::min<std::uint64_t>(pair->patience_ms(), pair_patience_ms_max));
        co_return on_propose_pair(to_domain(*pair->community()), patience * 1'000'000,
                                  joined(request.message.blobs));
    }
    case N::Inbox::ListPairs: co_return on_list_pairs();
    case N::Inbox::DecidePair: {
        const auto* decided = root->body_as_DecidePair();
        const auto record = RecordId::from(view_of(*decided->record()));
        if (!record) co_return bad_input("not a record's id");
        using protocol::Pairs;
        const auto decision = decided->accept() ? Pairs::Decision::Accept : Pairs::Decision::Refuse;
        co_return on_decide_pair(to_domain(*decided->community()), *record, decision,
                                 pipe::wire::text_of(decided->reason()));
    }
    case N::Inbox::SendLetter: {
        const auto* letter = root->body_as_SendLetter();
        const auto member = MemberId::from(view_of(*letter->member()));
        if (!member) co_return bad_input("not a member's id");
        auto text = letter->text()->str();
        co_return co_await on_send_letter(to_domain(*letter->community()), *member, std::move(text),
                                          request.deadline);
    }
    case N::Inbox::CheckInvitation: {
        auto packet = joined(request.message.blobs);
        co_return co_await on_check_invitation(std::move(packet));
    }
    case N::Inbox::GetSyncState:
        co_return on_get_sync_state(to_domain(*root->body_as_GetSyncState()->community()));
    case N::Inbox::SearchPeers: {
        auto command = search_of(*root->body_as_SearchPeers());
        co_return co_await on_search_peers(std::move(command), request.deadline);
    }
    case N::Inbox::ImportRecords: {
        const auto* import = root->body_as_ImportRecords();
        auto sizes = to_domain(*import->sizes());
        auto blob = joined(request.message.blobs);
        co_return co_await on_import(to_domain(*import->community()), std::move(sizes),
                                     std::move(blob));
    }
    case N::Inbox::WaitersJudged: {
        const auto* judged = root->body_as_WaitersJudged();
        std::vector<std::uint16_t> sizes;
        if (judged->sizes()) sizes = to_domain(*judged->sizes());
        const auto blob = joined(request.message.blobs);
        const auto let_in = unpack(sizes, blob);
        const auto records = records_of(*judged);
        if (!let_in.ok()) co_return let_in.error();
        if (!records.ok()) co_return records.error();
        co_return on_waiters_judged(to_domain(*judged->community()), *records, *let_in);
    }
    case N::Inbox::NONE: break;
    }
    co_return pipe::unknown_message();
}

}  // namespace warren::network
