// The node's own file: downloads with their resume data, and small facts. Everything here was told
// to a user or is asked for after a crash, so every write is synced.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "storage-shard/shard_file.h"
#include "storage-shard/sqlite.h"

namespace warren::shard {

struct StoredDownload {
    Infohash infohash;
    std::string name, magnet, path, root;
    bool paused = false;
    std::int64_t added_ms = 0;
    Bytes torrent;  // may be empty: a magnet link whose metadata has not come yet
    Bytes resume;
};
enum class Put { Created, Updated };
// A page ends at the first row that passes one of these bounds.
struct DownloadPage {
    static constexpr std::size_t rows_max = 200;
    static constexpr std::size_t text_bytes_max = 128 * 1024;
    static constexpr std::size_t file_bytes_max = 1024 * 1024;
    std::vector<StoredDownload> rows;
    bool more = false;
};

class NodeShard {
public:
    static constexpr int row_bytes_max = 9 << 20;  // a .torrent and resume data, and the texts

    // Makes the file when there is none.
    static Result<std::unique_ptr<NodeShard>> open(const std::string& path, const Epoch& epoch,
                                                   Check check = Check::None);

    // An existing download keeps its resume data, its time of adding, and its torrent when none is
    // given.
    Result<Put> put_download(const StoredDownload& download);
    Result<bool> has_download(const Infohash& infohash);
    Result<void> put_resume(const Infohash& infohash, ByteView resume, bool paused);
    Result<void> forget_download(const Infohash& infohash);
    // By infohash, those behind `after`; no download has the infohash zero.
    Result<DownloadPage> downloads(const Infohash& after = {});

    Result<void> put_fact(std::string_view name, ByteView value);
    Result<std::optional<Bytes>> fact(std::string_view name);
    Result<void> maintain();
    // For a file that is put away: one file afterwards, no log beside it.
    Result<void> checkpoint_for_close() {
        return connection_.checkpoint(Connection::Checkpoint::Truncate);
    }
    // After a failed write: close and open again.
    bool failed() const { return failed_; }

private:
    NodeShard(Connection connection, const Epoch& epoch)
        : connection_(std::move(connection)), epoch_(epoch) {}
    Result<void> load(Check check);
    template <typename F>
    Result<void> write(F&& body);

    Connection connection_;
    Epoch epoch_;
    bool failed_ = false;
    Statement put_, resume_, forget_, page_, find_, put_fact_, fact_;
};

}  // namespace warren::shard
