// Ed25519 as IPv8 uses it. A signature is valid when libsodium accepts it: malleable signatures and
// small-order keys are refused.
#pragma once

#include "base/bytes.h"
#include "protocol/ipv8.h"

namespace warren::crypto {

// Before anything else of libsodium; may be called again. False: no source of randomness.
bool start_sodium();

bool is_signed_by(const protocol::PublicKey& author, ByteView signed_bytes, ByteView signature);

// Something that names its author and ends in his signature: a signed IPv8 packet (shapes A and
// AG), or a signed value of the DHT. Their first byte keeps the two apart. Old keys too
// (legacy_ec.h).
bool is_validly_signed(ByteView bytes);

}  // namespace warren::crypto
