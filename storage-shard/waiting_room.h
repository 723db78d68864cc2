// Records that are right in themselves but not allowed here: those that lack a grant, and those
// whose right was taken. In memory only. What came from others is bounded in bytes and time, for
// all and for each net that it came from (R-U8); when there is no room the oldest of the net that
// holds most goes, so a flood crowds out itself. Reconciliation brings again what a later grant
// lets in.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "protocol/community/permissions.h"

namespace warren::shard {

// What the rooms of one process hold together of what came from others. They lie on several
// strands, so it counts in atomics; nets that hash to one place share its allowance.
class WaitingLedger {
public:
    static constexpr std::size_t bytes_max = std::size_t{4} << 20;
    static constexpr std::size_t source_bytes_max = std::size_t{64} << 10;

    explicit WaitingLedger(Random& random) { random.fill(key_); }
    // So many processes share the allowance of the node.
    void set_processes(std::size_t count) { processes_ = std::max<std::size_t>(count, 1); }
    bool take(std::uint64_t source, std::size_t bytes);
    void give(std::uint64_t source, std::size_t bytes);
    std::size_t bytes() const { return bytes_; }

private:
    std::atomic<std::size_t>& place_of(std::uint64_t source);

    std::array<std::uint8_t, 16> key_{};
    std::atomic<std::size_t> processes_ = 1, bytes_ = 0;
    std::array<std::atomic<std::size_t>, 4096> places_{};
};

class WaitingRoom {
public:
    static constexpr Nanoseconds life = 30'000'000'000;  // of what came from others
    struct Limits {
        std::size_t bytes_max = std::size_t{256} << 10;  // of others, and of what was ours
        std::size_t source_bytes_max = WaitingLedger::source_bytes_max;
    };
    struct Guest {
        std::optional<protocol::Claim> claim;  // none: nobody knows the founder yet
        RecordRef ref;
        Bytes packet;
        std::uint64_t source =
            0;                // a number of the net that it came from; zero: it was in our file
        bool pushed = false;  // nobody had asked for it
        Nanoseconds since = 0;
    };

    WaitingRoom() : WaitingRoom(Limits{}) {}
    explicit WaitingRoom(Limits limits) : limits_(limits) {}
    WaitingRoom(const WaitingRoom&) = delete;
    WaitingRoom& operator=(const WaitingRoom&) = delete;
    ~WaitingRoom();

    void share(std::shared_ptr<WaitingLedger> ledger) { ledger_ = std::move(ledger); }
    void put(Guest guest, Nanoseconds now);
    // Those that have to be judged again leave.
    std::vector<Guest> take(const protocol::Permissions::Effects& effects);
    std::vector<Guest> take_all();
    // Those of others whose time is over leave. True: some of theirs are still there.
    bool expire(Nanoseconds now);
    const Guest* find(const RecordRef& ref) const;

    std::size_t size() const { return guests_.size(); }
    std::size_t bytes() const { return bytes_; }
    bool has_others() const { return bytes_ > bytes_of(0); }
    std::uint64_t evicted() const { return evicted_; }

private:
    using Guests = std::list<Guest>;          // oldest first
    struct Line {                             // of one source
        std::deque<Guests::iterator> guests;  // oldest first
        std::size_t bytes = 0;
    };
    std::size_t bytes_of(std::uint64_t source) const;
    std::uint64_t heaviest_source() const;
    bool make_room(std::uint64_t source, std::size_t size);
    bool evict_oldest(std::uint64_t source);
    void leave(Guests::iterator guest);

    Limits limits_;
    std::shared_ptr<WaitingLedger> ledger_;  // none: this room is alone
    Guests guests_;
    std::unordered_map<std::uint64_t, Line> lines_;
    std::unordered_map<RecordId, Guests::iterator> by_id_;
    std::size_t bytes_ = 0;
    std::uint64_t evicted_ = 0;
    Nanoseconds expired_at_ = 0;
};

}  // namespace warren::shard
