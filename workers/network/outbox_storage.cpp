// Messages to storage.
#include "ipc-schema/storage_generated.h"
#include "workers/network/outbox.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace S = ipc::storage;

namespace {

constexpr Nanoseconds list_patience = 5_s, sync_patience = 8_s, put_patience = 2_s;

Bytes blob_at(const pipe::Message& message, std::size_t at) {
    return at < message.blobs.size() ? to_bytes(message.blobs[at].view()) : Bytes{};
}

}  // namespace

pipe::Task<Result<std::vector<CommunityId>>> Outbox::joined_communities() {
    flatbuffers::FlatBufferBuilder builder;
    auto message =
        request<S::Request>(builder, S::Inbox::ListCommunities, S::CreateListCommunities(builder));
    Terms terms{pipe::Role::Storage, pipe::Target::slot(process::node_slot), list_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<S::Answer>(answer->body);
    const auto* reply = root ? root->body_as_ListCommunitiesReply() : nullptr;
    if (!reply) co_return foreign_answer("storage");
    std::vector<CommunityId> out;
    if (!reply->communities()) co_return std::move(out);
    for (const auto* community : *reply->communities())
        if (community->joined() && community->id()) out.push_back(to_domain(*community->id()));
    co_return std::move(out);
}

pipe::Task<Result<ReconcileOutcome>> Outbox::reconcile(protocol::Reconcile wish) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(wish.community);
    auto message = request<S::Request>(builder, S::Inbox::Reconcile,
                                       S::CreateReconcile(builder, &id, wish.session, wish.opening,
                                                          wish.responder, wish.their_floor));
    message.blobs.emplace_back(std::move(wish.elements));
    Terms terms{pipe::Role::Storage, pipe::Target::community(wish.community), sync_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<S::Answer>(answer->body);
    const auto* reply = root ? root->body_as_ReconcileReply() : nullptr;
    if (!reply) co_return foreign_answer("storage");
    ReconcileOutcome out;
    out.answers = blob_at(*answer, 0);
    out.wants = blob_at(*answer, 1);
    out.offers = blob_at(*answer, 2);
    out.in_sync = reply->in_sync();
    co_return std::move(out);
}

pipe::Task<Result<protocol::CommunityRoot>> Outbox::get_root(CommunityId community) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(community);
    auto message = request<S::Request>(builder, S::Inbox::GetRoot, S::CreateGetRoot(builder, &id));
    Terms terms{pipe::Role::Storage, pipe::Target::community(community), sync_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<S::Answer>(answer->body);
    const auto* reply = root ? root->body_as_GetRootReply() : nullptr;
    if (!reply || !reply->fingerprint() || reply->fingerprint()->size() != 16)
        co_return foreign_answer("storage");
    protocol::CommunityRoot out;
    Reader in(view_of(*reply->fingerprint()));
    out.sum.high = in.u64();
    out.sum.low = in.u64();
    out.sum.count = reply->count();
    out.newest = reply->newest();
    out.epoch = reply->epoch();
    out.floor = reply->floor();
    co_return out;
}

pipe::Task<Result<protocol::FetchedRecords>> Outbox::fetch_records(protocol::FetchRecords wish) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(wish.community);
    auto message =
        request<S::Request>(builder, S::Inbox::FetchRecords,
                            S::CreateFetchRecords(builder, &id, wish.session, wish.bytes_max));
    message.blobs.emplace_back(std::move(wish.selections));
    Terms terms{pipe::Role::Storage, pipe::Target::community(wish.community), sync_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<S::Answer>(answer->body);
    const auto* reply = root ? root->body_as_FetchRecordsReply() : nullptr;
    if (!reply) co_return foreign_answer("storage");
    protocol::FetchedRecords out;
    if (!reply->sizes()) co_return std::move(out);
    auto packets = unpack(to_domain(*reply->sizes()), joined(answer->blobs));
    if (!packets.ok()) co_return packets.error();
    out.packets = std::move(*packets);
    out.cut = reply->cut();
    co_return std::move(out);
}

pipe::Task<Result<protocol::PairJudgement>> Outbox::judge_pair(protocol::JudgePair wish) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(wish.community);
    auto message = request<S::Request>(builder, S::Inbox::JudgePair,
                                       S::CreateJudgePair(builder, &id, wish.sign));
    message.blobs.emplace_back(std::move(wish.half));
    Terms terms{pipe::Role::Storage, pipe::Target::community(wish.community), sync_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<S::Answer>(answer->body);
    const auto* reply = root ? root->body_as_JudgePairReply() : nullptr;
    if (!reply) co_return foreign_answer("storage");
    protocol::PairJudgement out{pipe::wire::text_of(reply->refusal()), std::nullopt};
    if (reply->signature()) out.signature = protocol::Signature::from(view_of(*reply->signature()));
    if (reply->signature() && !out.signature) co_return foreign_answer("storage");
    co_return std::move(out);
}

pipe::Task<Result<std::vector<Bytes>>> Outbox::get_peers() {
    flatbuffers::FlatBufferBuilder builder;
    auto message = request<S::Request>(builder, S::Inbox::GetPeers, S::CreateGetPeers(builder));
    Terms terms{pipe::Role::Storage, pipe::Target::slot(process::node_slot), list_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<S::Answer>(answer->body);
    if (!root || !root->body_as_GetPeersReply()) co_return foreign_answer("storage");
    std::vector<Bytes> out;
    for (const auto& blob : answer->blobs)
        out.push_back(to_bytes(blob.view()));
    co_return std::move(out);
}

pipe::Task<Result<void>> Outbox::put_peers(Bytes peers) {
    flatbuffers::FlatBufferBuilder builder;
    auto message =
        request<S::Request>(builder, S::Inbox::PutPeers, S::CreatePutPeers(builder, host_.index()));
    message.blobs.emplace_back(std::move(peers));
    Terms terms{pipe::Role::Storage, pipe::Target::slot(process::node_slot), put_patience,
                pipe::NoCredit::Fail};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    co_return Result<void>{};
}

}  // namespace warren::network
