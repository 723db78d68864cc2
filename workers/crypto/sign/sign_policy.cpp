// The table of what may be signed, and the rates.
#include "workers/crypto/sign/sign_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "protocol/dht_messages.h"
#include "protocol/direct_messages.h"
#include "protocol/discovery_messages.h"
#include "protocol/invitation.h"
#include "protocol/record.h"

namespace warren::crypto {

namespace {

using process::Role;

// AG, A, a letter and an invitation in AG, and a record that we are a signer of.
enum class Shape { Packet, Untimed, Letter, Invitation, Record };

struct Row {
    Role role;
    std::uint8_t version;      // second byte of the prefix
    std::uint8_t first, last;  // message ids
    Shape shape;
    std::optional<CommunityId> community = std::nullopt;  // none: any
};

constexpr std::array table = {
    Row{Role::Network, 2, 231, 250, Shape::Packet},  // walk and puncture, both styles
    Row{Role::Network, 2, 1, 2, Shape::Packet, protocol::discovery_community},  // similarity
    Row{Role::Network, 2, 1, 10, Shape::Untimed, protocol::dht_community},
    Row{Role::Network, 2, 67, 67, Shape::Letter}, Row{Role::Storage, 2, 69, 69, Shape::Invitation},
    // Records of this node, of the kinds that there are; of two members, as either of them.
    Row{Role::Storage, 2, 1, 15, Shape::Record}, Row{Role::Storage, 2, 32, 199, Shape::Record},
    Row{Role::Storage, 2, 208, 213, Shape::Record},  // control records
};

// The codecs read packets with a signature: a blank one stands in.
Bytes with_blank_signature(ByteView bytes) {
    Bytes out = to_bytes(bytes);
    out.resize(out.size() + protocol::signature_bytes);
    return out;
}

Result<void> check_author(ByteView author, const protocol::PublicKey& own) {
    if (!std::ranges::equal(author, own.view()))
        return refused("sign: the bytes name another author");
    return {};
}

Result<void> check_shape(Shape shape, ByteView bytes, const protocol::PublicKey& own) {
    if (shape == Shape::Record) {
        const auto blank = protocol::with_blank_signatures(bytes);
        WARREN_TRY(const auto record, protocol::decode_record(blank));
        const bool as_second = record.second && *record.second == own;
        return check_author(as_second ? own.view() : record.author.view(), own);
    }
    const auto packet = with_blank_signature(bytes);
    if (shape == Shape::Invitation) {
        WARREN_TRY(const auto invitation, protocol::decode_invitation(packet));
        return check_author(invitation.inviter.view(), own);
    }
    if (packet.size() > protocol::datagram_bytes_max)
        return refused("sign: longer than an overlay packet");
    const auto timed =
        shape == Shape::Untimed ? protocol::WithGlobalTime::No : protocol::WithGlobalTime::Yes;
    WARREN_TRY(const auto parts, protocol::decode_signed(packet, timed));
    if (shape == Shape::Letter) WARREN_TRY_VOID(protocol::decode_letter(parts.payload));
    return check_author(parts.public_key, own);
}

// A value for the DHT is no packet: its first byte is 1, that of every packet is 0.
Result<void> check_value(ByteView bytes, const protocol::PublicKey& own) {
    const auto value = with_blank_signature(bytes);
    if (value.size() > protocol::dht_value_bytes_max)
        return refused("sign: longer than a value of the DHT");
    WARREN_TRY(const auto parts, protocol::decode_dht_value(value));
    return check_author(parts.public_key, own);
}

bool fits(const Row& row, ByteView bytes) {
    const auto id = bytes[protocol::prefix_bytes];
    if (bytes[0] != 0 || bytes[1] != row.version || id < row.first || id > row.last) return false;
    return !row.community ||
           std::ranges::equal(bytes.subspan(2, CommunityId::size), row.community->view());
}

}  // namespace

Result<void> may_sign(Role role, ByteView bytes, const protocol::PublicKey& own) {
    if (bytes.size() <= protocol::prefix_bytes || bytes.size() > protocol::invitation_bytes_max)
        return refused("sign: not the size of a packet");
    if (role == Role::Network && bytes[0] == protocol::dht_value_signed)
        return check_value(bytes, own);
    for (const auto& row : table)
        if (row.role == role && fits(row, bytes)) return check_shape(row.shape, bytes, own);
    const auto id = bytes[protocol::prefix_bytes];
    return refused(fmt::format("sign: {} may not have message {} signed", process::name_of(role),
                               static_cast<unsigned>(id)));
}

Nanoseconds SignRates::take(Role role, Nanoseconds now) {
    auto& bucket = buckets_[static_cast<std::size_t>(role)];
    const Nanoseconds cost = 1_s / per_second_;
    const auto full_at = std::max(bucket.full_at, now) + cost;
    if (full_at - now > 1_s) return full_at - now - 1_s;
    bucket.full_at = full_at;
    return 0;
}

}  // namespace warren::crypto
