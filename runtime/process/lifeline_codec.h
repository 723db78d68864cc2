// Lifeline messages as FlatBuffers. Descriptors do not travel here: `decode` leaves them empty and
// says by strings how many a Welcome needs.
#pragma once

#include "runtime/process/lifeline.h"

namespace warren::process {

Bytes encode(const Message& message);
Result<Message> decode(ByteView frame);  // frame: aligned to 8 bytes

}  // namespace warren::process
