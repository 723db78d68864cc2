// Between the codecs of our overlay messages only: each body begins with the version.
#pragma once

#include "base/bytes.h"
#include "protocol/overlay_messages.h"

namespace warren::protocol {

inline Writer overlay_head() {
    Writer out;
    out.u8(overlay_version);
    return out;
}
// Of another version: fails.
inline Reader overlay_body(ByteView body) {
    Reader in(body);
    if (in.u8() != overlay_version) in.fail();
    return in;
}

}  // namespace warren::protocol
