// Counts what SQLite hands to write and sync calls: a layer over the system's file methods, made
// the default for the whole process. The wal-index is shared memory and is not counted.
#pragma once

#include <atomic>
#include <cstdint>

namespace warren::bench {

struct Written {
    std::uint64_t bytes = 0;
    std::uint64_t syncs = 0;
};

void install_counting_vfs();
Written written();

}  // namespace warren::bench
