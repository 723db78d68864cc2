// Messages to sign and network.
#include "workers/storage/outbox.h"

#include <algorithm>

#include "ipc-schema/network_generated.h"
#include "ipc-schema/sign_generated.h"
#include "runtime/pipe/wire.h"
#include "runtime/process/log.h"
#include "workers/storage/replies_shared.h"

namespace warren::storage {

namespace G = ipc::sign;
namespace N = ipc::network;

namespace {

using Builder = flatbuffers::FlatBufferBuilder;
constexpr Nanoseconds push_patience = 2_s;
constexpr std::size_t let_in_bytes_max = 192 * 1024;
constexpr Nanoseconds membership_patience = 15_s;

template <typename Body>
pipe::Message to_sign_worker(Builder& builder, flatbuffers::Offset<Body> body) {
    auto root = G::CreateRequest(builder, G::InboxTraits<Body>::enum_value, body.Union());
    return {pipe::finish(builder, root), {}};
}
template <typename Body>
pipe::Message to_network(Builder& builder, flatbuffers::Offset<Body> body) {
    auto root = N::CreateRequest(builder, N::InboxTraits<Body>::enum_value, body.Union());
    return {pipe::finish(builder, root), {}};
}

pipe::Ask ask_sign(pipe::Message message, Nanoseconds deadline) {
    pipe::Ask out;
    out.role = pipe::Role::Sign;
    out.message = std::move(message);
    out.deadline = deadline;
    out.no_credit = pipe::NoCredit::Wait;  // it may just be starting
    return out;
}

Error foreign_answer() {
    return unavailable("sign gave an answer that was not asked for");
}

}  // namespace

pipe::Task<Result<protocol::PublicKey>> Outbox::identity(Nanoseconds deadline) {
    if (identity_) co_return *identity_;
    Builder builder;
    auto message = to_sign_worker(builder, G::CreateGetIdentity(builder));
    auto ask = ask_sign(std::move(message), deadline);
    auto answer = co_await host_.outbox().ask(std::move(ask));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<G::Answer>(answer->body);
    const auto* reply = root ? root->body_as_GetIdentityReply() : nullptr;
    if (!reply) co_return foreign_answer();
    auto key =
        protocol::PublicKey::from({reply->public_key()->data(), reply->public_key()->size()});
    if (!key) co_return foreign_answer();
    identity_ = *key;
    co_return *key;
}

pipe::Task<Result<protocol::Signature>> Outbox::sign(Bytes to_sign, Nanoseconds deadline,
                                                     std::uint64_t trace) {
    Builder builder;
    auto message = to_sign_worker(builder, G::CreateSign(builder));
    message.blobs.emplace_back(std::move(to_sign));
    auto ask = ask_sign(std::move(message), deadline);
    ask.trace = trace;
    auto answer = co_await host_.outbox().ask(std::move(ask));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<G::Answer>(answer->body);
    const auto* reply = root ? root->body_as_SignReply() : nullptr;
    if (!reply) co_return foreign_answer();
    auto signature =
        protocol::Signature::from({reply->signature()->data(), reply->signature()->size()});
    if (!signature) co_return foreign_answer();
    co_return *signature;
}

// Those that stay: nothing is steered to one that drains.
std::vector<std::uint16_t> Outbox::network_workers() const {
    std::vector<std::uint16_t> out;
    for (const auto& row : host_.roster())
        if (row.role == pipe::Role::Network && row.state != process::WorkerState::Draining)
            out.push_back(row.index);
    return out;
}

// As the kernel steers datagrams: the head of the community id, modulo the number of workers.
pipe::Target Outbox::network_of(const CommunityId& community) const {
    const auto count = static_cast<std::uint32_t>(network_workers().size());
    if (count < 2) return pipe::Target::any();
    Reader head(community.view());
    return pipe::Target::instance(static_cast<std::uint16_t>(head.u32() % count));
}

pipe::Task<void> Outbox::push_records(CommunityId community, std::vector<Bytes> packets,
                                      std::uint64_t trace) {
    Builder builder;
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& packet : packets) {
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    auto id = pipe::wire::to_wire<ipc::CommunityId>(community);
    auto list = builder.CreateVector(sizes);
    pipe::Ask ask;
    ask.role = pipe::Role::Network;
    ask.target = network_of(community);
    ask.message = to_network(builder, N::CreatePushRecords(builder, &id, list));
    ask.message.blobs.emplace_back(std::move(blob));
    ask.deadline = monotonic_now() + push_patience;
    ask.trace = trace;
    ask.no_credit = pipe::NoCredit::Drop;
    auto answer = co_await host_.outbox().ask(std::move(ask));
    if (!answer.ok())
        process::log::debug("event=record.not_pushed community={} reason=\"{}\"", community.hex(),
                            answer.error().text);
}

pipe::Task<void> Outbox::judged_again(CommunityId community,
                                      std::vector<shard::JudgedAgain> records) {
    Builder builder;
    std::vector<ipc::RecordRef> refs;
    std::vector<ipc::Verdict> verdicts;
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& [ref, verdict, packet] : records) {
        refs.push_back(pipe::wire::to_wire(ref));
        verdicts.push_back(replies::to_wire_verdict(verdict));
        // What does not fit is fetched by those who lack it.
        if (packet.empty() || blob.size() + packet.size() > let_in_bytes_max) continue;
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    const auto id = pipe::wire::to_wire<ipc::CommunityId>(community);
    const auto all = builder.CreateVectorOfStructs(refs);
    const auto said = builder.CreateVector(verdicts);
    const auto list = builder.CreateVector(sizes);
    pipe::Ask ask;
    ask.role = pipe::Role::Network;
    ask.target = network_of(community);
    ask.message = to_network(builder, N::CreateWaitersJudged(builder, &id, all, said, list));
    ask.message.blobs.emplace_back(std::move(blob));
    ask.deadline = monotonic_now() + push_patience;
    ask.no_credit = pipe::NoCredit::Drop;
    const auto answer = co_await host_.outbox().ask(std::move(ask));
    if (!answer.ok())
        process::log::debug("event=waiting.untold community={} reason=\"{}\"", community.hex(),
                            answer.error().text);
}

void Outbox::community_changed(const CommunityId& community, Membership membership) {
    for (const auto index : network_workers())
        pipe::spawn(host_.io(), tell_change(community, membership, index));
}

pipe::Task<void> Outbox::tell_change(CommunityId community, Membership membership,
                                     std::uint16_t network_worker) {
    Builder builder;
    auto id = pipe::wire::to_wire<ipc::CommunityId>(community);
    pipe::Ask ask;
    ask.role = pipe::Role::Network;
    ask.target = pipe::Target::instance(network_worker);
    ask.message = to_network(
        builder, N::CreateCommunityChanged(builder, &id, membership == Membership::Joined));
    ask.deadline = monotonic_now() + membership_patience;
    ask.no_credit = pipe::NoCredit::Wait;
    auto answer = co_await host_.outbox().ask(std::move(ask));
    // A network worker that starts asks for the whole list, so nothing is lost when none is there.
    if (!answer.ok())
        process::log::info("event=community.change_untold community={} reason=\"{}\"",
                           community.hex(), answer.error().text);
}

}  // namespace warren::storage
