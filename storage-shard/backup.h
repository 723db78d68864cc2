// Backups: a folder of stream files (base/stream_file.h), one a community and one for the node's
// own file, and a manifest that names them with count and digest. The manifest is written last: a
// folder without one is not a backup. No key is ever in it. Blocking.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/stream_file.h"
#include "storage-shard/files.h"
#include "storage-shard/node_shard.h"
#include "storage-shard/shard_walk.h"

namespace warren::shard {

// A stream file, written under another name until it is whole.
class StreamWriter {
public:
    static Result<StreamWriter> create(const std::string& path, const StreamHead& head);
    Result<void> add(std::span<const Bytes> items);
    // Durable under its own name afterwards.
    Result<void> finish();
    std::uint64_t items() const { return encoder_.items(); }
    std::uint64_t bytes() const { return bytes_; }
    const Sha256& digest() const { return encoder_.digest(); }

private:
    StreamWriter(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}
    Result<void> write(ByteView bytes);

    std::string path_;
    File file_;
    StreamEncoder encoder_;
    std::uint64_t bytes_ = 0;
};

// A part a call; nothing of a file is trusted before all of it was read once (`verify_stream`).
class StreamReader {
public:
    static Result<StreamReader> open(const std::string& path);
    const StreamHead& head() const { return head_; }
    // The items of the next block; nothing: the file ended, and was whole.
    Result<std::optional<std::vector<Bytes>>> next();
    std::uint64_t items() const { return decoder_.items(); }
    const Sha256& digest() const { return decoder_.digest(); }

private:
    explicit StreamReader(File file) : file_(std::move(file)) {}
    Result<StreamDecoder::Step> step();

    File file_;
    StreamDecoder decoder_;
    StreamHead head_;
    Bytes buffer_;
};

struct BackupEntry {
    StreamKind kind = StreamKind::Records;
    CommunityId community;
    std::uint64_t items = 0, bytes = 0;
    std::uint64_t damaged = 0;  // records that were left out
    Sha256 digest{};
    bool operator==(const BackupEntry&) const = default;
};
std::string file_name(const BackupEntry& entry);
Result<void> verify_stream(const std::string& folder, const BackupEntry& entry);

struct Manifest {
    std::int64_t created_ms = 0;
    std::vector<BackupEntry> entries;
    bool operator==(const Manifest&) const = default;
};
// Lines that people can read; the last holds a digest of those before.
std::string encode(const Manifest& manifest);
Result<Manifest> decode_manifest(std::string_view text);
Result<void> write_manifest(const std::string& folder, const Manifest& manifest);
Result<Manifest> read_manifest(const std::string& folder);  // NotFound: not a backup

// One community into the folder, a part a call, as it was at the first.
class CommunityBackup {
public:
    static Result<CommunityBackup> begin(const std::string& shard_path,
                                         const CommunityId& community, const std::string& folder);
    Result<bool> step();  // true: there is more
    const BackupEntry& entry() const { return entry_; }

private:
    CommunityBackup(std::unique_ptr<ShardWalk> walk, StreamWriter writer, BackupEntry entry)
        : walk_(std::move(walk)), writer_(std::move(writer)), entry_(entry) {}

    std::unique_ptr<ShardWalk> walk_;
    StreamWriter writer_;
    BackupEntry entry_;
    RecordRef after_;
};

// A download as an item of the node's stream file.
Bytes encode(const StoredDownload& download);
Result<StoredDownload> decode_download(ByteView item);

// A name that is a folder's name and nothing else.
bool is_backup_name(std::string_view name);

}  // namespace warren::shard
