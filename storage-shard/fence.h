// Fencing (R-V4): a folder's shards belong to the worker that came to it last; whoever opened one
// before that writes no more. The note of it lies beside them, FOLDER/fence, so that opening a
// shard writes nothing into its file. It holds the epoch of that worker's first opening there, for
// in later ones of its own it opens further shards. Not synced: it keeps off processes that live
// now, and after a power loss none does.
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
Result<void> refuse_if_newer(const Epoch& there, const Epoch& mine);

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
