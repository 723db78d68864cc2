// IPv8 datagrams: framing, keys and the base messages that every community has (walk and puncture).
// Pure codecs: bytes in, values out. Facts: py-ipv8's wire format, sections 3 to 5 of our notes
// (docs/protocol.md). Signatures are made and checked elsewhere (workers/crypto); here they are
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/result.h"

namespace warren::protocol {

inline constexpr std::size_t prefix_bytes = 22;          // 0x00, version, community id
inline constexpr std::size_t datagram_bytes_max = 1500;  // more is refused
inline constexpr std::size_t signature_bytes = 64;       // Ed25519

// "LibNaCLPK:" + X25519 public + Ed25519 public.
using PublicKey = FixedId<74, struct PublicKeyTag>;
using Signature = FixedId<64, struct SignatureTag>;

bool is_curve25519_key(ByteView key);  // tag and length are right
// Keys on binary curves: bootstrap servers still sign with the shortest one (ECDSA over SHA-1, r
// and s of equal length).
struct LegacyCurve {
    std::uint8_t number = 0;  // the last arc of its object identifier
    const char* name = "";
    std::size_t key_bytes = 0, signature_bytes = 0;
};
std::optional<LegacyCurve> legacy_curve(ByteView key);
std::size_t signature_length(ByteView public_key);  // 0: no key that we know
ByteView ed25519_part(const PublicKey& key);        // the last 32 bytes
MemberId member_id(ByteView public_key);            // SHA-1 over the whole serialisation

enum class BaseMessage : std::uint8_t {
    NewPuncture = 231,
    NewPunctureRequest = 232,
    NewIntroductionResponse = 233,
    NewIntroductionRequest = 234,
    IntroductionResponse = 245,
    IntroductionRequest = 246,
    Puncture = 249,
    PunctureRequest = 250,
};

// The 23 bytes in front. `body` is what follows; for signed shapes it still holds key and
// signature.
struct Header {
    CommunityId community;
    std::uint8_t message_id = 0;
    ByteView body;
};
Result<Header> decode_header(ByteView datagram);  // refuses more than datagram_bytes_max
void put_header(Writer& to, const CommunityId& community, std::uint8_t message_id);

// Shapes AG and A: varlenH public key, [u64 global time], payload, signature over all before it.
struct SignedParts {
    ByteView public_key;  // 74 bytes (LibNaCL) or a legacy EC key, as it came
    std::uint64_t global_time = 0;
    ByteView payload;
    ByteView signed_bytes;
    ByteView signature;
};
// No length limit of its own: a record may be longer than a datagram (decode_record bounds it).
enum class WithGlobalTime { Yes, No };
Result<SignedParts> decode_signed(ByteView datagram, WithGlobalTime with);

enum class ConnectionType : std::uint8_t { Unknown = 0, Public = 2, SymmetricNat = 3 };

// Old style (246/245/250/249) carries IPv4 only; new style (234/233/232/231) any family.
enum class Style { Old, New };

struct IntroductionRequest {
    Style style = Style::Old;
    Endpoint destination, source_lan, source_wan;
    ConnectionType connection = ConnectionType::Unknown;
    bool supports_new_style = false;
    bool advice = true;  // old style: the wire bit as it stands
    std::uint16_t identifier = 0;
    ByteView extra;
    std::uint8_t unused_flags = 0;  // wire bits without a meaning, as they came; new style: all
};
struct IntroductionResponse {
    Style style = Style::Old;
    Endpoint destination, source_lan, source_wan;
    Endpoint introduced_lan, introduced_wan;
    ConnectionType connection = ConnectionType::Unknown;
    bool supports_new_style = true;
    bool introduced_supports_new_style = false;
    bool peer_limit_reached = false;
    std::uint16_t identifier = 0;
    ByteView extra;
    std::uint8_t unused_flags = 0;  // wire bits without a meaning, as they came
};
struct PunctureRequest {
    Style style = Style::Old;
    Endpoint walker_lan, walker_wan;
    std::uint16_t identifier = 0;
};
struct Puncture {
    Style style = Style::Old;
    Endpoint source_lan, second;
    std::uint16_t identifier = 0;
};

// Decoders take the payload (between key/time and signature, or the body of an unsigned shape).
// No bytes may be left over.
Result<IntroductionRequest> decode_introduction_request(ByteView payload, Style style);
Result<IntroductionResponse> decode_introduction_response(ByteView payload, Style style);
Result<PunctureRequest> decode_puncture_request(ByteView payload, Style style);
Result<Puncture> decode_puncture(ByteView payload, Style style);

Bytes encode(const IntroductionRequest& message);
Bytes encode(const IntroductionResponse& message);
Bytes encode(const PunctureRequest& message);
Bytes encode(const Puncture& message);

// Everything up to the signature, which the caller appends (shapes AG and A).
Bytes frame_signed(const CommunityId& community, std::uint8_t message_id, const PublicKey& author,
                   std::uint64_t global_time, ByteView payload);
Bytes frame_signed_untimed(const CommunityId& community, std::uint8_t message_id,
                           const PublicKey& author, ByteView payload);
// Shape G: unsigned with global time.
Bytes frame_unsigned(const CommunityId& community, std::uint8_t message_id,
                     std::uint64_t global_time, ByteView payload);
// Shape N: bare payload.
Bytes frame_bare(const CommunityId& community, std::uint8_t message_id, ByteView payload);

}  // namespace warren::protocol
