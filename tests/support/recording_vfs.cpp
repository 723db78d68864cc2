// See recording_vfs.h.
#include "tests/support/recording_vfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace warren::test {

namespace {

using Then = FileRule::Then;

RecordingVfs& current() {
    return *static_cast<RecordingVfs*>(sqlite3_vfs_find(nullptr)->pAppData);
}

// SQLite gives the memory; the real file lies behind this.
struct Shim {
    sqlite3_file base;
    RecordingVfs* vfs;
    std::string* path;
    bool journal;  // the first sync after its making syncs its folder, too
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
Shim& shim(sqlite3_file* file) {
    return *reinterpret_cast<Shim*>(file);
}

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

int close_file(sqlite3_file* file) {
    auto& it = shim(file);
    int code = it.real()->pMethods->xClose(it.real());
    delete it.path;
    return code;
}

int read_file(sqlite3_file* file, void* into, int count, sqlite3_int64 at) {
    auto& it = shim(file);
    if (it.vfs->meet(Read, *it.path) != Then::Pass) return SQLITE_IOERR_READ;
    return it.real()->pMethods->xRead(it.real(), into, count, at);
}

int put(Shim& it, const void* from, int count, sqlite3_int64 at) {
    int code = it.real()->pMethods->xWrite(it.real(), from, count, at);
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    if (code == SQLITE_OK)
        it.vfs->log({FileOp::Kind::Write,
                     *it.path,
                     {},
                     static_cast<std::uint64_t>(at),
                     Bytes(bytes, bytes + count)});
    return code;
}

int write_file(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
    auto& it = shim(file);
    switch (it.vfs->meet(Write, *it.path)) {
    case Then::Pass: return put(it, from, count, at);
    case Then::Fail: return SQLITE_IOERR_WRITE;
    case Then::NoSpace: return SQLITE_FULL;
    case Then::ShortWrite: put(it, from, count / 2, at); return SQLITE_IOERR_WRITE;
    case Then::Lie: return SQLITE_OK;
    }
    return SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    auto& it = shim(file);
    if (it.vfs->meet(Truncate, *it.path) != Then::Pass) return SQLITE_IOERR_TRUNCATE;
    int code = it.real()->pMethods->xTruncate(it.real(), size);
    if (code == SQLITE_OK)
        it.vfs->log({FileOp::Kind::Truncate, *it.path, {}, static_cast<std::uint64_t>(size), {}});
    return code;
}

int sync_file(sqlite3_file* file, int flags) {
    auto& it = shim(file);
    auto then = it.vfs->meet(Sync, *it.path);
    if (then == Then::Lie) return SQLITE_OK;
    if (then != Then::Pass) {
        it.vfs->log({FileOp::Kind::SyncFailed, *it.path, {}, 0, {}});
        return SQLITE_IOERR_FSYNC;
    }
    int code = it.real()->pMethods->xSync(it.real(), flags);
    it.vfs->log({FileOp::Kind::Sync, *it.path, {}, 0, {}});
    if (it.journal) it.vfs->log({FileOp::Kind::SyncFolder, folder_of(*it.path), {}, 0, {}});
    it.journal = false;
    return code;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* out) {
    return shim(file).real()->pMethods->xFileSize(shim(file).real(), out);
}
int lock_file(sqlite3_file* file, int how) {
    return shim(file).real()->pMethods->xLock(shim(file).real(), how);
}
int unlock_file(sqlite3_file* file, int how) {
    return shim(file).real()->pMethods->xUnlock(shim(file).real(), how);
}
int is_reserved(sqlite3_file* file, int* out) {
    return shim(file).real()->pMethods->xCheckReservedLock(shim(file).real(), out);
}
int control_file(sqlite3_file* file, int what, void* argument) {
    // A size given beforehand would be a write that nobody saw.
    if (what == SQLITE_FCNTL_SIZE_HINT || what == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
    return shim(file).real()->pMethods->xFileControl(shim(file).real(), what, argument);
}
int sector_size(sqlite3_file* file) {
    return shim(file).real()->pMethods->xSectorSize(shim(file).real());
}
int characteristics(sqlite3_file* file) {
    return shim(file).real()->pMethods->xDeviceCharacteristics(shim(file).real());
}
int map_shared(sqlite3_file* file, int region, int bytes, int extend, void volatile** out) {
    auto& it = shim(file);
    if (extend != 0 && it.vfs->meet(Map, *it.path) != Then::Pass) return SQLITE_IOERR_SHMSIZE;
    return it.real()->pMethods->xShmMap(it.real(), region, bytes, extend, out);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    return shim(file).real()->pMethods->xShmLock(shim(file).real(), offset, count, flags);
}
void fence(sqlite3_file* file) {
    shim(file).real()->pMethods->xShmBarrier(shim(file).real());
}
int unmap_shared(sqlite3_file* file, int remove) {
    return shim(file).real()->pMethods->xShmUnmap(shim(file).real(), remove);
}

const sqlite3_io_methods methods = {2,
                                    close_file,
                                    read_file,
                                    write_file,
                                    truncate_file,
                                    sync_file,
                                    size_of_file,
                                    lock_file,
                                    unlock_file,
                                    is_reserved,
                                    control_file,
                                    sector_size,
                                    characteristics,
                                    map_shared,
                                    lock_shared,
                                    fence,
                                    unmap_shared,
                                    nullptr,
                                    nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* given) {
    auto& vfs = current();
    auto& it = shim(file);
    it.base.pMethods = nullptr;
    std::string path = name == nullptr ? "" : name;
    int there = 1;
    if ((flags & SQLITE_OPEN_CREATE) != 0) {
        vfs.real().xAccess(&vfs.real(), name, SQLITE_ACCESS_EXISTS, &there);
        if (there == 0 && vfs.meet(Open, path) != Then::Pass) return SQLITE_CANTOPEN;
    }
    int code = vfs.real().xOpen(&vfs.real(), name, it.real(), flags, given);
    if (code != SQLITE_OK) return code;
    constexpr int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    it.journal = there == 0 && (flags & journals) != 0;
    it.vfs = &vfs;
    it.path = new std::string(std::move(path));
    it.base.pMethods = &methods;
    if (there == 0) vfs.log({FileOp::Kind::Make, *it.path, {}, 0, {}});
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char* name, int sync) {
    auto& vfs = current();
    if (vfs.meet(Delete, name) != Then::Pass) return SQLITE_IOERR_DELETE;
    int code = vfs.real().xDelete(&vfs.real(), name, sync);
    if (code == SQLITE_OK) vfs.log({FileOp::Kind::Delete, name, {}, 0, {}});
    if (code == SQLITE_OK && sync != 0)
        vfs.log({FileOp::Kind::SyncFolder, folder_of(name), {}, 0, {}});
    return code;
}

int done(int code, FileOp op) {
    if (code == 0) current().log(std::move(op));
    return code;
}

bool refuses(FileCall call, const char* path) {
    auto then = current().meet(call, path);
    errno = then == Then::NoSpace ? ENOSPC : EIO;
    return then != Then::Pass;
}

int rename_path(const char* from, const char* to, unsigned flags) {
    if (refuses(Rename, from)) return -1;
    return done(::renameat2(AT_FDCWD, from, AT_FDCWD, to, flags),
                {FileOp::Kind::Rename, from, to, 0, {}});
}

int link_path(const char* from, const char* to) {
    if (refuses(Rename, from)) return -1;
    return done(::link(from, to), {FileOp::Kind::Link, from, to, 0, {}});
}

int sync_folder(const char* path) {
    auto then = current().meet(SyncFolder, path);
    if (then == Then::Lie) return 0;
    if (then == Then::Pass) return done(0, {FileOp::Kind::SyncFolder, path, {}, 0, {}});
    errno = then == Then::NoSpace ? ENOSPC : EIO;
    return -1;
}

sqlite3_syscall_ptr system_call(sqlite3_vfs*, const char* name) {
    if (std::string_view(name) == "rename")
        return reinterpret_cast<sqlite3_syscall_ptr>(rename_path);
    if (std::string_view(name) == "link") return reinterpret_cast<sqlite3_syscall_ptr>(link_path);
    if (std::string_view(name) == "sync_folder")
        return reinterpret_cast<sqlite3_syscall_ptr>(sync_folder);
    return nullptr;
}

}  // namespace

RecordingVfs::RecordingVfs() : real_(*sqlite3_vfs_find(nullptr)), mine_(real_) {
    mine_.zName = "warren-recording";
    mine_.pAppData = this;
    mine_.szOsFile = static_cast<int>(sizeof(Shim)) + real_.szOsFile;
    mine_.pNext = nullptr;
    mine_.xOpen = open_file;
    mine_.xDelete = delete_file;
    mine_.xGetSystemCall = system_call;
    // The rest of the real one finds itself by what it is given.
    mine_.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
        return current().real().xAccess(&current().real(), name, flags, out);
    };
    mine_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
        return current().real().xFullPathname(&current().real(), name, size, out);
    };
    WARREN_CHECK(sqlite3_vfs_register(&mine_, 1) == SQLITE_OK);
}

