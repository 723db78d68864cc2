// Searches and what is told of swarms, as values. For the inbox only.
#pragma once

#include <algorithm>

#include "ipc-schema/storage_generated.h"
#include "runtime/pipe/wire.h"
#include "workers/storage/commands.h"

namespace warren::storage {

namespace S = ipc::storage;
using pipe::wire::from_wire;
using pipe::wire::text_of;

inline constexpr std::size_t page_default = 50;
inline constexpr std::size_t search_max = 100;

inline std::vector<CommunityId> ids_of(const flatbuffers::Vector<std::uint8_t>* from) {
    std::vector<CommunityId> out;
    Reader in(from ? ByteView{from->data(), from->size()} : ByteView{});
    while (in.left() >= CommunityId::size)
        out.push_back({in.array<CommunityId::size>()});
    return out;
}

inline SearchQuestion to_domain(const S::Search& from) {
    auto limit = from.limit() == 0 ? page_default : std::size_t{from.limit()};
    auto groups = std::clamp<std::uint8_t>(from.groups(), 1, process::slot_count);
    return {text_of(from.text()),
            std::min(limit, search_max),
            from.group(),
            groups,
            from.popular() ? SearchKind::Popular : SearchKind::Words,
            ids_of(from.communities())};
}

inline FindRecords to_domain(const S::FindRecords& from) {
    SearchQuestion question;
    question.text = text_of(from.text());
    question.limit = std::min<std::size_t>(from.limit(), search_max);
    question.communities = ids_of(from.communities());
    return {std::move(question), from.bytes_max()};
}

inline std::vector<SwarmRow> to_domain(const S::PutHealth& from) {
    std::vector<SwarmRow> out;
    for (const auto* swarm : *from.swarms())
        out.push_back({from_wire<Infohash>(swarm->infohash()),
                       {swarm->seeders(), swarm->leechers(), swarm->checked_ms()}});
    return out;
}

inline Result<RankRecords> to_domain(const S::RankRecords& from, const pipe::Request& request) {
    RankRecords out{from_wire<CommunityId>(*from.community()), text_of(from.text()), {}};
    const auto bytes = pipe::join_blobs(request.message.blobs);
    Reader blob(bytes);
    for (const auto size : *from.sizes())
        out.packets.push_back(to_bytes(blob.take(size)));
    if (!blob.done()) return bad_input("storage: the blob does not match its sizes");
    return out;
}

}  // namespace warren::storage
