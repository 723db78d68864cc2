// Messages to verify and sign, and what all messages share.
#include "workers/network/outbox.h"

#include "ipc-schema/sign_generated.h"
#include "ipc-schema/verify_generated.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace V = ipc::verify;
namespace G = ipc::sign;

namespace {
constexpr Nanoseconds check_patience = 4_s, verify_patience = 20_s, sign_patience = 4_s;
}  // namespace

Packed pack(const std::vector<Bytes>& packets) {
    Packed out;
    for (const auto& packet : packets) {
        out.sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(out.blob, packet);
    }
    return out;
}

Result<std::vector<Bytes>> unpack(const std::vector<std::uint16_t>& sizes, ByteView blob) {
    std::vector<Bytes> out;
    Reader in(blob);
    for (auto size : sizes)
        out.push_back(to_bytes(in.take(size)));
    if (!in.done()) return bad_input("a batch whose sizes do not fit its bytes");
    return out;
}

Bytes joined(const std::vector<pipe::Frame>& blobs) {
    Bytes out;
    for (const auto& blob : blobs)
        append(out, blob.view());
    return out;
}

pipe::Task<Result<pipe::Message>> Outbox::ask(Terms terms, pipe::Message message) {
    pipe::Ask ask;
    ask.role = terms.role;
    ask.target = terms.target;
    ask.message = std::move(message);
    ask.deadline = monotonic_now() + terms.patience;
    ask.no_credit = terms.no_credit;
    auto answer = co_await host_.outbox().ask(std::move(ask));
    co_return answer;
}

pipe::Task<Result<std::vector<bool>>> Outbox::check_signatures(std::vector<Bytes> packets) {
    auto packed = pack(packets);
    flatbuffers::FlatBufferBuilder builder;
    const auto sizes = builder.CreateVector(packed.sizes);
    auto message = request<V::Request>(builder, V::Inbox::CheckSignatures,
                                       V::CreateCheckSignatures(builder, sizes));
    message.blobs.emplace_back(std::move(packed.blob));
    Terms terms{pipe::Role::Verify, pipe::Target::any(), check_patience, pipe::NoCredit::Drop};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<V::Answer>(answer->body);
    const auto* reply = root ? root->body_as_CheckSignaturesReply() : nullptr;
    if (!reply || reply->valid()->size() != packets.size()) co_return foreign_answer("verify");
    std::vector<bool> out;
    for (auto valid : *reply->valid())
        out.push_back(valid == 1);
    co_return std::move(out);
}

pipe::Task<Result<std::vector<protocol::RecordVerdict>>>
Outbox::verify_records(CommunityId community, Received received, pipe::NoCredit no_credit,
                       Durable durable) {
    auto packed = pack(received.packets);
    flatbuffers::FlatBufferBuilder builder;
    const auto id = to_wire(community);
    const auto sizes = builder.CreateVector(packed.sizes);
    const auto sources = builder.CreateVector(received.sources);
    const bool pushed = no_credit == pipe::NoCredit::Drop;  // what was asked for waits
    auto message = request<V::Request>(
        builder, V::Inbox::VerifyRecords,
        V::CreateVerifyRecords(builder, &id, sizes, durable == Durable::Yes, pushed, sources));
    message.blobs.emplace_back(std::move(packed.blob));
    Terms terms{pipe::Role::Verify, pipe::Target::any(), verify_patience, no_credit};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<V::Answer>(answer->body);
    const auto* reply = root ? root->body_as_VerifyRecordsReply() : nullptr;
    if (!reply || reply->verdicts()->size() != received.packets.size())
        co_return foreign_answer("verify");
    std::vector<protocol::RecordVerdict> out;
    for (std::uint32_t i = 0; i < reply->verdicts()->size(); ++i) {
        const auto verdict = static_cast<std::uint8_t>(reply->verdicts()->Get(i));
        const auto last = static_cast<std::uint8_t>(protocol::RecordVerdict::NotStored);
        if (verdict > last) co_return foreign_answer("verify");
        out.push_back(static_cast<protocol::RecordVerdict>(verdict));
    }
    co_return std::move(out);
}

pipe::Task<Result<protocol::PublicKey>> Outbox::get_identity() {
    flatbuffers::FlatBufferBuilder builder;
    auto message =
        request<G::Request>(builder, G::Inbox::GetIdentity, G::CreateGetIdentity(builder));
    Terms terms{pipe::Role::Sign, pipe::Target::any(), sign_patience, pipe::NoCredit::Wait};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<G::Answer>(answer->body);
    const auto* reply = root ? root->body_as_GetIdentityReply() : nullptr;
    if (!reply) co_return foreign_answer("sign");
    const auto key = protocol::PublicKey::from(view_of(*reply->public_key()));
    if (!key || !protocol::is_curve25519_key(key->view())) co_return foreign_answer("sign");
    co_return *key;
}

pipe::Task<Result<protocol::Signature>> Outbox::sign(Bytes bytes) {
    flatbuffers::FlatBufferBuilder builder;
    auto message = request<G::Request>(builder, G::Inbox::Sign, G::CreateSign(builder));
    message.blobs.emplace_back(std::move(bytes));
    Terms terms{pipe::Role::Sign, pipe::Target::any(), sign_patience, pipe::NoCredit::Drop};
    auto answer = co_await ask(terms, std::move(message));
    if (!answer.ok()) co_return answer.error();
    const auto* root = pipe::verified_root<G::Answer>(answer->body);
    const auto* reply = root ? root->body_as_SignReply() : nullptr;
    if (!reply) co_return foreign_answer("sign");
    const auto signature = protocol::Signature::from(view_of(*reply->signature()));
    if (!signature) co_return foreign_answer("sign");
    co_return *signature;
}

}  // namespace warren::network