std::unique_ptr<RecordingVfs> RecordingVfs::register_as_default() {
    return std::unique_ptr<RecordingVfs>(new RecordingVfs);
}

RecordingVfs::~RecordingVfs() {
    clear_rules();
    sqlite3_vfs_unregister(&mine_);
    sqlite3_vfs_register(&real_, 1);
}

void RecordingVfs::add_rule(FileRule rule) {
    std::lock_guard lock(mutex_);
    rules_.push_back({std::move(rule), 0});
}

void RecordingVfs::clear_rules() {
    std::unique_lock lock(mutex_);
    rules_.clear();
    ++released_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return hanging_ == 0; });
}

void RecordingVfs::release() {
    std::lock_guard lock(mutex_);
    std::erase_if(rules_, [](const Counted& it) { return it.rule.hang || it.rule.delay > 0; });
    ++released_;
    changed_.notify_all();
}

std::size_t RecordingVfs::hanging() const {
    std::lock_guard lock(mutex_);
    return hanging_;
}

std::uint64_t RecordingVfs::hits() const {
    std::lock_guard lock(mutex_);
    return hits_;
}

void RecordingVfs::record(bool on) {
    std::lock_guard lock(mutex_);
    recording_ = on;
}

void RecordingVfs::mark(std::uint64_t value) {
    log({FileOp::Kind::Mark, {}, {}, value, {}});
}

void RecordingVfs::log(FileOp op) {
    std::lock_guard lock(mutex_);
    if (recording_) log_.push_back(std::move(op));
}

std::vector<FileOp> RecordingVfs::take_log() {
    std::lock_guard lock(mutex_);
    return std::exchange(log_, {});
}

FileRule::Then RecordingVfs::meet(FileCall call, const std::string& path) {
    std::unique_lock lock(mutex_);
    for (auto& it : rules_) {
        if ((it.rule.calls & call) == 0 || path.find(it.rule.path) == std::string::npos) continue;
        auto number = it.seen++;
        if (number < it.rule.skip || number - it.rule.skip >= it.rule.times) continue;
        auto rule = it.rule;  // the list may change while this waits
        if (rule.then != Then::Pass) ++hits_;
        auto goes_on = [this, before = released_] { return released_ != before; };
        ++hanging_;
        if (rule.hang) changed_.wait(lock, goes_on);
        if (rule.delay > 0) changed_.wait_for(lock, std::chrono::nanoseconds(rule.delay), goes_on);
        --hanging_;
        changed_.notify_all();
        return rule.then;
    }
    return Then::Pass;
}

}  // namespace warren::test
