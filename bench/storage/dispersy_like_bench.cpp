// The same records, in the order in which a late joiner receives them, into a database shaped like
// Dispersy's (tables, indices, settings) and into a shard of ours: bytes written and records per
// second. The baseline gets its duplicate test by index and one commit per 3,000 packets; what
// Dispersy did besides (Python, checks of signatures, filters) is not counted.
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>

#include "base/check.h"
#include "base/clock.h"
#include "bench/storage/counting_vfs.h"
#include "bench/storage/records.h"
#include "bench/support/report.h"
#include "storage-shard/shard.h"

namespace warren::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t commit_records = 3000;
constexpr std::size_t authors = 1000;

struct Packet {
    std::int64_t member = 0, type = 0;
    GlobalTime time = 0;
    Bytes bytes;
};

// A late joiner asks for ranges of time, newest first at random places: each answer brings a run of
// records that is in order of time and of random authors.
std::vector<Packet> late_joiner(std::size_t count, Channel& channel) {
    constexpr std::size_t answer = 1000;
    SeededRandom dice(3);
    std::vector<std::size_t> runs(count / answer);
    for (std::size_t i = 0; i < runs.size(); ++i)
        runs[i] = i;
    for (std::size_t i = runs.size(); i > 1; --i)
        std::swap(runs[i - 1], runs[dice.below(i)]);
    std::vector<Packet> out;
    for (auto run : runs)
        for (std::size_t i = 0; i < answer; ++i) {
            const GlobalTime time = run * answer + i + 1;
            out.push_back({static_cast<std::int64_t>(dice.below(authors)),
                           static_cast<std::int64_t>(dice.below(4)), time, channel.torrent(time)});
        }
    return out;
}

struct Cost {
    double seconds = 0;
    std::uint64_t bytes = 0;
};
template <typename F>
Cost measured(F&& work) {
    const auto before = written().bytes;
    const auto begin = monotonic_now();
    work();
    return {static_cast<double>(monotonic_now() - begin) / 1e9, written().bytes - before};
}

class DispersyLike {
public:
    explicit DispersyLike(const fs::path& path) {
        WARREN_CHECK(sqlite3_open(path.c_str(), &db_) == SQLITE_OK);
        run("PRAGMA page_size=8192");
        run("PRAGMA journal_mode=WAL");
        run("PRAGMA synchronous=NORMAL");
        run("PRAGMA locking_mode=EXCLUSIVE");
        run(R"sql(
            CREATE TABLE sync(id INTEGER PRIMARY KEY AUTOINCREMENT, community INTEGER,
                member INTEGER, global_time INTEGER, meta_message INTEGER,
                undone INTEGER DEFAULT 0, packet BLOB, sequence INTEGER,
                UNIQUE(community, member, global_time));
            CREATE INDEX sync_by_type ON sync(meta_message, undone, global_time);
            CREATE INDEX sync_by_author ON sync(meta_message, member);
        )sql");
        WARREN_CHECK(sqlite3_prepare_v2(db_,
                                        "INSERT OR IGNORE INTO sync(community, member, "
                                        "global_time, meta_message, packet, sequence) "
                                        "VALUES(1, ?1, ?2, ?3, ?4, 0)",
                                        -1, &insert_, nullptr) == SQLITE_OK);
    }
    ~DispersyLike() {
        sqlite3_finalize(insert_);
        sqlite3_close(db_);
    }
    DispersyLike(const DispersyLike&) = delete;
    DispersyLike& operator=(const DispersyLike&) = delete;

