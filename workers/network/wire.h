// Small conversions between generated and domain types, for inbox and outbox only.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <string>

#include "base/endpoint.h"
#include "base/ids.h"
#include "ipc-schema/network_generated.h"
#include "runtime/pipe/pipe.h"
#include "runtime/pipe/wire.h"

namespace warren::network {

inline ipc::CommunityId to_wire(const CommunityId& id) {
    return pipe::wire::to_wire<ipc::CommunityId>(id);
}
inline ipc::Infohash to_wire(const Infohash& id) {
    return pipe::wire::to_wire<ipc::Infohash>(id);
}
inline ipc::Endpoint to_wire(const Endpoint& endpoint) {
    return ipc::Endpoint(flatbuffers::span<const std::uint8_t, 16>(endpoint.address), endpoint.port,
                         endpoint.v6 ? 1 : 0);
}
inline CommunityId to_domain(const ipc::CommunityId& id) {
    return pipe::wire::from_wire<CommunityId>(id);
}
inline Infohash to_domain(const ipc::Infohash& id) {
    return pipe::wire::from_wire<Infohash>(id);
}
inline Endpoint to_domain(const ipc::Endpoint& endpoint) {
    Endpoint out;
    std::copy_n(endpoint.address()->data(), out.address.size(), out.address.begin());
    out.port = endpoint.port();
    out.v6 = endpoint.v6() != 0;
    return out;
}
inline ByteView view_of(const flatbuffers::Vector<std::uint8_t>& bytes) {
    return {bytes.data(), bytes.size()};
}
inline std::vector<std::uint16_t> to_domain(const flatbuffers::Vector<std::uint16_t>& sizes) {
    return {sizes.begin(), sizes.end()};
}

template <typename Root, typename Tag, typename Body>
pipe::Message request(flatbuffers::FlatBufferBuilder& builder, Tag tag,
                      flatbuffers::Offset<Body> body) {
    typename Root::Builder root(builder);
    root.add_body(body.Union());
    root.add_body_type(tag);
    return {pipe::finish(builder, root.Finish()), {}};
}

// A reply of this worker.
template <typename Body>
pipe::Frame answer(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Body> body) {
    namespace N = ipc::network;
    return pipe::finish(builder,
                        N::CreateAnswer(builder, N::ReplyTraits<Body>::enum_value, body.Union()));
}

inline Error not_yet() {
    return unavailable("network: the node's identity is not known yet");
}

inline Error foreign_answer(const std::string& who) {
    return unavailable(who + ": not the answer to what was asked");
}

}  // namespace warren::network
