// Files beside what SQLite opens itself: always by the methods of SQLite's default VFS, so that a
// test's file system sees every operation of a shard (tests/support/recording_vfs.h). Blocking.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3_file;

namespace warren::shard {

class File {
public:
    // Create: also for writing, and made when it is not there; its name is durable after the first
    // sync.
    enum class How { Read, Create };
    static Result<File> open(const std::string& path, How how);
    File(File&& other) noexcept = default;
    File& operator=(File&& other) noexcept = default;

    // How many bytes there were; fewer than asked for at the end of the file.
    Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> into);
    Result<void> write(std::uint64_t offset, ByteView bytes);
    Result<void> truncate(std::uint64_t size);
    Result<void> sync();
    Result<std::uint64_t> size();

private:
    struct Close {
        void operator()(sqlite3_file* file) const;
    };
    explicit File(std::string path) : path_(std::move(path)) {}
    Error error(int code, const char* what) const;

    std::string path_;
    std::unique_ptr<sqlite3_file, Close> file_;
};

// Between processes (flock): the kernel lets go of it when its holder dies.
class FileLock {
public:
    enum class Kind { Shared, Exclusive };
    // Nothing: another one holds it. Never waits.
    static std::optional<FileLock> take(const std::string& path, Kind kind);
    // The same, exclusive, but waits: for holders who keep it for a moment.
    static std::optional<FileLock> wait(const std::string& path);
    bool upgrade();  // to Exclusive; false: others hold it, too, and this one may be gone
    FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileLock& operator=(FileLock&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~FileLock();

private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_;
};

bool file_exists(const std::string& path);
Result<void> remove_file(const std::string& path);
// Syncs the file and renames it, never over another file, and makes the new name durable.
Result<void> rename_durably(const std::string& from, const std::string& to);
// The same, but over the file that has the name.
Result<void> replace_durably(const std::string& from, const std::string& to);
// A second name for a file; durable after sync_folder_of.
Result<void> link_file(const std::string& from, const std::string& to);
Result<void> sync_folder_of(const std::string& path);
// What a database's log holds by now is on the disk when this ends; beside whoever writes to it.
Result<void> sync_log_of(const std::string& path);
Result<void> remove_log(const std::string& path);  // -wal and -shm
void remove_database(const std::string& path);     // with its -wal and -shm

}  // namespace warren::shard
