// A checkpoint in parts, so that whoever writes waits for no disk (docs/decisions/0011):
//   auto pin = LogPin::take(path);   // beside the writer
//   pin.sync_log();                  // beside: what the file is to get survives a power loss
//   shard.move_log(pin);             // the writer, for it alone may (R-D2); without a sync
//   pin.sync_file();                 // beside
// While the pin is held the log is not begun anew, and the writer moves no more of it than the
// pin's snapshot shows, so nothing that was not synced. When sync_file fails the writer is told
// (Shard::distrust) before the pin goes.
#pragma once

#include <string>

#include "storage-shard/sqlite.h"

namespace warren::shard {

class LogPin {
public:
    // Blocking, as all here. When the file has all of the log already, nothing will be moved.
    static Result<LogPin> take(const std::string& path);
    Result<void> sync_log();
    Result<void> sync_file() { return snapshot_.sync_file(); }

private:
    LogPin(std::string path, Connection snapshot)
        : path_(std::move(path)), snapshot_(std::move(snapshot)) {}

    std::string path_;
    Connection snapshot_;
};

}  // namespace warren::shard
