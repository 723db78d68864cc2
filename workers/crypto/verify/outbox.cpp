// Messages to storage.
#include "workers/crypto/verify/outbox.h"

#include "ipc-schema/storage_generated.h"

namespace warren::crypto {

namespace S = ipc::storage;

namespace {

pipe::Frame request_body(const Batch& batch) {
    flatbuffers::FlatBufferBuilder builder;
    const ipc::CommunityId community(
        flatbuffers::span<const std::uint8_t, CommunityId::size>(batch.community.bytes));
    const auto sizes = builder.CreateVector(batch.sizes);
    const auto sources = builder.CreateVector(batch.sources);
    const auto body =
        S::CreateStoreRecords(builder, &community, sizes, batch.durable, batch.pushed, sources);
    return pipe::finish(builder, S::CreateRequest(builder, S::Inbox::StoreRecords, body.Union()));
}

Result<std::vector<Verdict>> verdicts_of(const pipe::Message& message, std::size_t count) {
    const auto* answer = pipe::verified_root<S::Answer>(message.body);
    const auto* reply = answer ? answer->body_as_StoreRecordsReply() : nullptr;
    if (!reply || reply->verdicts()->size() != count)
        return unavailable("storage: not the answer to what was asked");
    std::vector<Verdict> out;
    for (const auto verdict : *reply->verdicts())
        out.push_back(static_cast<Verdict>(verdict));
    return out;
}

}  // namespace

pipe::Task<Result<std::vector<Verdict>>> Outbox::store_records(Batch batch, Nanoseconds deadline,
                                                               std::uint64_t trace) {
    pipe::Ask ask;
    ask.role = pipe::Role::Storage;
    ask.target = pipe::Target::community(batch.community);
    ask.message.body = request_body(batch);
    ask.message.blobs.push_back(pipe::Frame(std::move(batch.bytes)));
    ask.deadline = deadline;
    ask.no_credit = pipe::NoCredit::Wait;
    ask.trace = trace;
    auto answer = co_await host_.outbox().ask(std::move(ask));
    if (!answer.ok()) co_return answer.error();
    co_return verdicts_of(*answer, batch.sizes.size());
}

}  // namespace warren::crypto
