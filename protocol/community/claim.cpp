#include "protocol/community/claim.h"

#include <algorithm>

namespace warren::protocol {

namespace {

// What one item hands out its author must have, and the right to hand it out; so nobody can raise
// himself. To take, the right to take is enough.
void add_needs(Claim& claim, const Grant& item) {
    const auto need = [&](Rights right) {
        claim.needs.push_back({right, item.kind, claim.ref.time, claim.takes});
    };
    if (claim.takes) return need(right::revoke);
    for (const Rights one : {right::permit, right::authorize, right::revoke, right::undo})
        if (one == right::authorize || (item.rights & one) != 0) need(one);
}

bool add_grants(Claim& claim, const CommunityType& type, const PublicKey& founder,
                ByteView payload) {
    auto grants = decode_grants(payload);
    if (!grants) return false;
    for (const auto& item : *grants) {
        const auto* message = find_message(type, item.kind);
        if (!message || (item.rights & ~rights_on(*message)) != 0) return false;
        if (item.member == founder) return false;
        add_needs(claim, item);
    }
    claim.grants = std::move(*grants);
    return true;
}

// Public is the right to write, given to everyone.
bool add_settings(Claim& claim, const CommunityType& type, ByteView payload) {
    const auto settings = decode_settings(payload);
    if (!settings) return false;
    const auto* message = type.find(settings->kind);
    if (!message || message->resolution != Resolution::Dynamic) return false;
    claim.takes = settings->policy == Policy::Linear;
    claim.grants = {{everyone, settings->kind, right::permit}};
    add_needs(claim, claim.grants.front());
    return true;
}

// An author may undo what he was allowed to write when he wrote it; whether he did is not asked
// here.
bool add_undo(Claim& claim, const CommunityType& type, ByteView payload) {
    const auto undo = decode_undo(payload);
    if (!undo || undo->target.time >= claim.ref.time) return false;
    const auto* message = type.find(undo->kind);
    if (!message || !message->undo) return false;
    if (claim.kind == id_of(ControlKind::UndoOwn))
        claim.needs = {{right::permit, undo->kind, undo->target.time}};
    else
        claim.needs = {{right::undo, undo->kind, claim.ref.time}};
    claim.undo = *undo;
    return true;
}

bool add_control(Claim& claim, const CommunityType& type, const PublicKey& founder,
                 ByteView payload) {
    switch (static_cast<ControlKind>(claim.kind)) {
    case ControlKind::Authorize: return add_grants(claim, type, founder, payload);
    case ControlKind::Revoke: claim.takes = true; return add_grants(claim, type, founder, payload);
    case ControlKind::UndoOwn:
    case ControlKind::UndoOther: return add_undo(claim, type, payload);
    case ControlKind::Settings: return add_settings(claim, type, payload);
    case ControlKind::Destroy:
        claim.needs = {{right::permit, claim.kind, claim.ref.time}};
        return true;
    }
    return false;
}

}  // namespace

std::optional<Claim> claim_of(const CommunityType& type, const PublicKey& founder,
                              const RecordView& record) {
    Claim out;
    out.ref = record.ref();
    out.author = record.author;
    out.kind = static_cast<MessageId>(record.kind);
    out.second = record.second;
    const auto* message = find_message(type, out.kind);
    if (!message || !message->is_stored() || !message->fits(record)) return std::nullopt;
    out.subject = to_bytes(message->subject_of(record.payload));
    if (is_content_id(out.kind)) {
        out.needs = {{right::permit, out.kind, out.ref.time}};
        if (out.second) out.needs.push_back({right::permit, out.kind, out.ref.time, false, true});
    } else if (!add_control(out, type, founder, record.payload)) {
        return std::nullopt;
    }
    return out;
}

}  // namespace warren::protocol
