// See node_shard.h.
#include "storage-shard/node_shard.h"

#include "storage-shard/migrations.h"
#include "storage-shard/shard_file.h"

namespace warren::shard {

namespace {

constexpr int wal_pages_before_checkpoint = 500;
constexpr std::size_t file_bytes_max = 4u << 20;  // a .torrent, or resume data

Result<void> fits(ByteView file) {
    if (file.size() > file_bytes_max) return bad_input("a download's files have at most 4 MiB");
    return {};
}

}  // namespace

Result<std::unique_ptr<NodeShard>> NodeShard::open(const std::string& path, const Epoch& epoch,
                                                   Check check) {
    WARREN_TRY(auto connection, Connection::open(path, Access::Create));
    std::unique_ptr<NodeShard> out(new NodeShard(std::move(connection), epoch));
    auto loaded = out->load(check);
    if (!loaded) {
        loaded.error().text += " (" + path + ")";
        return std::move(loaded.error());
    }
    return out;
}

Result<void> NodeShard::load(Check check) {
    WARREN_TRY_VOID(connection_.set_row_bytes_max(row_bytes_max));
    WARREN_TRY_VOID(check_file(connection_, check));
    WARREN_TRY_VOID(migrate(connection_, FileKind::Node));
    auto own = [&] { return write_meta(connection_, "epoch", encode(epoch_)); };
    WARREN_TRY_VOID(write(own));
    WARREN_TRY(
        put_, connection_.prepare(
                  "INSERT INTO download VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, x'') ON CONFLICT DO "
                  "UPDATE SET name = ?2, magnet = ?3, path = ?4, root = ?5, paused = ?6, torrent = "
                  "CASE WHEN length(?8) > 0 THEN ?8 ELSE torrent END"));
    WARREN_TRY(resume_, connection_.prepare("UPDATE download SET resume = ?2, paused = ?3 "
                                            "WHERE infohash = ?1"));
    WARREN_TRY(forget_, connection_.prepare("DELETE FROM download WHERE infohash = ?1"));
    WARREN_TRY(find_, connection_.prepare("SELECT 1 FROM download WHERE infohash = ?1"));
    WARREN_TRY(page_, connection_.prepare("SELECT infohash, name, magnet, path, root, paused, "
                                          "added_ms, torrent, resume FROM download "
                                          "WHERE infohash > ?1 ORDER BY infohash"));
    WARREN_TRY(put_fact_,
               connection_.prepare("INSERT INTO fact VALUES(?1, ?2) ON CONFLICT DO UPDATE "
                                   "SET value = ?2"));
    WARREN_TRY(fact_, connection_.prepare("SELECT value FROM fact WHERE name = ?1"));
    return {};
}

template <typename F>
Result<void> NodeShard::write(F&& body) {
    if (failed_) return unavailable("the node file's last write failed; it is being opened again");
    auto done = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, Transaction::begin(connection_, Durability::Synced));
        WARREN_TRY(auto owner, read_meta(connection_, "epoch"));
        if (owner) {
            WARREN_TRY(auto there, decode_epoch(*owner));
            WARREN_TRY_VOID(refuse_if_newer(there, epoch_));
        }
        WARREN_TRY_VOID(body());
        return transaction.commit();
    }();
    if (!done && is_of_the_disk(done.error())) failed_ = true;
    return done;
}

Result<Put> NodeShard::put_download(const StoredDownload& d) {
    WARREN_TRY_VOID(fits(d.torrent));
    WARREN_TRY(auto there, find_.number(d.infohash));
    auto insert = [&] {
        return put_.run(d.infohash, d.name, d.magnet, d.path, d.root,
                        static_cast<std::int64_t>(d.paused), d.added_ms, d.torrent);
    };
    WARREN_TRY_VOID(write(insert));
    return there ? Put::Updated : Put::Created;
}

Result<bool> NodeShard::has_download(const Infohash& infohash) {
    WARREN_TRY(auto found, find_.number(infohash));
    return found.has_value();
}

Result<void> NodeShard::put_resume(const Infohash& infohash, ByteView resume, bool paused) {
    WARREN_TRY_VOID(fits(resume));
    std::int64_t changed = 0;
    auto update = [&]() -> Result<void> {
        auto done = resume_.run(infohash, resume, static_cast<std::int64_t>(paused));
        changed = connection_.changes();
        return done;
    };
    WARREN_TRY_VOID(write(update));
    if (changed == 0) return not_found("no such download");
    return {};
}

Result<void> NodeShard::forget_download(const Infohash& infohash) {
    return write([&] { return forget_.run(infohash); });
}

Result<DownloadPage> NodeShard::downloads(const Infohash& after) {
    DownloadPage out;
    std::size_t text_bytes = 0, file_bytes = 0;
    Rows rows = page_.rows(after);
    while (true) {
        WARREN_TRY(out.more, rows.next());
        if (!out.more || out.rows.size() >= DownloadPage::rows_max ||
            text_bytes >= DownloadPage::text_bytes_max ||
            file_bytes >= DownloadPage::file_bytes_max)
            return out;
        StoredDownload d;
        d.infohash = rows.id<Infohash>(0);
        d.name = rows.text(1);
        d.magnet = rows.text(2);
        d.path = rows.text(3);
        d.root = rows.text(4);
        d.paused = rows.integer(5) != 0;
        d.added_ms = rows.integer(6);
        d.torrent = to_bytes(rows.blob(7));
        d.resume = to_bytes(rows.blob(8));
        text_bytes += d.name.size() + d.magnet.size() + d.path.size();
        file_bytes += d.torrent.size() + d.resume.size();
        out.rows.push_back(std::move(d));
    }
}

Result<void> NodeShard::put_fact(std::string_view name, ByteView value) {
    return write([&] { return put_fact_.run(name, value); });
}

Result<std::optional<Bytes>> NodeShard::fact(std::string_view name) {
    Rows rows = fact_.rows(name);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<Bytes>{};
    return std::optional<Bytes>{to_bytes(rows.blob(0))};
}

Result<void> NodeShard::maintain() {
    if (connection_.unmoved_pages() < wal_pages_before_checkpoint) return {};
    return connection_.checkpoint(Connection::Checkpoint::Passive);
}

}  // namespace warren::shard
