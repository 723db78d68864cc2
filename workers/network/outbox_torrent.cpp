// Messages to torrent.
#include "ipc-schema/torrent_generated.h"
#include "workers/network/outbox.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace T = ipc::torrent;

namespace {
constexpr Nanoseconds patience = 2_s;
}

bool Outbox::torrent_is_ready() const {
    return !host_.outbox().ready(pipe::Role::Torrent).empty();
}

pipe::Task<Result<std::vector<Infohash>>> Outbox::list_wanted() {
    flatbuffers::FlatBufferBuilder builder;
    auto message = request<T::Request>(builder, T::Inbox::ListWanted, T::CreateListWanted(builder));
    Terms terms{pipe::Role::Torrent, pipe::Target::any(), patience, pipe::NoCredit::Fail};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<T::Answer>(answer->body);
    const auto* reply = root ? root->body_as_ListWantedReply() : nullptr;
    if (!reply) co_return foreign_answer("torrent");
    std::vector<Infohash> out;
    if (!reply->infohashes()) co_return std::move(out);
    for (const auto* infohash : *reply->infohashes())
        out.push_back(to_domain(*infohash));
    co_return std::move(out);
}

pipe::Task<Result<SwarmsHeld>> Outbox::find_swarm(std::vector<Infohash> infohashes) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<ipc::Infohash> list;
    for (const auto& infohash : infohashes)
        list.push_back(to_wire(infohash));
    const auto vector = builder.CreateVectorOfStructs(list);
    auto message =
        request<T::Request>(builder, T::Inbox::FindSwarm, T::CreateFindSwarm(builder, vector));
    Terms terms{pipe::Role::Torrent, pipe::Target::any(), patience, pipe::NoCredit::Drop};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<T::Answer>(answer->body);
    const auto* reply = root ? root->body_as_FindSwarmReply() : nullptr;
    if (!reply || !reply->have() || reply->have()->size() != infohashes.size())
        co_return foreign_answer("torrent");
    SwarmsHeld out;
    out.port = reply->port();
    for (std::uint32_t i = 0; i < reply->have()->size() && i < 32; ++i)
        if (reply->have()->Get(i) != 0) out.bitmap |= 1u << i;
    co_return out;
}

pipe::Task<Result<void>> Outbox::add_peers(Infohash infohash, std::vector<Endpoint> peers) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<ipc::Endpoint> list;
    for (const auto& peer : peers)
        list.push_back(to_wire(peer));
    const auto vector = builder.CreateVectorOfStructs(list);
    const auto id = to_wire(infohash);
    auto message =
        request<T::Request>(builder, T::Inbox::AddPeers, T::CreateAddPeers(builder, &id, vector));
    Terms terms{pipe::Role::Torrent, pipe::Target::any(), patience, pipe::NoCredit::Drop};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    co_return Result<void>{};
}

}  // namespace warren::network
