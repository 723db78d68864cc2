#include "bench/storage/counting_vfs.h"

#include <sqlite3.h>

#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace warren::bench {
namespace {

struct Counters {
    sqlite3_vfs* below = nullptr;
    sqlite3_vfs vfs{};
    sqlite3_io_methods methods{};
    std::atomic<std::uint64_t> bytes{0}, syncs{0};
};
Counters& counters() {
    static Counters all;
    return all;
}

// Our part of a file comes first, the one below right behind it.
struct File {
    sqlite3_file base;
};
sqlite3_file* below(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1);
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    counters().bytes += static_cast<std::uint64_t>(size);
    return below(file)->pMethods->xWrite(below(file), data, size, at);
}
int sync(sqlite3_file* file, int flags) {
    ++counters().syncs;
    return below(file)->pMethods->xSync(below(file), flags);
}

// The rest is passed on as it is.
template <auto Method, typename... Args>
auto pass(sqlite3_file* file, Args... args) {
    return (below(file)->pMethods->*Method)(below(file), args...);
}

using M = sqlite3_io_methods;
sqlite3_io_methods methods() {
    M out{};
    out.iVersion = 2;
    out.xClose = [](sqlite3_file* f) { return pass<&M::xClose>(f); };
    out.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
        return pass<&M::xRead>(f, to, size, at);
    };
    out.xWrite = write;
    out.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
        return pass<&M::xTruncate>(f, size);
    };
    out.xSync = sync;
    out.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
        return pass<&M::xFileSize>(f, size);
    };
    out.xLock = [](sqlite3_file* f, int level) { return pass<&M::xLock>(f, level); };
    out.xUnlock = [](sqlite3_file* f, int level) { return pass<&M::xUnlock>(f, level); };
    out.xCheckReservedLock = [](sqlite3_file* f, int* held) {
        return pass<&M::xCheckReservedLock>(f, held);
    };
    out.xFileControl = [](sqlite3_file* f, int op, void* arg) {
        return pass<&M::xFileControl>(f, op, arg);
    };
    out.xSectorSize = [](sqlite3_file* f) { return pass<&M::xSectorSize>(f); };
    out.xDeviceCharacteristics = [](sqlite3_file* f) {
        return pass<&M::xDeviceCharacteristics>(f);
    };
    out.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
        return pass<&M::xShmMap>(f, page, size, extend, at);
    };
    out.xShmLock = [](sqlite3_file* f, int offset, int count, int flags) {
        return pass<&M::xShmLock>(f, offset, count, flags);
    };
    out.xShmBarrier = [](sqlite3_file* f) { pass<&M::xShmBarrier>(f); };
    out.xShmUnmap = [](sqlite3_file* f, int remove) { return pass<&M::xShmUnmap>(f, remove); };
    return out;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto& all = counters();
    file->pMethods = nullptr;
    const int code = all.below->xOpen(all.below, name, below(file), flags, out_flags);
    if (below(file)->pMethods != nullptr) file->pMethods = &all.methods;
    return code;
}

}  // namespace

void install_counting_vfs() {
    auto& all = counters();
    WARREN_CHECK(all.below == nullptr);
    all.below = sqlite3_vfs_find(nullptr);
    all.methods = methods();
    all.vfs = *all.below;  // its methods ignore which vfs they are called through, except for open
    all.vfs.zName = "counting";
    all.vfs.szOsFile = static_cast<int>(sizeof(File)) + all.below->szOsFile;
    all.vfs.xOpen = open;
    WARREN_CHECK(sqlite3_vfs_register(&all.vfs, 1) == SQLITE_OK);
}

Written written() {
    return {counters().bytes, counters().syncs};
}

}  // namespace warren::bench
