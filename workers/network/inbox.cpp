// The network worker's inbox: one switch. Generated types stop here.
#include "ipc-schema/network_generated.h"
#include "workers/network/network_worker.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

constexpr std::size_t peers_per_reply = 500;

template <typename Body>
pipe::Frame answer(Builder& builder, flatbuffers::Offset<Body> body) {
    return pipe::finish(builder,
                        N::CreateAnswer(builder, N::ReplyTraits<Body>::enum_value, body.Union()));
}

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

pipe::Answer not_yet() {
    return unavailable("network: the node's identity is not known yet");
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
    for (const auto& [community, state] : overlay_->communities()) {
        const auto id = network::to_wire(community);
        const auto overview = overlay_->sync_overview(community);
        const auto last = state.last_in_sync < 0
                              ? std::int64_t{-1}
                              : static_cast<std::int64_t>(ms_since(state.last_in_sync));
        list.push_back(N::CreateSyncState(builder, &id, static_cast<std::uint32_t>(overview.peers),
                                          static_cast<std::uint32_t>(overview.peers_in_sync),
                                          state.bytes_in, state.bytes_out, last));
    }
    const auto states = builder.CreateVector(list);
    return answer(builder, N::CreateListSyncReply(builder, states));
}

// As if they were fetched: signatures are checked, permission judged; the reply waits for the
// commit and is the pace of who imports.
pipe::Task<pipe::Answer> NetworkWorker::on_import(CommunityId community,
                                                  std::vector<std::uint16_t> sizes, Bytes blob) {
    auto packets = unpack(sizes, blob);
    if (!packets.ok()) co_return packets.error();
    auto verdicts =
        co_await outbox_.verify_records(community, std::move(*packets), pipe::NoCredit::Wait);
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
    case N::Inbox::ImportRecords: {
        const auto* import = root->body_as_ImportRecords();
        auto sizes = to_domain(*import->sizes());
        auto blob = joined(request.message.blobs);
        co_return co_await on_import(to_domain(*import->community()), std::move(sizes),
                                     std::move(blob));
    }
    case N::Inbox::NONE: break;
    }
    co_return pipe::unknown_message();
}

}  // namespace warren::network
