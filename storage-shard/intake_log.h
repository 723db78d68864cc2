// The shared log of what must be synced: one append and one sync stand for the commits of many
// shards, whose own files are committed without one. After power loss it is replayed into them; it
// goes when each of them is durable by itself. Blocking. See docs/decisions/0008.
#pragma once

#include <bitset>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "storage-shard/files.h"

namespace warren::shard {

// The promise of a publication: a retry with this id finds its record.
struct IntakePublication {
    RequestId request;
    std::int64_t at_ms = 0;
};

// What one commit brought to one community. It needs no epoch: that was checked in the commit.
struct IntakeEntry {
    CommunityId community;
    std::optional<IntakePublication> publication;  // of its only packet
    std::vector<ByteView> packets;
};
Bytes encode(const IntakeEntry& entry);
inline constexpr std::size_t intake_entry_bytes_max = 1024 * 1024;

// A log's communities belong to groups, one bit each, whose owners replay them independently.
using IntakeGroups = std::bitset<64>;

// Entries are views into the bytes. What is torn or damaged is left out, and what follows it is
// found again.
struct IntakeContent {
    std::vector<IntakeEntry> entries;
    IntakeGroups replayed;
    std::uint64_t tail_bytes = 0;     // after the last entry: a write that power loss tore
    std::uint64_t damaged_bytes = 0;  // before it: bytes that changed on the disk
};
IntakeContent decode_intake(ByteView file);

// The log that is written. Its lock tells others that somebody lives who answers for it.
class IntakeLog {
public:
    // Appears whole and locked under its name, or not at all. Exists: the name is taken.
    static Result<IntakeLog> create(const std::string& path);
    // As encode() made them: one write, one sync. After an error the file says nothing about these
    // entries, and takes no more (R-D4).
    Result<void> append(std::span<const Bytes> entries);
    std::uint64_t bytes() const { return end_; }
    bool failed() const { return failed_; }
    Result<void> remove() { return remove_file(path_); }

private:
    IntakeLog(std::string path, FileLock lock, File file)
        : path_(std::move(path)), lock_(std::move(lock)), file_(std::move(file)) {}

    std::string path_;
    FileLock lock_;
    File file_;
    std::uint64_t end_ = 0;
    bool failed_ = false;
};

// A log whose writer is dead.
class LeftIntake {
public:
    // Null: its writer lives, or somebody was faster and it is gone.
    static Result<std::unique_ptr<LeftIntake>> open(const std::string& path);
    const IntakeContent& content() const { return content_; }
    // These groups' entries are durable where they belong; the log goes with the last of `all`.
    Result<void> finish(const IntakeGroups& groups, const IntakeGroups& all);

private:
    LeftIntake(std::string path, FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}

    std::string path_;
    FileLock lock_;
    Bytes bytes_;
    IntakeContent content_;
};

}  // namespace warren::shard
