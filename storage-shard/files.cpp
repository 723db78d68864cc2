// See files.h.
#include "storage-shard/files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace warren::shard {

namespace {

// As a journal, a file is not locked, and its first sync after its making syncs its folder, too.
constexpr int file_type = SQLITE_OPEN_SUPER_JOURNAL;

// SQLite writes pages: from 128 KiB on, its default VFS says that the disk is full.
constexpr std::size_t write_bytes_max = 64 * 1024;

sqlite3_vfs& vfs() {
    return *sqlite3_vfs_find(nullptr);
}

int rename_file(const char* from, const char* to, unsigned flags) {
    return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

int sync_folder(const char* path) {
    int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int code = ::fsync(fd);
    int error = errno;
    ::close(fd);
    errno = error;
    return code;
}

// What SQLite's interface has no method for. A VFS may answer to these names with its own.
template <typename Call>
Call* system_call(const char* name, Call* otherwise) {
    auto& it = vfs();
    if (it.iVersion < 3 || it.xGetSystemCall == nullptr) return otherwise;
    auto found = it.xGetSystemCall(&it, name);
    return found == nullptr ? otherwise : reinterpret_cast<Call*>(found);
}

Error error_now(const std::string& what) {
    auto kind = errno == EEXIST ? ErrorKind::Exists : ErrorKind::Io;
    if (errno == ENOSPC || errno == EDQUOT) kind = ErrorKind::NoSpace;
    return {kind, what + ": " + std::strerror(errno)};
}

Result<void> move_durably(const std::string& from, const std::string& to, unsigned flags) {
    {
        WARREN_TRY(auto file, File::open(from, File::How::Read));
        WARREN_TRY_VOID(file.sync());
    }
    if (system_call("rename", rename_file)(from.c_str(), to.c_str(), flags) != 0)
        return error_now("rename " + from);
    return sync_folder_of(to);
}

}  // namespace

void File::Close::operator()(sqlite3_file* file) const {
    if (file->pMethods != nullptr) file->pMethods->xClose(file);
    std::free(file);
}

Error File::error(int code, const char* what) const {
    bool full = (code & 0xff) == SQLITE_FULL;
    auto text = std::string(what) + " " + path_ + ": " + sqlite3_errstr(code);
    return {full ? ErrorKind::NoSpace : ErrorKind::Io, std::move(text)};
}

Result<File> File::open(const std::string& path, How how) {
    auto& it = vfs();
    std::string whole(static_cast<std::size_t>(it.mxPathname) + 1, '\0');
    if (it.xFullPathname(&it, path.c_str(), it.mxPathname, whole.data()) != SQLITE_OK)
        return io_error("no such path: " + path);
    whole.resize(std::strlen(whole.c_str()));
    File out(std::move(whole));
    auto* memory = std::calloc(1, static_cast<std::size_t>(it.szOsFile));
    if (memory == nullptr) return io_error("no memory for a file");
    out.file_.reset(static_cast<sqlite3_file*>(memory));
    int flags =
        how == How::Read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int given = 0;
    int code = it.xOpen(&it, out.path_.c_str(), out.file_.get(), flags | file_type, &given);
    if (code == SQLITE_OK) return out;
    auto error = out.error(code, "open");
    if ((code & 0xff) == SQLITE_CANTOPEN && how == How::Read) error.kind = ErrorKind::NotFound;
    return error;
}

Result<std::size_t> File::read(std::uint64_t offset, std::span<std::uint8_t> into) {
    WARREN_TRY(auto there, size());
    if (offset >= there) return std::size_t{0};
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), there - offset));
    int code = file_->pMethods->xRead(file_.get(), into.data(), static_cast<int>(count),
                                      static_cast<sqlite3_int64>(offset));
    if (code != SQLITE_OK) return error(code, "read");
    return count;
}

Result<void> File::write(std::uint64_t offset, ByteView bytes) {
    while (!bytes.empty()) {
        auto part = bytes.first(std::min(bytes.size(), write_bytes_max));
        int code = file_->pMethods->xWrite(file_.get(), part.data(), static_cast<int>(part.size()),
                                           static_cast<sqlite3_int64>(offset));
        if (code != SQLITE_OK) return error(code, "write");
        bytes = bytes.subspan(part.size());
        offset += part.size();
    }
    return {};
}

Result<void> File::truncate(std::uint64_t size) {
    int code = file_->pMethods->xTruncate(file_.get(), static_cast<sqlite3_int64>(size));
    if (code != SQLITE_OK) return error(code, "truncate");
    return {};
}

Result<void> File::sync() {
    int code = file_->pMethods->xSync(file_.get(), SQLITE_SYNC_NORMAL);
    if (code != SQLITE_OK) return error(code, "sync");
    return {};
}

Result<std::uint64_t> File::size() {
    sqlite3_int64 out = 0;
    int code = file_->pMethods->xFileSize(file_.get(), &out);
    if (code != SQLITE_OK) return error(code, "look at");
    return static_cast<std::uint64_t>(out);
}

std::optional<FileLock> FileLock::take(const std::string& path, Kind kind) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    FileLock out(fd);
    if (::flock(fd, (kind == Kind::Shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) return std::nullopt;
    return out;
}

std::optional<FileLock> FileLock::wait(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    FileLock out(fd);
    while (::flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) return std::nullopt;
    return out;
}
bool FileLock::upgrade() {
    return ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

bool file_exists(const std::string& path) {
    int there = 0;
    auto& it = vfs();
    int code = it.xAccess(&it, path.c_str(), SQLITE_ACCESS_EXISTS, &there);
    return code == SQLITE_OK && there != 0;
}

Result<void> rename_durably(const std::string& from, const std::string& to) {
    return move_durably(from, to, RENAME_NOREPLACE);
}

Result<void> replace_durably(const std::string& from, const std::string& to) {
    return move_durably(from, to, 0);
}

Result<void> link_file(const std::string& from, const std::string& to) {
    if (system_call("link", ::link)(from.c_str(), to.c_str()) != 0)
        return error_now("link " + from);
    return {};
}

Result<void> sync_folder_of(const std::string& path) {
    auto slash = path.rfind('/');
    auto folder = slash == std::string::npos ? std::string(".") : path.substr(0, slash);
    if (system_call("sync_folder", sync_folder)(folder.c_str()) != 0)
        return error_now("sync " + folder);
    return {};
}

Result<void> sync_log_of(const std::string& path) {
    auto log = File::open(path + "-wal", File::How::Read);
    if (!log && log.error().kind == ErrorKind::NotFound) return {};  // nothing was written yet
    if (!log) return std::move(log.error());
    WARREN_TRY_VOID(log->sync());
    return sync_folder_of(path);
}

Result<void> remove_file(const std::string& path) {
    auto& it = vfs();
    int code = it.xDelete(&it, path.c_str(), 0);
    if (code != SQLITE_OK && code != SQLITE_IOERR_DELETE_NOENT)
        return io_error("remove " + path + ": " + sqlite3_errstr(code));
    return {};
}

Result<void> remove_log(const std::string& path) {
    WARREN_TRY_VOID(remove_file(path + "-wal"));
    return remove_file(path + "-shm");
}

void remove_database(const std::string& path) {
    auto& it = vfs();
    for (const char* end : {"", "-wal", "-shm"})
        (void)it.xDelete(&it, (path + end).c_str(), 0);
}

}  // namespace warren::shard
