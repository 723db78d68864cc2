// Between the files of replies only: a member of the reply's union as a frame.
#pragma once

#include "ipc-schema/storage_generated.h"
#include "runtime/pipe/frame.h"
#include "runtime/pipe/wire.h"

namespace warren::storage::replies {

namespace S = ipc::storage;
using Builder = flatbuffers::FlatBufferBuilder;
using pipe::wire::to_wire;

template <typename Body>
pipe::Frame answer(Builder& builder, flatbuffers::Offset<Body> body) {
    return pipe::finish(builder,
                        S::CreateAnswer(builder, S::ReplyTraits<Body>::enum_value, body.Union()));
}

}  // namespace warren::storage::replies
