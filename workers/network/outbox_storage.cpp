// Messages to storage.
#include <algorithm>
#include <iterator>
#include <map>

#include "ipc-schema/storage_generated.h"
#include "protocol/overlay_query_messages.h"
#include "workers/network/outbox.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace S = ipc::storage;

namespace {

constexpr std::uint32_t swarms_listed = 10;
constexpr Nanoseconds find_patience = 2_s, list_patience = 5_s, sync_patience = 8_s,
                      put_patience = 2_s;

Bytes blob_at(const pipe::Message& message, std::size_t at) {
    return at < message.blobs.size() ? to_bytes(message.blobs[at].view()) : Bytes{};
}

// Null: not an answer to what was asked.
template <typename Reply>
const Reply* reply_in(const pipe::Message& answer) {
    const auto* root = pipe::verified_root<S::Answer>(answer.body);
    return root ? root->body_as<Reply>() : nullptr;
}

// Packets lie in the blobs, cut by the reply's sizes.
template <typename Reply>
Result<std::vector<Bytes>> packets_in(const Reply& reply, const pipe::Message& answer) {
    if (!reply.sizes()) return std::vector<Bytes>{};
    return unpack(to_domain(*reply.sizes()), joined(answer.blobs));
}

}  // namespace

Outbox::Terms Outbox::to_shard(const CommunityId& community) {
    return {pipe::Role::Storage, pipe::Target::community(community), sync_patience,
            pipe::NoCredit::Wait};
}

pipe::Task<Result<std::vector<CommunityId>>> Outbox::joined_communities() {
    flatbuffers::FlatBufferBuilder builder;
    auto message =
        request<S::Request>(builder, S::Inbox::ListCommunities, S::CreateListCommunities(builder));
    Terms terms{pipe::Role::Storage, pipe::Target::slot(process::node_slot), list_patience,
                pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::ListCommunitiesReply>(*answer);
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
    const auto terms = to_shard(wish.community);
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::ReconcileReply>(*answer);
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
    const auto terms = to_shard(community);
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::GetRootReply>(*answer);
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
    const auto terms = to_shard(wish.community);
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::FetchRecordsReply>(*answer);
    if (!reply) co_return foreign_answer("storage");
    auto packets = packets_in(*reply, *answer);
    if (!packets.ok()) co_return packets.error();
    protocol::FetchedRecords out;
    out.packets = std::move(*packets);
    out.cut = reply->cut();
    co_return std::move(out);
}

pipe::Task<Result<protocol::FetchedRecords>> Outbox::get_proof(protocol::GetProof wish) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(wish.community);
    const auto questions = builder.CreateVector(wish.questions);
    auto message =
        request<S::Request>(builder, S::Inbox::GetProofs,
                            S::CreateGetProofs(builder, &id, questions, 0, wish.bytes_max));
    const auto terms = to_shard(wish.community);
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::GetProofsReply>(*answer);
    if (!reply) co_return foreign_answer("storage");
    auto packets = packets_in(*reply, *answer);
    if (!packets.ok()) co_return packets.error();
    protocol::FetchedRecords out;
    out.packets = std::move(*packets);
    co_return std::move(out);
}

pipe::Task<Result<protocol::PairJudgement>> Outbox::judge_pair(protocol::JudgePair wish) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(wish.community);
    auto message = request<S::Request>(builder, S::Inbox::JudgePair,
                                       S::CreateJudgePair(builder, &id, wish.sign));
    message.blobs.emplace_back(std::move(wish.half));
    const auto terms = to_shard(wish.community);
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::JudgePairReply>(*answer);
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
    if (!reply_in<S::GetPeersReply>(*answer)) co_return foreign_answer("storage");
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

pipe::Task<Result<protocol::FetchedRecords>> Outbox::find_records(protocol::FindRecords wish) {
    std::map<std::uint16_t, Bytes> by_worker;
    for (const auto& community : wish.communities)
        if (const auto owner = host_.outbox().owner_of(process::slot_of(community)))
            append(by_worker[*owner], community.view());
    protocol::FetchedRecords out;
    for (const auto& [worker, communities] : by_worker) {
        flatbuffers::FlatBufferBuilder builder;
        const auto text = builder.CreateString(wish.text);
        const auto list = builder.CreateVector(communities);
        const auto share = wish.bytes_max / static_cast<std::uint32_t>(by_worker.size());
        auto message =
            request<S::Request>(builder, S::Inbox::FindRecords,
                                S::CreateFindRecords(builder, text, list, wish.limit, share));
        Terms terms{pipe::Role::Storage, pipe::Target::instance(worker), find_patience,
                    pipe::NoCredit::Drop};
        auto answer = co_await ask(terms, std::move(message));
        if (!answer.ok()) continue;  // the others may have something
        const auto* reply = reply_in<S::FindRecordsReply>(*answer);
        if (!reply) co_return foreign_answer("storage");
        auto packets = packets_in(*reply, *answer);
        if (!packets.ok()) co_return packets.error();
        std::ranges::move(*packets, std::back_inserter(out.packets));
    }
    co_return std::move(out);
}

pipe::Task<Result<std::vector<protocol::SwarmCount>>> Outbox::list_health(CommunityId community) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(community);
    auto message = request<S::Request>(builder, S::Inbox::ListHealth,
                                       S::CreateListHealth(builder, &id, swarms_listed));
    Terms terms{pipe::Role::Storage, pipe::Target::community(community), find_patience,
                pipe::NoCredit::Drop};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_in<S::ListHealthReply>(*answer);
    if (!reply) co_return foreign_answer("storage");
    std::vector<protocol::SwarmCount> out;
    if (!reply->swarms()) co_return std::move(out);
    const auto now = wall_now_ms();
    for (const auto* swarm : *reply->swarms()) {
        const auto age_s = std::clamp<std::int64_t>((now - swarm->checked_ms()) / 1000, 0,
                                                    protocol::swarm_age_s_max);
        out.push_back({to_domain(swarm->infohash()), swarm->seeders(), swarm->leechers(),
                       static_cast<std::uint32_t>(age_s)});
    }
    co_return std::move(out);
}

pipe::Task<void> Outbox::put_health(CommunityId community,
                                    std::vector<protocol::SwarmCount> swarms) {
    const auto now = wall_now_ms();
    std::vector<S::SwarmHealth> rows;
    for (const auto& swarm : swarms)
        rows.emplace_back(now - std::int64_t{swarm.age_s} * 1000, swarm.seeders, swarm.leechers,
                          to_wire(swarm.infohash));
    flatbuffers::FlatBufferBuilder builder;
    const auto list = builder.CreateVectorOfStructs(rows);
    const auto id = to_wire(community);
    auto message =
        request<S::Request>(builder, S::Inbox::PutHealth, S::CreatePutHealth(builder, list, &id));
    Terms terms{pipe::Role::Storage, pipe::Target::community(community), find_patience,
                pipe::NoCredit::Drop};
    (void)co_await ask(terms, std::move(message));
}

}  // namespace warren::network