    void store(const std::vector<Packet>& packets) {
        run("BEGIN");
        for (std::size_t i = 0; i < packets.size(); ++i) {
            insert(packets[i]);
            if ((i + 1) % commit_records == 0) run("COMMIT; BEGIN");
        }
        run("COMMIT");
        run("PRAGMA wal_checkpoint(TRUNCATE)");
    }

private:
    void run(const char* sql) {
        WARREN_CHECK(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    void insert(const Packet& packet) {
        sqlite3_bind_int64(insert_, 1, packet.member);
        sqlite3_bind_int64(insert_, 2, static_cast<std::int64_t>(packet.time));
        sqlite3_bind_int64(insert_, 3, packet.type);
        sqlite3_bind_blob64(insert_, 4, packet.bytes.data(), packet.bytes.size(), SQLITE_STATIC);
        WARREN_CHECK(sqlite3_step(insert_) == SQLITE_DONE);
        sqlite3_reset(insert_);
    }

    sqlite3* db_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
};

// In the worker's groups of at most 256 kB, each in order of time, as ranges are fetched.
void store_ours(const fs::path& path, const Channel& channel, const std::vector<Packet>& packets) {
    constexpr std::size_t group = 256 * 1024 / record_bytes;
    WARREN_CHECK(shard::Shard::create(path, channel.community(), channel.founder()).ok());
    auto opened = shard::Shard::open(
        path, channel.community(),
        {.epoch = {0, 1}, .bytes_max = std::uint64_t{4} << 30, .check = shard::Check::None});
    WARREN_CHECK(opened.ok());
    for (std::size_t at = 0; at < packets.size(); at += group) {
        std::vector<ByteView> views;
        for (std::size_t i = at; i < std::min(at + group, packets.size()); ++i)
            views.push_back(packets[i].bytes);
        auto stored = (*opened)->store(views, shard::Durability::Replicated);
        WARREN_CHECK(stored.ok() && stored->back() == shard::Verdict::Accepted);
        WARREN_CHECK((*opened)->maintain().ok());
    }
    WARREN_CHECK((*opened)->root().count == packets.size());
    WARREN_CHECK((*opened)->checkpoint_for_close().ok());
}

struct Ratios {
    double bytes = 0, speed = 0;
};
Ratios compare(Report& report, const fs::path& folder, std::size_t count) {
    Channel channel(5);
    const auto packets = late_joiner(count, channel);
    const auto theirs = measured([&] { DispersyLike(folder / "theirs").store(packets); });
    const auto ours = measured([&] { store_ours(folder / "ours", channel, packets); });
    const Ratios out{static_cast<double>(theirs.bytes) / static_cast<double>(ours.bytes),
                     theirs.seconds / ours.seconds};
    const auto per = [&](std::uint64_t bytes) {
        return static_cast<double>(bytes) / static_cast<double>(count);
    };
    report.raw["records " + std::to_string(count)] = {
        {"bytes_ratio", out.bytes},
        {"speed_ratio", out.speed},
        {"theirs",
         {{"bytes_per_record", per(theirs.bytes)},
          {"seconds", theirs.seconds},
          {"file_bytes", fs::file_size(folder / "theirs")}}},
        {"ours",
         {{"bytes_per_record", per(ours.bytes)},
          {"seconds", ours.seconds},
          {"file_bytes", fs::file_size(folder / "ours")}}}};
    fs::remove(folder / "theirs");
    fs::remove(folder / "ours");
    return out;
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren::bench;
    namespace fs = std::filesystem;
    const auto records =
        static_cast<std::size_t>(std::stoul(option(argc, argv, "records", "1000000")));
    const fs::path folder = option(argc, argv, "folder", "build/bench/dispersy-like");
    install_counting_vfs();
    fs::remove_all(folder);
    fs::create_directories(folder);
    Report report;
    report.bench = "dispersy-like";
    (void)compare(report, folder, records / 10);
    const auto ratios = compare(report, folder, records);
    const auto against = "Dispersy's schema 21, page 8192, WAL, NORMAL, exclusive, a commit per "
                         "3,000, default cache; " +
                         std::to_string(records) + " records of 300 bytes";
    report.goals = {{"bytes_ratio", ratios.bytes, "x", 20, Goal::Better::Higher, against},
                    {"speed_ratio", ratios.speed, "x", 10, Goal::Better::Higher, against}};
    fs::remove_all(folder);
    return finish(report, argc, argv);
}
