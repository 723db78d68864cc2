// Invitations: what somebody needs to take part in a community, as a string to pass on. Signed by
// who invites, in the shape of a packet (AG) whose global time is the end of its validity. Holds no
// secret: what it grants it grants to the key that its records name, and who else reads it learns
// what any member knows. Pure codec.
#pragma once

#include <string>
#include <vector>

#include "protocol/record.h"

namespace warren::protocol {

inline constexpr std::uint8_t invitation_id = 69;
inline constexpr std::size_t invitation_peers_max = 8;
inline constexpr std::size_t invitation_records_max = 4;
inline constexpr std::size_t invitation_bytes_max = 12 * 1024;

struct Invitation {
    CommunityId community;
    PublicKey inviter;
    std::uint64_t expires_s = 0;  // Unix time
    PublicKey founder;            // these two make the community's id
    Nonce nonce;
    std::string name;             // as the inviter knows it; 0..128
    std::vector<Endpoint> peers;  // to begin with
    std::vector<Bytes> records;   // control records of the community: what the guest may do
};
// The bytes to sign; a name, peers or records beyond the bounds are left out.
Bytes encode_unsigned(const Invitation& invitation);
// All but the signature, which verify checks as any packet's, and whether it is still valid.
Result<Invitation> decode_invitation(ByteView packet);
bool is_invitation_payload(ByteView payload);

// "warren:" and base64url without padding.
std::string invitation_text(ByteView packet);
Result<Bytes> invitation_from_text(std::string_view text);

}  // namespace warren::protocol
