// See rebuild.h. Names beside PATH, in the order of the steps:
//   PATH.rebuilding  the new file while it is filled; begun again after a crash
//   PATH.damaged-N   the damaged file and its log, by second names
//   PATH.rebuilt     the new file, whole: from here on a crash ends with it in place
#include "storage-shard/rebuild.h"

#include <limits>
#include <map>

#include "storage-shard/page_scan.h"

namespace warren::shard {

namespace {

constexpr std::size_t batch_records = 1000;
constexpr std::size_t batch_bytes = 256 * 1024;
constexpr std::size_t meta_bytes_max = 16 * 1024;
constexpr auto least_control_id = protocol::id_of(protocol::ControlKind::Authorize);

using Type = ScannedValue::Type;

bool is_blob(const ScannedValue& value, std::size_t size) {
    return value.type == Type::Bytes && value.bytes.size() == size;
}

struct RequestRow {
    RecordRef record;
    std::int64_t at_ms = 0;
};

// The small tables, and what the records say of the founder. A later row of the same key wins.
struct Found {
    std::optional<protocol::PublicKey> founder_key;
    std::optional<protocol::Nonce> nonce;
    std::optional<Founder> founder;
    GlobalTime newest = 0;
    std::map<std::string, Bytes> meta;
    std::map<protocol::PublicKey, RecordRef> heads;
    std::map<RequestId, RequestRow> requests;
};

std::optional<IntactRecord> record_of(const ScannedRow& row, const CommunityId& community,
                                      const std::optional<Founder>& founder) {
    const auto& values = row.values;
    if (!row.rowid || values.size() != 2) return std::nullopt;
    if (values[0].type != Type::Null || values[1].type != Type::Bytes) return std::nullopt;
    return unpack_body(values[1].bytes, community, founder);
}

RecordRef ref_of(const ScannedValue& time, const ScannedValue& id) {
    return {time_of(time.integer), *RecordId::from(id.bytes)};
}

void note_meta(const ScannedRow& row, Found& found) {
    const auto& value = row.values[1].bytes;
    std::string name(text_of(row.values[0].bytes));
    if (name == "founder") found.founder_key = protocol::PublicKey::from(value);
    if (name == "nonce") found.nonce = protocol::Nonce::from(value);
    for (const char* carried : {"floor", "retention", "age_marks"})
        if (name == carried && value.size() <= meta_bytes_max) found.meta[name] = to_bytes(value);
}

void note_small(const ScannedRow& row, Found& found) {
    const auto& v = row.values;
    if (v.size() == 2 && v[0].type == Type::Text && v[1].type == Type::Bytes)
        return note_meta(row, found);
    if (v.size() == 3 && is_blob(v[0], protocol::PublicKey::size) && v[1].type == Type::Integer &&
        is_blob(v[2], RecordId::size)) {
        auto& head = found.heads[*protocol::PublicKey::from(v[0].bytes)];
        head = std::max(head, ref_of(v[1], v[2]));
    }
    if (v.size() == 4 && is_blob(v[0], RequestId::size) && v[1].type == Type::Integer &&
        is_blob(v[2], RecordId::size) && v[3].type == Type::Integer)
        found.requests[*RequestId::from(v[0].bytes)] = {ref_of(v[1], v[2]), v[3].integer};
}

Result<Found> look_through(PageScan& scan, const CommunityId& community) {
    Found out;
    auto is_founder = [&](const protocol::PublicKey& key, const protocol::Nonce& nonce) {
        return protocol::channel_community(key, nonce) == community;
    };
    WARREN_TRY_VOID(scan.rows([&](const ScannedRow& row) -> Result<void> {
        if (!row.rowid) {
            note_small(row, out);
            return {};
        }
        auto record = record_of(row, community, {});
        if (!record || record->view.kind != protocol::RecordKind::ChannelGenesis) return {};
        auto genesis = protocol::decode_channel_genesis(record->view.payload);
        if (genesis && is_founder(record->view.author, genesis->nonce))
            out.founder = Founder{record->view.author, genesis->nonce};
        return {};
    }));
    if (!out.founder && out.founder_key && out.nonce && is_founder(*out.founder_key, *out.nonce))
        out.founder = Founder{*out.founder_key, *out.nonce};
    // Again, for most records can only be read when their author is known.
    WARREN_TRY_VOID(scan.rows([&](const ScannedRow& row) -> Result<void> {
        auto record = record_of(row, community, out.founder);
        if (record && record->view.time < time_max)
            out.newest = std::max(out.newest, record->view.time);
        return {};
    }));
    return out;
}

// Through the same door as records from peers: each is judged again.
class Refill {
public:
    explicit Refill(Shard& into) : into_(into) {}
    Result<void> add(Bytes packet) {
        bytes_ += packet.size();
        packets_.push_back(std::move(packet));
        if (packets_.size() < batch_records && bytes_ < batch_bytes) return {};
        return flush();
    }
    Result<void> flush() {
        std::vector<ByteView> views(packets_.begin(), packets_.end());
        WARREN_TRY(auto verdicts, into_.store(views, Durability::Replicated));
        for (auto verdict : verdicts)
            if (verdict == Verdict::Refused || verdict == Verdict::Waiting) ++refused;
        packets_.clear();
        bytes_ = 0;
        return {};
    }
    std::uint64_t refused = 0;

private:
    Shard& into_;
    std::vector<Bytes> packets_;
    std::size_t bytes_ = 0;
};

Result<void> refill(PageScan& scan, const std::string& path, const CommunityId& community,
                    const Epoch& epoch, Rebuilt& out) {
    ShardOptions options;
    options.epoch = epoch;
    options.bytes_max = std::numeric_limits<std::int32_t>::max();
    WARREN_TRY(auto into, Shard::open(path, community, options));
    Refill refill(*into);
    // Control records by their time, for the rest is judged by them.
    std::map<RecordRef, Bytes> control;
    WARREN_TRY_VOID(scan.rows([&](const ScannedRow& row) -> Result<void> {
        auto record = record_of(row, community, into->founder());
        if (record && static_cast<protocol::MessageId>(record->view.kind) >= least_control_id)
            control.try_emplace(record->view.ref(), std::move(record->packet));
        return {};
    }));
    for (auto& [ref, packet] : control)
        WARREN_TRY_VOID(refill.add(std::move(packet)));
    WARREN_TRY_VOID(scan.rows([&](const ScannedRow& row) -> Result<void> {
        auto record = record_of(row, community, into->founder());
        if (!record || control.contains(record->view.ref())) return {};
        return refill.add(std::move(record->packet));
    }));
    WARREN_TRY_VOID(refill.flush());
    out.records = into->root().count;
    out.refused = refill.refused;
    return into->checkpoint_for_close();
}

// Has no check value of its own, so it must name a record that is there.
Result<void> put_request(Connection& connection, Statement& is_there, const RequestId& id,
                         const RequestRow& row) {
    WARREN_TRY(auto there, is_there.number(sql_time(row.record.time), row.record.id));
    if (!there) return {};
    WARREN_TRY(auto put, connection.prepare("INSERT INTO request VALUES(?1, ?2, ?3, ?4)"));
    return put.run(id, sql_time(row.record.time), row.record.id, row.at_ms);
}

// Before the records: pages that pruning freed still hold some, which the floor keeps out.
Result<void> put_rules(const std::string& path, const Found& found) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Create));
    WARREN_TRY(auto transaction, Transaction::begin(connection, Durability::Synced));
    for (const auto& [name, value] : found.meta) {
        // A floor that damage moved up would shut out records that are wanted.
        if (name == "floor" && Reader(value).u64() > found.newest) continue;
        WARREN_TRY_VOID(write_meta(connection, name, value));
    }
    WARREN_TRY_VOID(transaction.commit());
    return connection.checkpoint(Connection::Checkpoint::Truncate);
}

