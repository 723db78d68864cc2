// Rows out of the pages of a database and of its log, without SQLite: for files that it cannot read
// any more. Each page stands for itself, whatever became of the others; so rows may come twice, be
// older than they should be, or be made of damaged bytes. Who uses them proves each.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage-shard/files.h"

namespace warren::shard {

struct ScannedValue {
    enum class Type { Null, Integer, Bytes, Text, Other } type = Type::Null;
    std::int64_t integer = 0;
    ByteView bytes;
};
struct ScannedRow {
    std::optional<std::int64_t> rowid;  // none: of a table without
    std::vector<ScannedValue> values;
};

class PageScan {
public:
    static constexpr std::size_t page_bytes = 4096;

    // The log may be missing, the file too short or no database at all. Larger rows are left out.
    static Result<PageScan> open(const std::string& path, std::size_t row_bytes_max = 64 * 1024);
    // Every row that can be made out: the file's pages first, then the log's, in their order.
    Result<void> rows(const std::function<Result<void>(const ScannedRow&)>& visit);

private:
    struct Place {
        bool in_log = false;
        std::uint64_t offset = 0;
    };
    struct Cell {
        std::size_t payload_bytes = 0;
        std::size_t local_bytes = 0;
        std::size_t at = 0;  // of the payload in its page
        std::optional<std::int64_t> rowid;
    };
    using Page = std::array<std::uint8_t, page_bytes>;

    PageScan(File file, std::size_t row_bytes_max)
        : file_(std::move(file)), row_bytes_max_(row_bytes_max) {}
    Result<void> find_log_pages();
    Result<bool> read(const Place& place, Page& into);
    Result<void> scan(const Page& page, std::size_t header_at,
                      const std::function<Result<void>(const ScannedRow&)>& visit);
    Result<bool> gather(const Page& page, const Cell& cell, Bytes& payload);

    File file_;
    std::size_t row_bytes_max_;
    std::optional<File> log_;
    std::vector<Place> pages_;
    std::map<std::uint32_t, Place> newest_;  // by page number
};

}  // namespace warren::shard
