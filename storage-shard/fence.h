// Fencing (R-V4): a folder's shards belong to whoever opened one of them last. The note of it lies
// beside them, FOLDER/fence, so that opening a shard writes nothing into its file. Not synced: it
// keeps off processes that live now, and after a power loss none does.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "storage-shard/files.h"

namespace warren::shard {

// Grows when slots move and when a worker is spawned again.
struct Epoch {
    std::uint64_t slots = 0;  // of the slot map
    std::uint64_t spawn = 0;  // of the worker
    auto operator<=>(const Epoch&) const = default;
};
Bytes encode(const Epoch& epoch);
Result<Epoch> decode_epoch(ByteView bytes);
// By a newer opener. Not by what the same worker opened later.
Result<void> refuse_if_fenced(const Epoch& mine, const Epoch& there);

class Fence {
public:
    // Of the folder of this shard. Whose transaction begins later is refused if he is older: so
    // who raised it begins one on the shard before he reads it.
    static Result<Fence> raise(const std::string& shard_path, const Epoch& mine);
    // Within a transaction that may write.
    Result<void> check();

private:
    Fence(File file, const Epoch& mine) : file_(std::move(file)), mine_(mine) {}
    Result<Epoch> read();

    File file_;
    Epoch mine_;
};

}  // namespace warren::shard
