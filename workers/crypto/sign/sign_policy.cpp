// The table of what may be signed, and the rates.
#include "workers/crypto/sign/sign_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/record.h"

namespace warren::crypto {

namespace {

using process::Role;

enum class Shape { Packet, Record };

struct Row {
    Role role;
    std::uint8_t version;      // second byte of the prefix
    std::uint8_t first, last;  // message ids
    Shape shape;
};

constexpr std::array table = {
    Row{Role::Network, 2, 231, 250, Shape::Packet},  // walk and puncture, both styles
    Row{Role::Storage, 2, 1, 3, Shape::Record},      // records of this node
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
    const auto packet = with_blank_signature(bytes);
    if (shape == Shape::Record) {
        WARREN_TRY(const auto record, protocol::decode_record(packet));
        return check_author(record.author.view(), own);
    }
    if (packet.size() > protocol::datagram_bytes_max)
        return refused("sign: longer than an overlay packet");
    WARREN_TRY(const auto parts, protocol::decode_signed(packet, protocol::WithGlobalTime::Yes));
    return check_author(parts.public_key, own);
}

}  // namespace

Result<void> may_sign(Role role, ByteView bytes, const protocol::PublicKey& own) {
    if (bytes.size() <= protocol::prefix_bytes || bytes.size() > protocol::record_bytes_max)
        return refused("sign: not the size of a packet");
    const auto id = bytes[protocol::prefix_bytes];
    for (const auto& row : table)
        if (row.role == role && bytes[0] == 0 && bytes[1] == row.version && id >= row.first &&
            id <= row.last)
            return check_shape(row.shape, bytes, own);
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