Result<void> put_promises(const std::string& path, const Found& found) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Create));
    WARREN_TRY(auto is_there, connection.prepare("SELECT 1 FROM key WHERE time = ?1 AND id = ?2"));
    WARREN_TRY(auto transaction, Transaction::begin(connection, Durability::Synced));
    WARREN_TRY(auto put_head, connection.prepare("INSERT INTO own_head VALUES(?1, ?2, ?3)"));
    for (const auto& [author, head] : found.heads)
        WARREN_TRY_VOID(put_head.run(author, sql_time(head.time), head.id));
    for (const auto& [id, row] : found.requests)
        WARREN_TRY_VOID(put_request(connection, is_there, id, row));
    WARREN_TRY_VOID(transaction.commit());
    is_there = {};
    put_head = {};
    return connection.checkpoint(Connection::Checkpoint::Truncate);
}

Result<std::string> set_aside(const std::string& path) {
    std::string to;
    for (int n = 1; to.empty() || file_exists(to); ++n)
        to = path + ".damaged-" + std::to_string(n);
    WARREN_TRY_VOID(link_file(path, to));
    if (file_exists(path + "-wal")) WARREN_TRY_VOID(link_file(path + "-wal", to + "-wal"));
    WARREN_TRY_VOID(sync_folder_of(path));
    return to;
}

}  // namespace

Result<Rebuilt> rebuild(const std::string& path, const CommunityId& community, const Epoch& epoch) {
    WARREN_TRY_VOID(finish_rebuild(path));
    Rebuilt out;
    auto filling = filling_name(path);
    remove_database(filling);
    {
        WARREN_TRY(auto scan, PageScan::open(path));
        WARREN_TRY(auto found, look_through(scan, community));
        WARREN_TRY_VOID(Shard::create(filling, community, found.founder));
        WARREN_TRY_VOID(put_rules(filling, found));
        WARREN_TRY_VOID(refill(scan, filling, community, epoch, out));
        WARREN_TRY_VOID(put_promises(filling, found));
    }
    WARREN_TRY(out.set_aside, put_in_place(path));
    return out;
}

std::string filling_name(const std::string& path) {
    return path + ".rebuilding";
}

Result<std::string> put_in_place(const std::string& path) {
    WARREN_TRY(auto aside, set_aside(path));
    WARREN_TRY_VOID(rename_durably(filling_name(path), path + ".rebuilt"));
    WARREN_TRY_VOID(finish_rebuild(path));
    return aside;
}

Result<void> finish_rebuild(const std::string& path) {
    auto whole = path + ".rebuilt";
    if (!file_exists(whole)) return {};
    // The log that lies there is the damaged file's; the new one must never meet it.
    WARREN_TRY_VOID(remove_log(path));
    WARREN_TRY_VOID(sync_folder_of(path));
    return replace_durably(whole, path);
}

}  // namespace warren::shard
