// Between the outbox's files that ask network only. Communities are spread over its workers: most
// questions go to all of them.
#pragma once

#include <algorithm>

#include "ipc-schema/network_generated.h"
#include "workers/api/outbox_shared.h"

namespace warren::api::wire::network {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;

template <typename Body>
pipe::Message request(Builder& builder, flatbuffers::Offset<Body> body) {
    return {pipe::finish(builder,
                         N::CreateRequest(builder, N::InboxTraits<Body>::enum_value, body.Union())),
            {}};
}
template <typename Reply>
const Reply* reply(const pipe::Message& message) {
    return reply_of<N::Answer, Reply>(message);
}
// Hands over the reply of each worker that gave one; false: none did.
template <typename Reply, typename Answers, typename Take>
bool each_reply(const Answers& answers, Take take) {
    bool any = false;
    for (const auto& answer : answers) {
        const auto* found = answer ? reply<Reply>(*answer) : nullptr;
        if (!found) continue;
        any = true;
        take(*found);
    }
    return any;
}
inline Problem silent() {
    return role_unavailable("network", "network did not answer in time");
}
inline Endpoint endpoint_of(const ipc::Endpoint* from) {
    Endpoint out;
    if (!from) return out;
    std::copy_n(from->address()->data(), out.address.size(), out.address.data());
    out.port = from->port();
    out.v6 = from->v6() != 0;
    return out;
}

}  // namespace warren::api::wire::network
