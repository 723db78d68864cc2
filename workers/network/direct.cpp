// Direct messages: records of two members and letters between users and the overlay, invitations.
#include <algorithm>

#include "ipc-schema/network_generated.h"
#include "protocol/invitation.h"
#include "runtime/process/log.h"
#include "workers/network/network_worker.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace N = ipc::network;
namespace log = process::log;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

constexpr Nanoseconds letter_patience = 5_s, answer_time = 200_ms;
constexpr std::size_t pairs_per_reply = 256;

Error not_here() {
    return refused("this node takes no part in the community");
}

flatbuffers::Offset<N::Pair> to_wire(Builder& builder, const protocol::PairRow& row) {
    const auto key = [&](const protocol::PublicKey& of) {
        return builder.CreateVector(of.bytes.data(), of.bytes.size());
    };
    const auto first = key(row.first), second = key(row.second);
    const auto payload = builder.CreateVector(row.payload);
    const auto reason = builder.CreateString(row.reason);
    const auto community = network::to_wire(row.community);
    const auto record = pipe::wire::to_wire(row.record);
    return N::CreatePair(builder, &community, &record, row.kind, first, second, payload,
                         static_cast<N::PairState>(row.state), row.considered, reason,
                         static_cast<std::uint64_t>(row.left / 1_ms));
}

const char* name_of(protocol::PairState state) {
    switch (state) {
    case protocol::PairState::Open: return "open";
    case protocol::PairState::Signed: return "signed";
    case protocol::PairState::Refused: return "refused";
    case protocol::PairState::Expired: return "expired";
    }
    return "unknown";
}

}  // namespace

bool NetworkWorker::serves(const CommunityId& community) const {
    return overlay_ && overlay_->communities().contains(community);
}

pipe::Answer NetworkWorker::on_propose_pair(const CommunityId& community, Nanoseconds patience,
                                            const Bytes& half) {
    if (!overlay_) return not_yet();
    if (!serves(community)) return not_here();
    const auto now = monotonic_now();
    auto proposed = overlay_->pairs().propose(now, half, now + patience);
    if (!proposed.ok()) return proposed.error();
    flush_soon();
    tick_soon();
    Builder builder;
    return answer(builder, N::CreateProposePairReply(builder));
}

pipe::Answer NetworkWorker::on_list_pairs() {
    if (!overlay_) return not_yet();
    Builder builder;
    std::vector<flatbuffers::Offset<N::Pair>> list;
    for (const auto& row : overlay_->pairs().rows(monotonic_now()))
        if (list.size() < pairs_per_reply) list.push_back(to_wire(builder, row));
    const auto pairs = builder.CreateVector(list);
    return answer(builder, N::CreateListPairsReply(builder, pairs));
}

pipe::Answer NetworkWorker::on_decide_pair(const CommunityId& community, const RecordId& record,
                                           protocol::Pairs::Decision decision,
                                           const std::string& reason) {
    if (!overlay_) return not_yet();
    if (!serves(community)) return not_here();
    auto decided = overlay_->pairs().decide(monotonic_now(), record, decision, reason);
    if (!decided.ok()) return decided.error();
    flush_soon();
    Builder builder;
    return answer(builder, N::CreateDecidePairReply(builder));
}

pipe::Task<pipe::Answer> NetworkWorker::on_send_letter(CommunityId community, MemberId member,
                                                       std::string text, Nanoseconds deadline) {
    if (!overlay_) co_return not_yet();
    if (!serves(community)) co_return not_here();
    const auto wish = ++last_wish_;
    const auto promise = std::make_shared<pipe::Promise<protocol::LetterDone>>(host_.io());
    letters_[wish] = promise;
    const auto now = monotonic_now();
    // Its own answer comes before the asker gives up.
    auto until = now + letter_patience;
    if (deadline > 0) until = std::min(until, deadline - answer_time);
    auto sent = overlay_->letters().send(now, {wish, community, member, std::move(text), until});
    if (!sent.ok()) {
        letters_.erase(wish);
        co_return sent.error();
    }
    flush_soon();
    tick_soon();
    const auto done = co_await promise->wait(until + answer_time);
    letters_.erase(wish);
    const auto fate = done ? done->fate : protocol::LetterFate::NoAnswer;
    Builder builder;
    co_return answer(builder, N::CreateSendLetterReply(builder, static_cast<N::LetterFate>(fate)));
}

// Its signature is looked at here, for verify speaks with us; then its peers are met.
pipe::Task<pipe::Answer> NetworkWorker::on_check_invitation(Bytes packet) {
    if (!overlay_) co_return not_yet();
    const auto invitation = protocol::decode_invitation(packet);
    if (!invitation) co_return invitation.error();
    std::vector<Bytes> packets(1, std::move(packet));
    auto valid = co_await outbox_.check_signatures(std::move(packets));
    if (!valid.ok()) co_return valid.error();
    if (valid->front())
        for (const auto& peer : invitation->peers)
            if (peer.port != 0) overlay_->add_bootstrap(monotonic_now(), peer);
    flush_soon();
    Builder builder;
    co_return answer(builder, N::CreateCheckInvitationReply(builder, valid->front()));
}

// ---- the overlay's side

pipe::Task<void> NetworkWorker::judge_pair(protocol::JudgePair effect) {
    const auto token = effect.token;
    auto judgement = co_await outbox_.judge_pair(std::move(effect));
    const auto now = monotonic_now();
    if (judgement.ok())
        overlay_->pair_judged(now, token, *judgement);
    else
        overlay_->failed(now, token);
    flush_soon();
}

void NetworkWorker::tell(std::string_view event, const protocol::PairRow& row) {
    log::info("event={} community={} record={} state={}", event, row.community.hex(),
              row.record.id.hex(), name_of(row.state));
    host_.tap().event(std::string(event), {{"community", row.community.hex()},
                                           {"record", row.record.id.hex()},
                                           {"first", protocol::member_id(row.first.view()).hex()},
                                           {"second", protocol::member_id(row.second.view()).hex()},
                                           {"state", name_of(row.state)},
                                           {"reason", row.reason}});
}

// Kept nowhere: whoever listens has it.
void NetworkWorker::tell(const protocol::LetterArrived& letter) {
    host_.tap().event("event.letter.received", {{"community", letter.community.hex()},
                                                {"member", letter.from.hex()},
                                                {"text", letter.text}});
}

}  // namespace warren::network
