// Signature checks.
#include "workers/crypto/ed25519.h"

#include <sodium.h>

namespace warren::crypto {

bool start_sodium() {
    return ::sodium_init() >= 0;
}

bool is_signed_by(const protocol::PublicKey& author, ByteView signed_bytes, ByteView signature) {
    if (signature.size() != crypto_sign_BYTES) return false;
    return ::crypto_sign_verify_detached(signature.data(), signed_bytes.data(), signed_bytes.size(),
                                         protocol::ed25519_part(author).data()) == 0;
}

bool is_valid_packet(ByteView packet) {
    const auto parts = protocol::decode_signed(packet, protocol::WithGlobalTime::No);
    if (!parts.ok() || !protocol::is_curve25519_key(parts->public_key)) return false;
    const auto author = protocol::PublicKey::from(parts->public_key);
    return author && is_signed_by(*author, parts->signed_bytes, parts->signature);
}

}  // namespace warren::crypto
