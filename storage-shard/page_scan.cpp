// The layout is that of SQLite's file format description: b-tree pages, records, overflow chains.
#include "storage-shard/page_scan.h"

#include <algorithm>
#include <array>

namespace warren::shard {

namespace {

constexpr std::size_t file_header_bytes = 100;
constexpr std::size_t log_header_bytes = 32;
constexpr std::size_t frame_header_bytes = 24;
constexpr std::size_t columns_max = 16;
constexpr std::size_t usable = PageScan::page_bytes;

enum PageType : std::uint8_t { IndexInner = 2, IndexLeaf = 10, TableLeaf = 13 };

// Reads forward within bounds; after the first read past the end everything is zero.
class Cursor {
public:
    Cursor(ByteView bytes, std::size_t at) : bytes_(bytes), at_(at) {}
    std::uint64_t big_endian(std::size_t count) {
        if (!has(count)) return 0;
        std::uint64_t out = 0;
        for (; count > 0; --count)
            out = out << 8 | bytes_[at_++];
        return out;
    }
    std::uint64_t varint() {
        std::uint64_t out = 0;
        for (int i = 0; i < 8; ++i) {
            auto byte = big_endian(1);
            out = out << 7 | (byte & 0x7f);
            if (byte < 0x80) return out;
        }
        return out << 8 | big_endian(1);
    }
    ByteView take(std::size_t count) {
        if (!has(count)) return {};
        at_ += count;
        return bytes_.subspan(at_ - count, count);
    }
    std::size_t at() const { return at_; }
    bool good() const { return good_; }

private:
    bool has(std::size_t count) {
        good_ = good_ && at_ <= bytes_.size() && count <= bytes_.size() - at_;
        return good_;
    }
    ByteView bytes_;
    std::size_t at_;
    bool good_ = true;
};

std::size_t local_bytes(std::size_t payload, bool table) {
    constexpr std::size_t least = (usable - 12) * 32 / 255 - 23;
    auto most = table ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    if (payload <= most) return payload;
    auto wanted = least + (payload - least) % (usable - 4);
    return wanted <= most ? wanted : least;
}

ScannedValue value_of(std::uint64_t type, Cursor& in) {
    using Type = ScannedValue::Type;
    constexpr std::array<std::size_t, 7> sizes{0, 1, 2, 3, 4, 6, 8};
    if (type == 0) return {};
    if (type < sizes.size()) {
        auto unused = static_cast<int>(64 - 8 * sizes[type]);
        auto high = in.big_endian(sizes[type]) << unused;  // so that the sign comes along
        return {Type::Integer, static_cast<std::int64_t>(high) >> unused, {}};
    }
    if (type == 7) {
        in.take(8);
        return {Type::Other, 0, {}};
    }
    if (type < 12) return {type < 10 ? Type::Integer : Type::Other, type == 9 ? 1 : 0, {}};
    auto bytes = in.take(static_cast<std::size_t>((type - 12) / 2));
    return {type % 2 == 0 ? Type::Bytes : Type::Text, 0, bytes};
}

bool parse_row(ByteView payload, ScannedRow& row) {
    Cursor types(payload, 0);
    auto header_bytes = types.varint();
    if (header_bytes > payload.size()) return false;
    Cursor values(payload, static_cast<std::size_t>(header_bytes));
    row.values.clear();
    while (types.good() && types.at() < header_bytes) {
        if (row.values.size() == columns_max) return false;
        auto type = types.varint();
        if (type > 2 * payload.size() + 13) return false;
        row.values.push_back(value_of(type, values));
    }
    return types.good() && values.good() && types.at() == header_bytes;
}

}  // namespace

Result<PageScan> PageScan::open(const std::string& path, std::size_t row_bytes_max) {
    WARREN_TRY(auto file, File::open(path, File::How::Read));
    PageScan out(std::move(file), row_bytes_max);
    WARREN_TRY(auto bytes, out.file_.size());
    for (std::uint64_t at = 0; at + page_bytes <= bytes; at += page_bytes) {
        out.pages_.push_back({false, at});
        out.newest_[static_cast<std::uint32_t>(at / page_bytes + 1)] = out.pages_.back();
    }
    auto log = File::open(path + "-wal", File::How::Read);
    if (log) out.log_ = std::move(*log);
    if (out.log_) WARREN_TRY_VOID(out.find_log_pages());
    return out;
}

Result<void> PageScan::find_log_pages() {
    WARREN_TRY(auto bytes, log_->size());
    constexpr auto frame = frame_header_bytes + page_bytes;
    for (std::uint64_t at = log_header_bytes; at + frame <= bytes; at += frame) {
        std::array<std::uint8_t, 4> number{};
        WARREN_TRY(auto got, log_->read(at, number));
        if (got < number.size()) return {};
        pages_.push_back({true, at + frame_header_bytes});
        newest_[static_cast<std::uint32_t>(Cursor(number, 0).big_endian(4))] = pages_.back();
    }
    return {};
}

// False: a page that the disk does not give.
Result<bool> PageScan::read(const Place& place, Page& into) {
    auto got = (place.in_log ? *log_ : file_).read(place.offset, into);
    return got.ok() && *got == page_bytes;
}

Result<void> PageScan::rows(const std::function<Result<void>(const ScannedRow&)>& visit) {
    Page page;
    for (const auto& place : pages_) {
        WARREN_TRY(bool there, read(place, page));
        if (!there) continue;
        bool first = place.offset == 0 || (page[0] == 'S' && page[1] == 'Q');
        WARREN_TRY_VOID(scan(page, first ? file_header_bytes : 0, visit));
    }
    return {};
}

Result<void> PageScan::scan(const Page& page, std::size_t header_at,
                            const std::function<Result<void>(const ScannedRow&)>& visit) {
    auto type = page[header_at];
    bool table = type == TableLeaf;
    if (!table && type != IndexLeaf && type != IndexInner) return {};
    auto count = Cursor(page, header_at + 3).big_endian(2);
    Cursor cells(page, header_at + (type == IndexInner ? 12 : 8));
    Bytes payload;
    ScannedRow row;
    for (; count > 0 && cells.good(); --count) {
        Cursor in(page, static_cast<std::size_t>(cells.big_endian(2)));
        if (type == IndexInner) in.take(4);
        Cell cell;
        cell.payload_bytes = static_cast<std::size_t>(in.varint());
        if (table) cell.rowid = static_cast<std::int64_t>(in.varint());
        cell.at = in.at();
        if (!in.good() || cell.payload_bytes > row_bytes_max_) continue;
        cell.local_bytes = local_bytes(cell.payload_bytes, table);
        WARREN_TRY(bool whole, gather(page, cell, payload));
        row.rowid = cell.rowid;
        if (whole && parse_row(payload, row)) WARREN_TRY_VOID(visit(row));
    }
    return {};
}

Result<bool> PageScan::gather(const Page& page, const Cell& cell, Bytes& payload) {
    Cursor in(page, cell.at);
    payload = to_bytes(in.take(cell.local_bytes));
    auto next = cell.payload_bytes > cell.local_bytes ? in.big_endian(4) : 0;
    Page more;
    // Each turn adds bytes, so that a ring of pages ends, too.
    while (in.good() && payload.size() < cell.payload_bytes) {
        auto found = newest_.find(static_cast<std::uint32_t>(next));
        if (found == newest_.end()) return false;
        WARREN_TRY(bool there, read(found->second, more));
        if (!there) return false;
        Cursor chain(more, 0);
        next = chain.big_endian(4);
        append(payload, chain.take(std::min(usable - 4, cell.payload_bytes - payload.size())));
    }
    return in.good();
}

}  // namespace warren::shard
