// A file system between SQLite and the real one, for tests: every operation of a shard passes here,
// is written down in order, and can be made to fail, to lie, to wait or to hang. What power loss
// makes of the record is crash_disk.h's business.
#pragma once

#include <sqlite3.h>

#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace warren::test {

enum FileCall : unsigned {
    Open = 1,  // that makes a file
    Read = 2,
    Write = 4,
    Truncate = 8,
    Sync = 16,
    Delete = 32,
    Rename = 64,  // and link
    SyncFolder = 128,
    Map = 256,  // growth of a -shm
    Changes = Open | Write | Truncate | Sync | Delete | Rename | SyncFolder | Map,
};

// What becomes of calls on some files. The first rule that fits decides.
struct FileRule {
    enum class Then { Pass, Fail, NoSpace, ShortWrite, Lie };  // Lie: say done, do nothing
    static constexpr auto always = std::numeric_limits<std::uint64_t>::max();

    std::string path;  // a part of it; empty: all files
    unsigned calls = Changes;
    Then then = Then::Pass;
    std::uint64_t skip = 0;        // so many fitting calls pass first
    std::uint64_t times = always;  // then so many meet the rule
    Nanoseconds delay = 0;
    bool hang = false;  // until release()
};

struct FileOp {
    enum class Kind {
        Make,
        Write,
        Truncate,
        Sync,
        SyncFailed,
        Delete,
        Rename,
        Link,
        SyncFolder,
        Mark
    };
    Kind kind = Kind::Mark;
    std::string path, to;
    std::uint64_t at = 0;  // offset, size, or what mark() was given
    Bytes data;
};

// From now until its end SQLite's default. Connections are closed before it ends.
class RecordingVfs {
public:
    static std::unique_ptr<RecordingVfs> register_as_default();
    ~RecordingVfs();
    RecordingVfs(const RecordingVfs&) = delete;
    RecordingVfs& operator=(const RecordingVfs&) = delete;

    void add_rule(FileRule rule);
    void clear_rules();  // and release()
    void release();      // what hangs or waits goes on, and such rules end
    std::size_t hanging() const;
    std::uint64_t hits() const;  // calls that met a rule that fails

    void record(bool on);
    void mark(std::uint64_t value);
    std::vector<FileOp> take_log();

    // For the methods in the .cpp file.
    FileRule::Then meet(FileCall call, const std::string& path);
    void log(FileOp op);
    sqlite3_vfs& real() { return real_; }

private:
    RecordingVfs();
    struct Counted {
        FileRule rule;
        std::uint64_t seen = 0;
    };

    sqlite3_vfs& real_;
    sqlite3_vfs mine_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Counted> rules_;
    std::vector<FileOp> log_;
    bool recording_ = false;
    std::uint64_t released_ = 0, hits_ = 0;
    std::size_t hanging_ = 0;
};

}  // namespace warren::test
