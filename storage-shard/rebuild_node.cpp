// The node's own file out of what can be read of it. See rebuild.h.
#include "storage-shard/node_shard.h"
#include "storage-shard/page_scan.h"
#include "storage-shard/rebuild.h"

namespace warren::shard {

namespace {

using Type = ScannedValue::Type;

std::string text_in(const ScannedValue& value) {
    return std::string(text_of(value.bytes));
}

// The columns of the table, in their order.
std::optional<StoredDownload> download_of(const ScannedRow& row) {
    constexpr Type shape[] = {Type::Bytes,   Type::Text,    Type::Text,  Type::Text, Type::Text,
                              Type::Integer, Type::Integer, Type::Bytes, Type::Bytes};
    const auto& v = row.values;
    if (!row.rowid || v.size() != std::size(shape)) return std::nullopt;
    for (std::size_t i = 0; i < v.size(); ++i)
        if (v[i].type != shape[i]) return std::nullopt;
    auto infohash = Infohash::from(v[0].bytes);
    if (!infohash || infohash->is_zero()) return std::nullopt;
    StoredDownload out;
    out.infohash = *infohash;
    out.name = text_in(v[1]);
    out.magnet = text_in(v[2]);
    out.path = text_in(v[3]);
    out.root = text_in(v[4]);
    out.paused = v[5].integer != 0;
    out.added_ms = v[6].integer;
    out.torrent = to_bytes(v[7].bytes);
    return out;
}

Result<void> take(const ScannedRow& row, NodeShard& into, Rebuilt& out) {
    const auto& v = row.values;
    if (auto download = download_of(row)) {
        WARREN_TRY(auto put, into.put_download(*download));
        if (put == Put::Created) ++out.records;
        return {};
    }
    bool fact = !row.rowid && v.size() == 2 && v[0].type == Type::Text && v[1].type == Type::Bytes;
    if (!fact || text_in(v[0]) == "epoch") return {};
    return into.put_fact(text_in(v[0]), v[1].bytes);
}

}  // namespace

Result<Rebuilt> rebuild_node(const std::string& path) {
    WARREN_TRY_VOID(finish_rebuild(path));
    Rebuilt out;
    auto filling = filling_name(path);
    remove_database(filling);
    {
        WARREN_TRY(auto scan, PageScan::open(path, NodeShard::row_bytes_max));
        WARREN_TRY(auto into, NodeShard::open(filling, {}));
        auto visit = [&](const ScannedRow& row) { return take(row, *into, out); };
        WARREN_TRY_VOID(scan.rows(visit));
        WARREN_TRY_VOID(into->checkpoint_for_close());
    }
    WARREN_TRY(out.set_aside, put_in_place(path));
    return out;
}

}  // namespace warren::shard
