// Listings and full text: one derived file per slot, written behind the commits on the slot's
// strand, read beside it. Listings cover all slots, also those of other workers, whose files are
// only read.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "storage-shard/derived.h"
#include "workers/storage/executor.h"
#include "workers/storage/layout.h"
#include "workers/storage/shards.h"

namespace warren::storage {

struct ChannelPage {
    std::vector<shard::ListedChannel> channels;
    bool more = false;
    std::string next;
};

class Slots {
public:
    Slots(Executor& executor, const Layout& layout);

    Executor::Strand indexing(std::uint8_t slot) const { return slots_[slot].writes; }

    // One step of bringing a community's listings up to date.
    Task<Result<shard::CaughtUp>> catch_up(ShardUse use, Shards::Opening opening,
                                           Nanoseconds deadline);
    Task<Result<void>> forget(CommunityId community, Nanoseconds deadline);

    Task<Result<std::vector<shard::FoundTorrent>>> search(std::vector<std::uint8_t> slots,
                                                          std::string text, std::size_t limit,
                                                          Nanoseconds deadline);
    Task<Result<ChannelPage>> channels(std::optional<shard::ChannelCursor> after, std::size_t limit,
                                       Nanoseconds deadline);
    // All that the directory announces.
    Task<Result<std::vector<shard::ListedChannel>>> announced(Nanoseconds deadline);
    // Names and counts of communities, as far as they are indexed.
    struct Described {
        CommunityId community;
        std::string name;
        std::uint64_t records = 0;
    };
    Task<Result<std::vector<Described>>> describe(std::vector<CommunityId> communities,
                                                  Nanoseconds deadline);
    Task<void> close(std::uint8_t slot);

private:
    struct Slot {
        Executor::Strand writes, reads;
        std::shared_ptr<Cell<shard::Derived>> derived;
        std::shared_ptr<Cell<shard::DerivedReader>> reader;
    };
    static Result<void> ensure_reader(Cell<shard::DerivedReader>& cell, const std::string& path);

    Executor& executor_;
    const Layout& layout_;
    Executor::Strand listings_;
    std::vector<Slot> slots_;
};

}  // namespace warren::storage
