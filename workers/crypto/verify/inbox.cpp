// Verify's inbox: one switch. Generated types stop here.
#include "ipc-schema/verify_generated.h"
#include "workers/crypto/verify/verify_worker.h"

namespace warren::crypto {

namespace V = ipc::verify;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

using Sizes = flatbuffers::Vector<std::uint16_t>;

// One blob is read where it lies; several are joined in `joined`.
Result<std::vector<ByteView>> packets_of(const pipe::Message& message, const Sizes& sizes,
                                         Bytes& joined) {
    const std::vector<std::uint16_t> each(sizes.begin(), sizes.end());
    if (message.blobs.size() == 1) return cut(message.blobs[0].view(), each);
    for (const auto& blob : message.blobs)
        append(joined, blob.view());
    return cut(joined, each);
}

CommunityId to_domain(const ipc::CommunityId& community) {
    CommunityId out;
    std::copy_n(community.bytes()->data(), CommunityId::size, out.bytes.begin());
    return out;
}

template <typename Body>
pipe::Frame answer(Builder& builder, flatbuffers::Offset<Body> body) {
    return pipe::finish(builder,
                        V::CreateAnswer(builder, V::ReplyTraits<Body>::enum_value, body.Union()));
}

pipe::Frame signatures_reply(const std::vector<std::uint8_t>& valid) {
    Builder builder;
    const auto list = builder.CreateVector(valid);
    return answer(builder, V::CreateCheckSignaturesReply(builder, list));
}

pipe::Frame records_reply(const std::vector<Verdict>& verdicts) {
    Builder builder;
    std::vector<ipc::Verdict> list;
    for (const auto verdict : verdicts)
        list.push_back(static_cast<ipc::Verdict>(verdict));
    const auto out = builder.CreateVector(list);
    return answer(builder, V::CreateVerifyRecordsReply(builder, out));
}

static_assert(static_cast<int>(Verdict::NotStored) == static_cast<int>(ipc::Verdict::NotStored));
static_assert(static_cast<int>(Verdict::Refused) == static_cast<int>(ipc::Verdict::Refused));

}  // namespace

pipe::Task<pipe::Answer> VerifyWorker::on_request(pipe::Request request) {
    const auto* root = pipe::verified_root<V::Request>(request.message.body);
    if (!root) co_return pipe::unknown_message();
    Bytes joined;
    switch (root->body_type()) {
    case V::Inbox::VerifyRecords: {
        const auto* verify = root->body_as_VerifyRecords();
        auto records = packets_of(request.message, *verify->sizes(), joined);
        if (!records.ok()) co_return records.error();
        Onward onward{request.deadline, request.trace, verify->durable(), verify->pushed(), {}};
        const auto* sources = verify->sources();
        if (sources != nullptr && sources->size() > 0) {
            if (sources->size() != records->size())
                co_return bad_input("verify: not one source for each record");
            onward.sources.assign(sources->begin(), sources->end());
        }
        auto verdicts =
            co_await verify_records(to_domain(*verify->community()), *records, std::move(onward));
        co_return records_reply(verdicts);
    }
    case V::Inbox::CheckSignatures: {
        auto packets =
            packets_of(request.message, *root->body_as_CheckSignatures()->sizes(), joined);
        if (!packets.ok()) co_return packets.error();
        auto valid = co_await check_signatures(*packets);
        co_return signatures_reply(valid);
    }
    case V::Inbox::NONE: break;
    }
    co_return pipe::unknown_message();
}

}  // namespace warren::crypto
