// Ed25519 as IPv8 uses it. A signature is valid when libsodium accepts it: malleable signatures and
// small-order keys are refused.
#pragma once

#include "base/bytes.h"
#include "protocol/ipv8.h"

namespace warren::crypto {

// Before anything else of libsodium; may be called again. False: no source of randomness.
bool start_sodium();

bool is_signed_by(const protocol::PublicKey& author, ByteView signed_bytes, ByteView signature);

// A signed IPv8 packet (shapes A and AG) whose author's key stands inside it.
bool is_valid_packet(ByteView packet);

}  // namespace warren::crypto
