// Records that are right in themselves but not allowed here: those that lack a grant, and those
// whose right was taken. In memory only, bounded in bytes for all and for each author; the
// oldest go first, and reconciliation brings again what a later grant lets in (R-U8).
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/community/permissions.h"
#include "storage-shard/public_key_hash.h"

namespace warren::shard {

class WaitingRoom {
public:
    struct Limits {
        std::size_t bytes_max = std::size_t{256} << 10;
        std::size_t author_bytes_max = std::size_t{64} << 10;
    };
    struct Guest {
        std::optional<protocol::Claim> claim;  // none: nobody knows the founder yet
        RecordRef ref;
        protocol::PublicKey author;
        Bytes packet;
    };

    WaitingRoom() : WaitingRoom(Limits{}) {}
    explicit WaitingRoom(Limits limits) : limits_(limits) {}

    void put(Guest guest);
    // Those that have to be judged again leave.
    std::vector<Guest> take(const protocol::Permissions::Effects& effects);
    std::vector<Guest> take_all();
    const Guest* find(const RecordRef& ref) const;

    std::size_t size() const { return guests_.size(); }
    std::size_t bytes() const { return bytes_; }
    std::uint64_t evicted() const { return evicted_; }

private:
    using Guests = std::list<Guest>;  // oldest first
    struct Line {
        std::deque<Guests::iterator> guests;  // oldest first
        std::size_t bytes = 0;
    };
    void evict(Guests::iterator oldest);
    void leave(Guests::iterator guest);

    Limits limits_;
    Guests guests_;
    std::unordered_map<protocol::PublicKey, Line, PublicKeyHash> lines_;
    std::unordered_map<RecordId, Guests::iterator> by_id_;
    std::size_t bytes_ = 0;
    std::uint64_t evicted_ = 0;
};

}  // namespace warren::shard
