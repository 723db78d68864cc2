// Signature checks.
#include "workers/crypto/ed25519.h"

#include <sodium.h>

#include "protocol/dht_messages.h"
#include "workers/crypto/legacy_ec.h"

namespace warren::crypto {

bool start_sodium() {
    return ::sodium_init() >= 0;
}

bool is_signed_by(const protocol::PublicKey& author, ByteView signed_bytes, ByteView signature) {
    if (signature.size() != crypto_sign_BYTES) return false;
    return ::crypto_sign_verify_detached(signature.data(), signed_bytes.data(), signed_bytes.size(),
                                         protocol::ed25519_part(author).data()) == 0;
}

namespace {

bool is_signed_by_any(ByteView key, ByteView signed_bytes, ByteView signature) {
    if (!protocol::is_curve25519_key(key)) return is_signed_by_legacy(key, signed_bytes, signature);
    const auto author = protocol::PublicKey::from(key);
    return author && is_signed_by(*author, signed_bytes, signature);
}

}  // namespace

bool is_validly_signed(ByteView bytes) {
    if (!bytes.empty() && bytes[0] == protocol::dht_value_signed) {
        const auto value = protocol::decode_dht_value(bytes);
        return value.ok() &&
               is_signed_by_any(value->public_key, value->signed_bytes, value->signature);
    }
    const auto parts = protocol::decode_signed(bytes, protocol::WithGlobalTime::No);
    return parts.ok() && is_signed_by_any(parts->public_key, parts->signed_bytes, parts->signature);
}

}  // namespace warren::crypto
