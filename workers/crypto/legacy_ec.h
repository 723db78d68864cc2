// Signatures of IPv8's old keys on binary curves. Only ever checked: bootstrap servers have such
// keys, this node has not.
#pragma once

#include "base/bytes.h"

namespace warren::crypto {

// OpenSSL reads its providers on first use: before the sandbox, not after it. False: no such
// curves.
bool start_legacy_ec();

bool is_signed_by_legacy(ByteView public_key, ByteView signed_bytes, ByteView signature);

}  // namespace warren::crypto
