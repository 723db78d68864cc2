// Between the outbox's files that ask storage only.
#pragma once

#include "ipc-schema/storage_generated.h"
#include "workers/api/outbox_shared.h"

namespace warren::api::wire::storage {

namespace S = ipc::storage;
using Builder = flatbuffers::FlatBufferBuilder;

template <typename Body>
pipe::Message request(Builder& builder, flatbuffers::Offset<Body> body) {
    return {pipe::finish(builder,
                         S::CreateRequest(builder, S::InboxTraits<Body>::enum_value, body.Union())),
            {}};
}
template <typename Reply>
const Reply* reply(const pipe::Message& message) {
    return reply_of<S::Answer, Reply>(message);
}
inline Problem strange() {
    return strange_reply("storage");
}

}  // namespace warren::api::wire::storage
