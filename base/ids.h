// Ids are types, so that the compiler keeps them apart.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace warren {

template <std::size_t N, typename Tag>
struct FixedId {
    static constexpr std::size_t size = N;
    std::array<std::uint8_t, N> bytes{};

    static std::optional<FixedId> from(ByteView view) {
        if (view.size() != N) return std::nullopt;
        FixedId out;
        std::memcpy(out.bytes.data(), view.data(), N);
        return out;
    }
    static std::optional<FixedId> from_hex_text(std::string_view text) {
        auto raw = from_hex(text);
        if (!raw) return std::nullopt;
        return from(*raw);
    }
    ByteView view() const { return bytes; }
    std::string hex() const { return to_hex(bytes); }
    bool is_zero() const { return *this == FixedId{}; }
    auto operator<=>(const FixedId&) const = default;
};

using CommunityId = FixedId<20, struct CommunityTag>;  // IPv8 overlay name
using RecordId = FixedId<32, struct RecordTag>;        // SHA-256 of the bytes before the signature
using MemberId = FixedId<20, struct MemberTag>;        // IPv8 "mid": SHA-1 of the public key
using Infohash = FixedId<20, struct InfohashTag>;      // BitTorrent v1, or the head of a v2 hash
using RequestId = FixedId<16, struct RequestTag>;      // a retry keeps it; receivers are idempotent
using GlobalTime = std::uint64_t;                      // Lamport clock of one community

// How records name each other; also the total order of a community.
struct RecordRef {
    GlobalTime time = 0;
    RecordId id;
    auto operator<=>(const RecordRef&) const = default;
};

// Ids are hashes or random, so their head is as good as any hash of them.
template <typename Id>
struct IdHash {
    std::size_t operator()(const Id& id) const {
        std::size_t out = 0;
        std::memcpy(&out, id.bytes.data(), sizeof out);
        return out;
    }
};

}  // namespace warren

template <std::size_t N, typename Tag>
struct std::hash<warren::FixedId<N, Tag>> : warren::IdHash<warren::FixedId<N, Tag>> {};
