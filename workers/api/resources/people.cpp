// What happens between two members: agreements, letters, invitations.
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "protocol/direct_messages.h"
#include "protocol/invitation.h"
#include "workers/api/call.h"
#include "workers/api/kinds.h"
#include "workers/api/resources/grants.h"
#include "workers/api/resources/handlers.h"

namespace warren::api {

namespace {

constexpr std::uint64_t agreement_patience_s = 3600, invitation_valid_s = 7 * 86'400;

std::uint64_t number_or(const Call& call, std::string_view name, std::uint64_t fallback) {
    const auto found = call.body.find(name);
    return found == call.body.end() ? fallback : found->get<std::uint64_t>();
}

json::Value to_json(const PairedRecord& pair, const Bytes& own) {
    const auto agreement = protocol::decode_agreement(pair.payload);
    return {{"community", pair.community.hex()},
            {"record", pair.record.id.hex()},
            {"global_time", pair.record.time},
            {"kind", name_of_kind(pair.community, pair.kind)},
            {"text", agreement ? agreement->text : std::string()},
            {"proposed_by_us", pair.first == own},
            {"first", protocol::member_id(pair.first).hex()},
            {"second", protocol::member_id(pair.second).hex()},
            {"state", pair.state},
            {"considered", pair.considered},
            {"reason", pair.reason},
            {"left_ms", pair.left_ms}};
}

// Where others may find us first: the addresses that they see, and those of the local network.
std::vector<Endpoint> own_addresses(const OverlayState& state) {
    auto out = state.wan;
    for (const auto& address : state.lan)
        if (std::ranges::find(out, address) == out.end()) out.push_back(address);
    return out;
}

}  // namespace

Handled propose_agreement(Call& call) {
    const auto community = call.community();
    auto second = *from_hex(call.text("with"));
    NewPair pair{community, static_cast<std::uint8_t>(protocol::RecordKind::Agreement),
                 std::move(second), protocol::encode(protocol::Agreement{call.text("text")})};
    auto drafted = co_await call.outbox().draft_pair(call.errand, pair);
    if (!drafted) co_return std::move(drafted.problem());
    const auto patience_ms = 1000 * number_or(call, "patience_s", agreement_patience_s);
    auto proposed = co_await call.outbox().propose_pair(call.errand, community,
                                                        std::move(drafted->half), patience_ms);
    if (!proposed) co_return std::move(proposed.problem());
    auto reply = reply_json({{"community", community.hex()},
                             {"record", drafted->record.id.hex()},
                             {"global_time", drafted->record.time}});
    reply.location = "/api/v1/agreements";
    co_return std::move(reply);
}

Handled list_agreements(Call& call) {
    auto identity = co_await call.outbox().get_identity(call.errand);
    if (!identity) co_return std::move(identity.problem());
    auto pairs = co_await call.outbox().list_pairs(call.errand);
    if (!pairs) co_return std::move(pairs.problem());
    auto items = json::Value::array();
    for (const auto& pair : *pairs)
        items.push_back(to_json(pair, identity->public_key));
    co_return reply_json({{"items", std::move(items)}});
}

Handled answer_agreement(Call& call) {
    PairDecision decision{call.community(), *RecordId::from_hex_text(call.path.at("agreement")),
                          call.text("answer") == "accept", call.text("reason")};
    if (decision.accept && !decision.reason.empty())
        co_return invalid("a reason goes with a refusal", {{"/reason", "must be absent"}});
    auto done = co_await call.outbox().decide_pair(call.errand, decision);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"detail", decision.accept ? "it is being signed" : "refused"}});
}

Handled send_letter(Call& call) {
    const auto member = *MemberId::from_hex_text(call.text("member"));
    auto fate = co_await call.outbox().send_letter(call.errand, call.community(), member,
                                                   call.text("text"));
    if (!fate) co_return std::move(fate.problem());
    constexpr std::string_view reasons[] = {
        "", "the member gets more letters from us than its node takes",
        "no path to this member in this community", "the member's node did not answer in time"};
    json::Value out = {{"delivered", *fate == LetterFate::Delivered}};
    if (*fate != LetterFate::Delivered) out["reason"] = reasons[static_cast<std::size_t>(*fate)];
    co_return reply_json(out);
}

Handled invite(Call& call) {
    const auto community = call.community();
    NewInvitation wish;
    wish.community = community;
    wish.name = call.text("name");
    wish.expires_s = static_cast<std::uint64_t>(wall_now_ms() / 1000) +
                     number_or(call, "valid_s", invitation_valid_s);
    if (call.body.contains("grants")) {
        auto grants = grants_of(call);
        if (!grants) co_return std::move(grants.problem());
        wish.grants = protocol::encode_grants(std::move(*grants));
    }
    auto state = co_await call.outbox().get_overlay(call.errand);
    if (!state) co_return std::move(state.problem());
    wish.peers = own_addresses(*state);
    auto made = co_await call.outbox().make_invitation(call.errand, wish);
    if (!made) co_return std::move(made.problem());
    json::Value out = {{"community", community.hex()},
                       {"invitation", protocol::invitation_text(made->packet)},
                       {"expires_s", wish.expires_s}};
    if (made->grants.time != 0) out["record"] = made->grants.id.hex();
    co_return reply_json(out);
}

Handled accept_invitation(Call& call) {
    auto packet = protocol::invitation_from_text(call.text("invitation"));
    if (!packet) co_return invalid(packet.error().text, {{"/invitation", packet.error().text}});
    auto invitation = protocol::decode_invitation(*packet);
    if (!invitation)
        co_return invalid(invitation.error().text, {{"/invitation", invitation.error().text}});
    if (invitation->expires_s <= static_cast<std::uint64_t>(wall_now_ms() / 1000))
        co_return problem(422, "the invitation has expired: ask for a new one");
    auto valid = co_await call.outbox().check_invitation(call.errand, *packet);
    if (!valid) co_return std::move(valid.problem());
    if (!*valid) co_return problem(422, "the invitation's signature is not right");
    auto joined =
        co_await call.outbox().join_by_invitation(call.errand, invitation->community, *packet);
    if (!joined) co_return std::move(joined.problem());
    std::uint64_t granted = 0;
    if (!invitation->records.empty()) {
        auto counts = co_await call.outbox().import_records(call.errand, invitation->community,
                                                            std::move(invitation->records));
        if (!counts) co_return std::move(counts.problem());
        granted = counts->stored + counts->known;
    }
    co_return reply_json({{"id", invitation->community.hex()},
                          {"joined", true},
                          {"name", invitation->name},
                          {"inviter", protocol::member_id(invitation->inviter.view()).hex()},
                          {"founder", protocol::member_id(invitation->founder.view()).hex()},
                          {"grants", granted}});
}

}  // namespace warren::api
