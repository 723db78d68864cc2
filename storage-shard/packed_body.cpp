// See packed_body.h.
#include "storage-shard/packed_body.h"

#include <algorithm>
#include <array>

#include "base/hash.h"

namespace warren::shard {

namespace {

enum Form : std::uint8_t { Whole = 0, Headless = 1, ByFounder = 2 };
constexpr std::size_t head_bytes = 1 + 8;
// Of a packet: prefix, message id, two bytes of the key's length, the key.
constexpr std::size_t key_at = protocol::prefix_bytes + 1 + 2;
constexpr std::size_t rest_at = key_at + protocol::PublicKey::size;

// Of id and signature, so of all bytes, for the id is a digest of the others. The signature is as
// good as random, so a public key will do.
std::uint64_t check_value(const protocol::RecordView& record) {
    std::array<std::uint8_t, 16> key{};
    std::copy_n(record.id.bytes.begin(), key.size(), key.begin());
    return siphash(key, record.signature);
}

// Nothing: cut short, or by a founder who is not known.
std::optional<Bytes> unpacked(ByteView packed, const CommunityId& community,
                              const std::optional<Founder>& founder) {
    if (packed.empty()) return std::nullopt;
    if (packed[0] == Whole) return to_bytes(packed);
    if (packed.size() <= head_bytes || packed[0] > ByFounder) return std::nullopt;
    constexpr std::uint8_t version[] = {0x00, 0x02};
    const auto rest = packed.subspan(head_bytes);
    Bytes out;
    out.reserve(packed.size() + rest_at);
    append(out, version);
    append(out, community.view());
    if (packed[0] == Headless) {
        append(out, rest);
        return out;
    }
    if (!founder) return std::nullopt;
    out.push_back(rest[0]);
    constexpr std::uint8_t key_size[] = {0, protocol::PublicKey::size};
    append(out, key_size);
    append(out, founder->key.view());
    append(out, rest.subspan(1));
    return out;
}

}  // namespace

void pack_body(const protocol::RecordView& record, ByteView packet,
               const std::optional<Founder>& founder, Bytes& out) {
    const bool by_founder = founder && record.kind != protocol::RecordKind::ChannelGenesis &&
                            record.author == founder->key;
    out.resize(head_bytes);
    out[0] = by_founder ? ByFounder : Headless;
    const auto check = check_value(record);
    for (std::size_t i = 0; i < 8; ++i)
        out[1 + i] = static_cast<std::uint8_t>(check >> (56 - 8 * i));
    if (!by_founder) return append(out, packet.subspan(protocol::prefix_bytes));
    out.push_back(packet[protocol::prefix_bytes]);
    append(out, packet.subspan(rest_at));
}

std::optional<IntactRecord> unpack_body(ByteView packed, const CommunityId& community,
                                        const std::optional<Founder>& founder) {
    auto packet = unpacked(packed, community, founder);
    if (!packet) return std::nullopt;
    IntactRecord out{std::move(*packet), {}};
    auto view = protocol::decode_record(out.packet);
    if (!view || view->community != community) return std::nullopt;
    out.view = *view;
    if (packed[0] != Whole && Reader(packed.subspan(1)).u64() != check_value(out.view))
        return std::nullopt;
    return out;
}

bool is_by_founder(ByteView packed) {
    return !packed.empty() && packed[0] == ByFounder;
}

std::optional<protocol::PublicKey> author_of(ByteView packed,
                                             const std::optional<Founder>& founder) {
    if (is_by_founder(packed)) return founder ? std::optional(founder->key) : std::nullopt;
    if (packed.empty()) return std::nullopt;
    const std::size_t at = packed[0] == Whole ? key_at : head_bytes + 1 + 2;
    if (packed.size() < at + protocol::PublicKey::size) return std::nullopt;
    return protocol::PublicKey::from(packed.subspan(at, protocol::PublicKey::size));
}

}  // namespace warren::shard
