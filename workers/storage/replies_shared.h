// Between outbox and the files of replies only: verdicts, and a member of the reply's union as a
// frame.
#pragma once

#include "ipc-schema/storage_generated.h"
#include "runtime/pipe/frame.h"
#include "runtime/pipe/wire.h"
#include "storage-shard/shard.h"

namespace warren::storage::replies {

namespace S = ipc::storage;
using Builder = flatbuffers::FlatBufferBuilder;
using pipe::wire::to_wire;

inline ipc::Verdict to_wire_verdict(shard::Verdict verdict) {
    switch (verdict) {
    case shard::Verdict::Accepted: return ipc::Verdict::Accepted;
    case shard::Verdict::Known: return ipc::Verdict::Known;
    case shard::Verdict::Waiting: return ipc::Verdict::Waiting;
    case shard::Verdict::Refused: return ipc::Verdict::Refused;
    case shard::Verdict::NotStored: return ipc::Verdict::NotStored;
    }
    return ipc::Verdict::NotStored;
}

template <typename Body>
pipe::Frame answer(Builder& builder, flatbuffers::Offset<Body> body) {
    return pipe::finish(builder,
                        S::CreateAnswer(builder, S::ReplyTraits<Body>::enum_value, body.Union()));
}

}  // namespace warren::storage::replies
