#include "protocol/community/control_records.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Rights rights_all = right::permit | right::authorize | right::revoke | right::undo;

}  // namespace

static_assert(std::ranges::all_of(control_messages, [](const MessageType& message) {
    return flaw(message).empty() && !is_content_id(message.id);
}));

Result<std::vector<Grant>> decode_grants(ByteView payload) {
    Reader in(payload);
    std::vector<Grant> out;
    while (in.left() > 0 && out.size() < grants_max) {
        Grant grant;
        grant.member.bytes = in.array<PublicKey::size>();
        grant.kind = in.u8();
        grant.rights = in.u8();
        if (!in.ok()) return bad_input("grants cut short");
        if (!is_curve25519_key(grant.member.view())) return bad_input("grant to no member's key");
        if (grant.rights == 0 || grant.rights > rights_all)
            return bad_input("grant of rights that there are not");
        if (!out.empty() &&
            std::pair(out.back().member, out.back().kind) >= std::pair(grant.member, grant.kind))
            return bad_input("grants out of order");
        out.push_back(grant);
    }
    if (!in.done() || out.empty()) return bad_input("no grants, or too many");
    return out;
}

Bytes encode_grants(std::vector<Grant> grants) {
    std::ranges::sort(grants);
    Writer to;
    for (std::size_t i = 0; i < grants.size(); ++i) {
        const auto& grant = grants[i];
        if (i + 1 < grants.size() && grants[i + 1].member == grant.member &&
            grants[i + 1].kind == grant.kind) {
            grants[i + 1].rights |= grant.rights;
            continue;
        }
        to.bytes(grant.member.view()).u8(grant.kind).u8(grant.rights);
    }
    return to.take();
}

Result<Undo> decode_undo(ByteView payload) {
    Reader in(payload);
    Undo out;
    out.target.time = in.u64();
    out.target.id.bytes = in.array<RecordId::size>();
    out.kind = in.u8();
    const auto action = in.u8();
    if (!in.done()) return bad_input("undo cut short or too long");
    if (action < 1 || action > 2) return bad_input("neither undo nor restore");
    out.action = static_cast<Undo::Action>(action);
    return out;
}

Bytes encode(const Undo& undo) {
    Writer to;
    to.u64(undo.target.time).bytes(undo.target.id.view()).u8(undo.kind);
    return to.u8(static_cast<std::uint8_t>(undo.action)).take();
}

Result<Settings> decode_settings(ByteView payload) {
    Reader in(payload);
    Settings out;
    out.kind = in.u8();
    const auto policy = in.u8();
    if (!in.done()) return bad_input("settings cut short or too long");
    if (policy > static_cast<std::uint8_t>(Policy::Linear)) return bad_input("no such policy");
    out.policy = static_cast<Policy>(policy);
    return out;
}

Bytes encode(const Settings& settings) {
    return Writer().u8(settings.kind).u8(static_cast<std::uint8_t>(settings.policy)).take();
}

const MessageType* find_message(const CommunityType& type, MessageId id) {
    if (const auto* own = type.find(id)) return own;
    if (type.founding == 0) return nullptr;
    const auto found = std::ranges::find(control_messages, id, &MessageType::id);
    return found == control_messages.end() ? nullptr : &*found;
}

Rights rights_on(const MessageType& message) {
    Rights out = message.resolution == Resolution::Public ? Rights{0} : right::permit;
    if (message.undo) out |= right::undo;
    if (out == 0) return 0;
    return out | right::authorize | right::revoke;
}

}  // namespace warren::protocol
