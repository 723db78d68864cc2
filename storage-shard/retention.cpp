// See retention.h.
#include "storage-shard/retention.h"

#include "storage-shard/shard_file.h"

namespace warren::shard {

bool may_be_pruned(protocol::RecordKind kind) {
    switch (kind) {
    case protocol::RecordKind::Torrent: return true;
    case protocol::RecordKind::ChannelGenesis:
    case protocol::RecordKind::ChannelAnnounced: return false;
    }
    return false;
}

Result<GlobalTime> read_floor(Connection& connection) {
    WARREN_TRY(auto stored, read_meta(connection, "floor"));
    if (!stored) return GlobalTime{0};
    Reader reader(*stored);
    auto floor = reader.u64();
    if (!reader.done()) return io_error("the file's retention floor is malformed");
    return floor;
}

Result<void> write_floor(Connection& connection, GlobalTime floor) {
    return write_meta(connection, "floor", Writer().u64(floor).take());
}

}  // namespace warren::shard
