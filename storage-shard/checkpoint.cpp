// See checkpoint.h.
#include "storage-shard/checkpoint.h"

#include "storage-shard/files.h"

namespace warren::shard {

Result<LogPin> LogPin::take(const std::string& path) {
    WARREN_TRY(auto snapshot, Connection::open(path, Access::Read));
    WARREN_TRY_VOID(snapshot.execute("BEGIN"));
    WARREN_TRY_VOID(snapshot.number("SELECT count(*) FROM sqlite_schema"));  // begins to read
    return LogPin(path, std::move(snapshot));
}

Result<void> LogPin::sync_log() {
    return sync_log_of(path_);
}

}  // namespace warren::shard
