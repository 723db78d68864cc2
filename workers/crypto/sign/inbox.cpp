// Sign's inbox: one switch. Generated types stop here.
#include "ipc-schema/sign_generated.h"
#include "workers/crypto/sign/sign_worker.h"

namespace warren::crypto {

namespace G = ipc::sign;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

template <typename Body>
pipe::Frame answer(Builder& builder, flatbuffers::Offset<Body> body) {
    return pipe::finish(builder,
                        G::CreateAnswer(builder, G::ReplyTraits<Body>::enum_value, body.Union()));
}

pipe::Frame signature_reply(const protocol::Signature& signature) {
    Builder builder;
    const auto bytes = builder.CreateVector(signature.bytes.data(), signature.bytes.size());
    return answer(builder, G::CreateSignReply(builder, bytes));
}

pipe::Frame identity_reply(const protocol::PublicKey& key) {
    Builder builder;
    const auto bytes = builder.CreateVector(key.bytes.data(), key.bytes.size());
    return answer(builder, G::CreateGetIdentityReply(builder, bytes));
}

}  // namespace

pipe::Task<pipe::Answer> SignWorker::on_request(pipe::Request request) {
    const auto* root = pipe::verified_root<G::Request>(request.message.body);
    if (!root) co_return pipe::unknown_message();
    switch (root->body_type()) {
    case G::Inbox::Sign: {
        if (request.message.blobs.size() != 1)
            co_return pipe::Answer(bad_input("sign: one blob holds the bytes to sign"));
        const auto result = sign(request.from, request.message.blobs[0].view());
        if (const auto* signature = std::get_if<protocol::Signature>(&result))
            co_return signature_reply(*signature);
        const auto& refusal = std::get<Refusal>(result);
        co_return pipe::Failure{refusal.error.kind, refusal.error.text, false,
                                refusal.retry_after_ms};
    }
    case G::Inbox::GetIdentity: co_return identity_reply(key_->public_key());
    case G::Inbox::NONE: break;
    }
    co_return pipe::unknown_message();
}

}  // namespace warren::crypto
