#include "protocol/invitation.h"

#include <algorithm>

#include "protocol/text_field.h"
#include "protocol/wire.h"

namespace warren::protocol {

namespace {

constexpr std::string_view scheme = "warren:";
constexpr TextBounds invitation_name{0, 128};

bool is_control_of(const CommunityId& community, ByteView packet) {
    const auto record = decode_record(packet);
    return record && record->community == community &&
           static_cast<std::uint8_t>(record->kind) >= 208;
}

// All but what the packet around it says.
Result<Invitation> decode_payload(ByteView payload) {
    Reader in(payload);
    Invitation out;
    out.founder.bytes = in.array<PublicKey::size>();
    out.nonce.bytes = in.array<Nonce::size>();
    out.name = read_text(in, invitation_name);
    const std::size_t peers = in.u8();
    for (std::size_t i = 0; in.ok() && i < std::min(peers, invitation_peers_max); ++i)
        out.peers.push_back(read_ip_address(in));
    const std::size_t records = in.u8();
    for (std::size_t i = 0; in.ok() && i < std::min(records, invitation_records_max); ++i)
        out.records.push_back(to_bytes(read_varlen_h(in)));
    const bool fits = peers <= invitation_peers_max && records <= invitation_records_max;
    if (!in.done() || !fits) return bad_input("invitation: cut short, too long, or out of bounds");
    if (!is_curve25519_key(out.founder.view())) return bad_input("invitation: no founder's key");
    return out;
}

}  // namespace

Bytes encode_unsigned(const Invitation& from) {
    Writer to;
    to.bytes(from.founder.view()).bytes(from.nonce.view());
    put_text(to, from.name, invitation_name);
    const auto peers = std::min(from.peers.size(), invitation_peers_max);
    to.u8(static_cast<std::uint8_t>(peers));
    for (std::size_t i = 0; i < peers; ++i)
        put_ip_address(to, from.peers[i]);
    const auto records = std::min(from.records.size(), invitation_records_max);
    to.u8(static_cast<std::uint8_t>(records));
    for (std::size_t i = 0; i < records; ++i)
        put_varlen_h(to, from.records[i]);
    return frame_signed(from.community, invitation_id, from.inviter, from.expires_s, to.peek());
}

Result<Invitation> decode_invitation(ByteView packet) {
    if (packet.size() > invitation_bytes_max) return bad_input("invitation: too long");
    WARREN_TRY(const auto parts, decode_signed(packet, WithGlobalTime::Yes));
    if (packet[prefix_bytes] != invitation_id) return bad_input("this is no invitation");
    if (!is_curve25519_key(parts.public_key)) return bad_input("invitation: by a legacy key");
    WARREN_TRY(auto out, decode_payload(parts.payload));
    out.community = *CommunityId::from(packet.subspan(2, CommunityId::size));
    out.inviter = *PublicKey::from(parts.public_key);
    out.expires_s = parts.global_time;
    if (channel_community(out.founder, out.nonce) != out.community)
        return bad_input("invitation: its founder did not found this community");
    for (const auto& record : out.records)
        if (!is_control_of(out.community, record))
            return bad_input("invitation: holds what is no control record of the community");
    return out;
}

bool is_invitation_payload(ByteView payload) {
    return decode_payload(payload).ok();
}

std::string invitation_text(ByteView packet) {
    auto out = to_base64(packet);
    std::ranges::replace(out, '+', '-');
    std::ranges::replace(out, '/', '_');
    out.erase(std::min(out.find('='), out.size()));
    return std::string(scheme) + out;
}

Result<Bytes> invitation_from_text(std::string_view text) {
    if (!text.starts_with(scheme)) return bad_input("an invitation begins with warren:");
    std::string plain(text.substr(scheme.size()));
    if (plain.size() > invitation_bytes_max * 4 / 3 + 4) return bad_input("invitation: too long");
    if (plain.find_first_of("+/=") != std::string::npos)
        return bad_input("invitation: a character that does not belong there");
    std::ranges::replace(plain, '-', '+');
    std::ranges::replace(plain, '_', '/');
    plain.resize((plain.size() + 3) / 4 * 4, '=');
    auto bytes = from_base64(plain);
    if (!bytes) return bad_input("invitation: a character that does not belong there");
    return std::move(*bytes);
}

}  // namespace warren::protocol
