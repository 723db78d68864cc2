// Between the outbox's files only: ids in and out of messages, and reading a reply.
#pragma once

#include <string>

#include "runtime/pipe/frame.h"
#include "runtime/pipe/wire.h"
#include "workers/api/outbox.h"

namespace warren::api::wire {

using pipe::wire::from_wire;
using pipe::wire::text_of;
using pipe::wire::to_wire;

inline RecordRef from_wire_ref(const ipc::RecordRef* wire) {
    if (!wire) return {};
    return {wire->time(), from_wire<RecordId>(&wire->id())};
}
inline Bytes bytes_of(const flatbuffers::Vector<std::uint8_t>* bytes) {
    return bytes ? Bytes(bytes->begin(), bytes->end()) : Bytes();
}

// The member of the reply's union that this question expects, or null.
template <typename Root, typename Reply>
const Reply* reply_of(const pipe::Message& message) {
    const auto* root = pipe::verified_root<Root>(message.body);
    return root ? root->template body_as<Reply>() : nullptr;
}
inline Problem strange_reply(std::string_view role) {
    auto out = problem(500, std::string(role) + " gave an answer that was not asked for");
    out.role = role;
    return out;
}

}  // namespace warren::api::wire
