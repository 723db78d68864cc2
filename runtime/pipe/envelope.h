// The envelope of a pipe message as a plain struct; generated types stay in envelope.cpp.
#pragma once

#include <optional>

#include "ipc-schema/envelope_generated.h"
#include "runtime/pipe/pipe.h"

namespace warren::pipe {

inline constexpr std::uint16_t envelope_version = 1;

struct Envelope {
    ipc::Kind kind = ipc::Kind::Request;
    RequestId id;
    Nanoseconds deadline = 0;
    std::uint64_t trace = 0;
    std::uint32_t credit_messages = 0;
    std::uint64_t credit_bytes = 0;
    ipc::FailureCode failure = ipc::FailureCode::None;
    std::string detail;
    std::uint32_t retry_after_ms = 0;
    std::uint64_t schema_hash = 0;
};

Frame encode(const Envelope& envelope);
std::optional<Envelope> decode_envelope(const Frame& frame);

ipc::FailureCode code_of(const Failure& failure);
Failure failure_from(const Envelope& envelope);

// What a message costs in credit: all its frames and a little for bookkeeping.
inline std::uint64_t cost_of(const Message& message) {
    return message.bytes() + 128;
}

// Tag of the body's union, without knowing the schema: field 0 of its root table. Nothing when the
// buffer is no table with a tag and a body.
std::optional<std::uint8_t> union_tag(const Frame& body);

}  // namespace warren::pipe
