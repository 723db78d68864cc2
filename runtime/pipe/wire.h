// Ids in and out of messages: generated structs of bytes against our types. For inboxes and
// outboxes.
#pragma once

#include <algorithm>
#include <string>

#include "base/ids.h"
#include "ipc-schema/record_generated.h"

namespace warren::pipe::wire {

template <typename Wire, typename Id>
Wire to_wire(const Id& id) {
    return Wire(flatbuffers::span<const std::uint8_t, Id::size>(id.bytes));
}
inline ipc::RecordRef to_wire(const RecordRef& ref) {
    return ipc::RecordRef(ref.time, to_wire<ipc::RecordId>(ref.id));
}
template <typename Id, typename Wire>
Id from_wire(const Wire& wire) {
    Id out;
    std::copy_n(wire.bytes()->data(), Id::size, out.bytes.data());
    return out;
}
// An absent field is the zero id.
template <typename Id, typename Wire>
Id from_wire(const Wire* wire) {
    return wire ? from_wire<Id>(*wire) : Id{};
}
inline std::string text_of(const flatbuffers::String* text) {
    return text ? text->str() : std::string();
}

}  // namespace warren::pipe::wire
