// Records of two members, first and second signer's side, and invitations.
#include "protocol/community/control_records.h"
#include "protocol/invitation.h"
#include "runtime/process/log.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr std::size_t drafts_kept = 64;  // for retries

const char* refusal_of(shard::Verdict verdict) {
    switch (verdict) {
    case shard::Verdict::Accepted:
    case shard::Verdict::Known: return "";
    case shard::Verdict::Waiting: return "nobody has let one of both write this here";
    case shard::Verdict::Refused: return "one of both may not write this here";
    case shard::Verdict::NotStored: return "this node cannot keep it now";
    }
    return "not known";
}

}  // namespace

Task<pipe::Answer> StorageWorker::on_draft_pair(Call call, PairDraft draft) {
    auto use = shards_.use(draft.community);
    PublishTurn turn(use);
    if (!co_await turn.take(host_.io(), call.deadline))
        co_return Error{ErrorKind::Expired, "other records of this community came first"};
    for (const auto& [request, drafted] : drafts_)
        if (request == call.id) co_return replies::drafted(drafted);
    auto drafted = co_await draft_in_turn(use, std::move(draft), call);
    if (!drafted) co_return drafted.error();
    drafts_.emplace_back(call.id, *drafted);
    if (drafts_.size() > drafts_kept) drafts_.pop_front();
    co_return replies::drafted(*drafted);
}

// Its place in our line is synced before anybody else can see it.
Task<Result<DraftedPair>> StorageWorker::draft_in_turn(ShardUse use, PairDraft draft, Call call) {
    auto author = co_await outbox_.identity(call.deadline);
    if (!author) co_return std::move(author.error());
    std::function<Result<shard::PreparedPublish>(shard::Shard&)> prepare =
        [draft, id = call.id, key = *author](shard::Shard& shard) {
            return shard.prepare_publish({id, draft.kind, key, draft.payload, draft.second});
        };
    auto prepared =
        co_await shards_.write<shard::PreparedPublish>(use, std::move(prepare), call.deadline);
    if (!prepared) co_return std::move(prepared.error());
    if (prepared->done) co_return refused("this request was for another record");
    auto signature = co_await outbox_.sign(prepared->to_sign, call.deadline, 0);
    if (!signature) co_return std::move(signature.error());
    const auto blank = protocol::with_blank_signatures(prepared->to_sign);
    auto record = protocol::decode_record(blank);
    if (!record) co_return std::move(record.error());
    DraftedPair out{record->ref(), std::move(prepared->to_sign)};
    append(out.half, signature->view());
    std::function<Result<void>(shard::Shard&)> reserve =
        [key = *author, ref = out.record](shard::Shard& shard) { return shard.reserve(key, ref); };
    auto kept = co_await shards_.write<void>(use, std::move(reserve), call.deadline);
    if (!kept) co_return std::move(kept.error());
    co_return std::move(out);
}

Task<pipe::Answer> StorageWorker::on_judge_pair(Call call, CommunityId community, Bytes half,
                                                bool sign) {
    auto own = co_await outbox_.identity(call.deadline);
    if (!own) co_return own.error();
    auto whole = half;
    whole.resize(half.size() + protocol::signature_bytes);
    auto record = protocol::decode_record(whole);
    if (!record) co_return record.error();
    if (record->community != community || record->second != *own)
        co_return bad_input("not a record that this node is the second signer of");
    auto to_sign = to_bytes(record->signed_bytes);
    auto use = shards_.use(community);
    std::function<Result<shard::Verdict>(shard::Shard&)> preview =
        [packet = whole](shard::Shard& shard) { return shard.preview(packet); };
    auto verdict = co_await shards_.write<shard::Verdict>(use, std::move(preview), call.deadline);
    if (!verdict) co_return verdict.error();
    PairJudgement out{refusal_of(*verdict), std::nullopt};
    // What is kept was signed; the signature is the same each time.
    const bool is_kept = *verdict == shard::Verdict::Known;
    if (!out.refusal.empty() || (!sign && !is_kept)) co_return replies::judged(out);
    auto signature = co_await outbox_.sign(std::move(to_sign), call.deadline, 0);
    if (!signature) co_return signature.error();
    append(half, signature->view());
    auto kept = co_await keep_pair(use, std::move(half), call.deadline);
    if (!kept) co_return kept.error();
    out.signature = *signature;
    co_return replies::judged(out);
}

// Stored as any record, synced since a user was told so, and spread.
Task<Result<void>> StorageWorker::keep_pair(ShardUse use, Bytes packet, Nanoseconds deadline) {
    StoreRecords command;
    command.community = use->id;
    command.keep = pipe::Frame{Bytes(packet)};
    command.packets.push_back(command.keep.view());
    auto verdicts = co_await shards_.store(use, std::move(command), deadline);
    if (!verdicts) co_return std::move(verdicts.error());
    const auto verdict = verdicts->front();
    if (verdict != shard::Verdict::Accepted && verdict != shard::Verdict::Known)
        co_return refused(refusal_of(verdict));
    auto kept = co_await shards_.make_durable(use, deadline, Priority::Interactive);
    if (!kept) co_return std::move(kept.error());
    std::vector<Bytes> news(1, std::move(packet));
    pipe::spawn(host_.io(), outbox_.push_records(use->id, std::move(news), 0));
    co_return Result<void>{};
}

Task<pipe::Answer> StorageWorker::on_make_invitation(Call call, NewInvitation wish) {
    auto own = co_await outbox_.identity(call.deadline);
    if (!own) co_return own.error();
    RecordRef grants;
    if (!wish.grants.empty()) {
        Publication authorize{
            call.id, wish.community,
            static_cast<protocol::RecordKind>(protocol::id_of(protocol::ControlKind::Authorize)),
            wish.grants};
        auto published = co_await publish(std::move(authorize), call.deadline);
        if (!published) co_return published.error();
        grants = *published;
    }
    struct Found {
        std::optional<shard::Founder> founder;
        std::optional<Bytes> grants;
    };
    std::function<Result<Found>(shard::ShardReader&)> find =
        [grants](shard::ShardReader& reader) -> Result<Found> {
        Found out;
        WARREN_TRY(out.founder, reader.founder());
        if (grants.time == 0) return out;
        WARREN_TRY(out.grants, reader.record(grants));
        return out;
    };
    auto use = shards_.use(wish.community);
    auto found = co_await shards_.read<Found>(use, std::move(find), call.deadline);
    if (!found) co_return found.error();
    if (!found->founder) co_return unavailable("who founded this community is not known here yet");
    protocol::Invitation invitation{wish.community,        *own,
                                    wish.expires_s,        found->founder->key,
                                    found->founder->nonce, std::move(wish.name),
                                    std::move(wish.peers), {}};
    if (found->grants) invitation.records.push_back(std::move(*found->grants));
    auto packet = protocol::encode_unsigned(invitation);
    auto signature = co_await outbox_.sign(packet, call.deadline, 0);
    if (!signature) co_return signature.error();
    append(packet, signature->view());
    co_return replies::invited(grants, std::move(packet));
}

Task<pipe::Answer> StorageWorker::on_join_by_invitation(Call call, Bytes packet) {
    auto invitation = protocol::decode_invitation(packet);
    if (!invitation) co_return invitation.error();
    const shard::Founder founder{invitation->founder, invitation->nonce};
    auto joined = co_await join(invitation->community, founder, call.deadline);
    if (!joined) co_return joined.error();
    process::log::info("event=community.joined community={} by=invitation",
                       invitation->community.hex());
    co_return replies::done();
}

}  // namespace warren::storage
