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

inline Torrent torrent_of(const S::Torrent& from) {
    Torrent out;
    out.community = from_wire<CommunityId>(from.community());
    out.record = from_wire_ref(from.record());
    out.infohash = from_wire<Infohash>(from.infohash());
    out.name = text_of(from.name());
    out.tags = text_of(from.tags());
    out.channel = text_of(from.channel());
    out.size = from.size();
    out.files = from.files();
    out.created_ms = from.created_ms();
    out.edited = from.edited();
    if (from.checked_ms() != 0)
        out.swarm = {from.seeders(), from.leechers(), from.checked_ms(), from.counted_here()};
    out.thumbnail = bytes_of(from.thumbnail());
    if (from.trackers())
        for (const auto* tracker : *from.trackers())
            out.trackers.push_back(tracker->str());
    return out;
}

}  // namespace warren::api::wire::storage
