// The shard's core by itself, on the storage-shard library: taking in records beside a million of
// them, 64 shards beside one; and what opening 1,200 of them takes, the worker's number at a time.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "base/clock.h"
#include "bench/storage/counting_vfs.h"
#include "bench/storage/records.h"
#include "bench/support/report.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"

namespace warren::bench {
namespace {

namespace fs = std::filesystem;
using shard::Shard;

constexpr std::size_t batch = 1000;
constexpr std::size_t batches_a_round = 50;
constexpr int rounds = 7;
constexpr double late_share = 0.05;
constexpr std::uint64_t shard_bytes_max = std::uint64_t{2} << 30;
// The storage worker's rule: a shard commits when it holds this much or waits this long.
constexpr std::size_t group_records = 1000, group_bytes = 256 * 1024;
constexpr Nanoseconds group_wait = 50_ms;

double seconds_since(Nanoseconds begin) {
    return static_cast<double>(monotonic_now() - begin) / 1e9;
}

double thread_cpu_s() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::unique_ptr<Shard> open_shard(const fs::path& path, const CommunityId& community) {
    auto out = Shard::open(path, community, {{0, 1}, shard_bytes_max, shard::Check::None});
    if (!out) std::fprintf(stderr, "%s\n", out.error().text.c_str());
    WARREN_CHECK(out.ok());
    return std::move(*out);
}

std::unique_ptr<Shard> make_shard(const fs::path& path, const Channel& channel) {
    WARREN_CHECK(Shard::create(path, channel.community(), channel.founder()).ok());
    return open_shard(path, channel.community());
}

void store(Shard& into, std::span<const ByteView> packets) {
    auto verdicts = into.store(packets, shard::Durability::Replicated);
    if (!verdicts) std::fprintf(stderr, "%s\n", verdicts.error().text.c_str());
    WARREN_CHECK(verdicts.ok() && verdicts->back() == shard::Verdict::Accepted);
    WARREN_CHECK(into.maintain().ok());
}

// In the order of arrival, as a node would have come by them.
void fill(Shard& into, Arrivals& arrivals, std::size_t records) {
    for (std::size_t done = 0; done < records; done += batch) {
        const auto packets = arrivals.next(std::min(batch, records - done));
        store(into, views_of(packets));
    }
}

struct Intake {
    double per_s = 0, cpu_us = 0;
    std::uint64_t records = 0;
};

Intake take_in(Shard& into, Arrivals& arrivals) {
    const auto packets = arrivals.next(batch * batches_a_round);
    const auto views = views_of(packets);
    const auto begin = monotonic_now();
    const auto cpu = thread_cpu_s();
    for (std::size_t at = 0; at < views.size(); at += batch)
        store(into, std::span(views).subspan(at, batch));
    const auto count = static_cast<double>(views.size());
    return {count / seconds_since(begin), (thread_cpu_s() - cpu) / count * 1e6, views.size()};
}

// What any store has to do at least: append, and make the group durable.
double append_floor(const fs::path& path, Arrivals& arrivals) {
    const auto packets = arrivals.next(batch);
    Bytes joined;
    for (const auto& packet : packets)
        append(joined, packet);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    WARREN_CHECK(fd >= 0);
    const auto begin = monotonic_now();
    for (std::size_t i = 0; i < batches_a_round; ++i) {
        WARREN_CHECK(::write(fd, joined.data(), joined.size()) ==
                     static_cast<ssize_t>(joined.size()));
        WARREN_CHECK(::fdatasync(fd) == 0);
    }
    const auto rate = static_cast<double>(batch * batches_a_round) / seconds_since(begin);
    ::close(fd);
    fs::remove(path);
    return rate;
}

void measure_intake(Report& report, Shard& into, Arrivals& arrivals, const fs::path& folder) {
    std::vector<double> ratios, rates, floors, cpu;
    WARREN_CHECK(into.checkpoint_for_close().ok());  // what filling left is not ours
    const auto before = written();
    std::uint64_t records = 0;
    for (int round = 0; round < rounds; ++round) {
        floors.push_back(append_floor(folder / "floor", arrivals));
        const auto taken = take_in(into, arrivals);
        rates.push_back(taken.per_s);
        cpu.push_back(taken.cpu_us);
        ratios.push_back(taken.per_s / floors.back());
        records += taken.records;
    }
    WARREN_CHECK(into.checkpoint_for_close().ok());
    const auto after = written();
    const auto bytes = static_cast<double>(after.bytes - before.bytes);
    const auto payload = static_cast<double>(records * record_bytes);
    report.goals.push_back({"floor_ratio", median(ratios), "x", 0.12, Goal::Better::Higher,
                            "append + one fdatasync per 1,000 records, alternating in this run"});
    report.goals.push_back({"cpu_us", median(cpu), "us", 3, Goal::Better::Lower,
                            "thread CPU time a record: decode, hash, judge, store, sums, "
                            "checkpoints; without signatures"});
    report.goals.push_back({"write_amplification", bytes / payload, "x", 4, Goal::Better::Lower,
                            "bytes passed to SQLite's write calls (file, log and checkpoints) / "
                            "bytes of the records"});
    report.raw["records_per_s"] = rates;
    report.raw["floor_records_per_s"] = floors;
    report.raw["cpu_us"] = cpu;
    report.raw["bytes_written_per_record"] = bytes / static_cast<double>(records);
    // What the row of a record cannot do without: packet, id, time.
    constexpr double row_bytes = record_bytes + RecordId::size + sizeof(GlobalTime);
    report.raw["amplification_with_id_and_time"] = bytes / static_cast<double>(records) / row_bytes;
    report.raw["syncs_per_1000_records"] =
        static_cast<double>(after.syncs - before.syncs) / static_cast<double>(records) * 1000;
}

// A stream of records for any of `shards`, as fast as they are taken in; each shard commits by the
// worker's rule. One thread, so that both sides have the same.
double stream(std::vector<std::unique_ptr<Shard>>& shards, std::vector<Arrivals>& arrivals) {
    struct Group {
        std::vector<Bytes> packets;  // made before the clock starts
        std::size_t begin = 0, end = 0;
        Nanoseconds since = 0;
    };
    const auto total = batch * batches_a_round;
    SeededRandom dice(7);
    std::vector<Group> groups(shards.size());
    std::vector<std::size_t> order(total);
    for (auto& which : order) {
        which = dice.below(shards.size());
        groups[which].packets.push_back(arrivals[which].next());
    }
    auto flush = [&](std::size_t which) {
        auto& group = groups[which];
        const auto views = views_of(group.packets);
        store(*shards[which], std::span(views).subspan(group.begin, group.end - group.begin));
        group.begin = group.end;
    };
    const auto begin = monotonic_now();
    std::size_t oldest = 0;
    for (std::size_t i = 0; i < total; ++i) {
        auto& group = groups[order[i]];
        if (group.begin == group.end) group.since = monotonic_now();
        ++group.end;
        const auto held = group.end - group.begin;
        if (held >= group_records || held * record_bytes >= group_bytes) flush(order[i]);
        if (i % 16 != 0) continue;
        oldest = (oldest + 1) % groups.size();
        auto& waiting = groups[oldest];
        if (waiting.begin < waiting.end && monotonic_now() - waiting.since >= group_wait)
            flush(oldest);
    }
    for (std::size_t which = 0; which < groups.size(); ++which)
        if (groups[which].begin < groups[which].end) flush(which);
    return static_cast<double>(total) / seconds_since(begin);
}

void measure_many(Report& report, std::unique_ptr<Shard> one, Arrivals arrivals,
                  const fs::path& folder, std::size_t records) {
    constexpr std::size_t many = 64;
    std::vector<std::unique_ptr<Shard>> single, shards;
    std::vector<Arrivals> single_arrivals, all_arrivals;
    single.push_back(std::move(one));
    single_arrivals.push_back(std::move(arrivals));
    for (std::size_t i = 0; i < many; ++i) {
        all_arrivals.emplace_back(1000 + i, late_share);
        shards.push_back(make_shard(folder / ("m" + std::to_string(i)), all_arrivals[i].channel()));
        fill(*shards[i], all_arrivals[i], records / many);
    }
    std::vector<double> ratios, rates;
    for (int round = 0; round < rounds; ++round) {
        const auto alone = stream(single, single_arrivals);
        rates.push_back(stream(shards, all_arrivals));
        ratios.push_back(rates.back() / alone);
    }
    report.goals.push_back({"shards64_ratio", median(ratios), "x", 0.7, Goal::Better::Higher,
                            "one shard with as many records in all; both commit at 1,000 records, "
                            "256 kB or 50 ms, one thread"});
    report.raw["shards64_records_per_s"] = rates;
}

constexpr std::size_t communities = 1200, open_at_once = 64;

std::uint64_t community_seed(std::size_t number) {
    return 10'000 + number;
}
fs::path community_file(const fs::path& folder, std::size_t number) {
    return folder / ("c" + std::to_string(number));
}

double peak_memory_mib() {
    std::ifstream in("/proc/self/status");
    for (std::string word; in >> word;) {
        if (word != "VmHWM:") continue;
        double kib = 0;
        in >> kib;
        return kib / 1024;
    }
    return 0;
}

// In a process of its own: every community is opened, as the storage worker does (a writer with its
// sums, a reader, a page of contents), and the longest open one is closed.
int visit_all(const fs::path& folder) {
    struct Open {
        std::unique_ptr<Shard> writer;
        std::unique_ptr<shard::ShardReader> reader;
    };
    std::deque<Open> open;
    double seconds = 0;
    for (std::size_t i = 0; i < communities; ++i) {
        const auto id = Channel(community_seed(i)).community();
        const auto begin = monotonic_now();
        if (open.size() == open_at_once) open.pop_front();
        open.push_back({open_shard(community_file(folder, i), id), nullptr});
        seconds += seconds_since(begin);
        auto reader = shard::ShardReader::open(community_file(folder, i), id);
        WARREN_CHECK(reader.ok());
        open.back().reader = std::move(*reader);
        auto page = open.back().reader->contents("", 50);
        WARREN_CHECK(page.ok() && page->rows.size() == 50);
    }
    std::printf("%f %f\n", seconds, peak_memory_mib());
    return 0;
}

void measure_communities(Report& report, const char* program, const fs::path& folder,
                         std::size_t records) {
    const auto each = records / communities;
    for (std::size_t i = 0; i < communities; ++i) {
        Arrivals arrivals(community_seed(i), late_share);
        fill(*make_shard(community_file(folder, i), arrivals.channel()), arrivals, each);
    }
    const auto command = std::string(program) + " --visit " + folder.string();
    double seconds = 0, memory = 0;
    auto* out = ::popen(command.c_str(), "r");
    WARREN_CHECK(out != nullptr && std::fscanf(out, "%lf %lf", &seconds, &memory) == 2);
    WARREN_CHECK(::pclose(out) == 0);
    const auto millions = static_cast<double>(each * communities) / 1e6;
    report.goals.push_back(
        {"rss_mib", memory, "MiB", 128, Goal::Better::Lower,
         "peak of a process that opens 1,200 communities (writer, sums, reader, "
         "one page each), 64 at a time: the worker's objects without the worker"});
    report.goals.push_back({"start_s_per_million", seconds / millions, "s", 1, Goal::Better::Lower,
                            "opening and closing the writers of these 1,200, sums rebuilt; per "
                            "million records"});
}

// One file with all records: what is left when the cost of a file hardly counts.
void measure_rebuild(Report& report, const fs::path& path, const CommunityId& community,
                     std::size_t records) {
    std::vector<double> seconds;
    for (int round = 0; round < rounds; ++round) {
        const auto begin = monotonic_now();
        (void)open_shard(path, community);
        seconds.push_back(seconds_since(begin) / static_cast<double>(records) * 1e6);
    }
    report.raw["open_one_file_s_per_million"] = seconds;
}

// A community of many members: opening it reads who may do what since when.
void measure_rules(Report& report, const fs::path& path, std::size_t members) {
    Channel channel(3);
    {
        auto shard = make_shard(path, channel);
        for (std::size_t done = 0; done < members; done += batch) {
            std::vector<Bytes> packets;
            for (std::size_t i = done; i < std::min(done + batch, members); ++i)
                packets.push_back(channel.authorize(2 + i));
            store(*shard, views_of(packets));
        }
        WARREN_CHECK(shard->checkpoint_for_close().ok());
    }
    std::vector<double> ms;
    for (int round = 0; round < rounds; ++round) {
        const auto begin = monotonic_now();
        const auto shard = open_shard(path, channel.community());
        ms.push_back(seconds_since(begin) * 1e3);
    }
    report.raw["open_rules"] = {{"control_records", members}, {"ms", ms}};
}

// One shard with all records, then 64 beside it.
void measure_shards(Report& report, const fs::path& folder, std::size_t records) {
    Arrivals arrivals(1, late_share);
    auto big = make_shard(folder / "big", arrivals.channel());
    const auto begin = monotonic_now();
    fill(*big, arrivals, records);
    report.raw["fill_s"] = seconds_since(begin);
    measure_intake(report, *big, arrivals, folder);
    big.reset();
    measure_rebuild(report, folder / "big", arrivals.channel().community(), records);
    big = open_shard(folder / "big", arrivals.channel().community());
    measure_many(report, std::move(big), std::move(arrivals), folder, records);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const auto records =
        static_cast<std::size_t>(std::stoul(option(argc, argv, "records", "1000000")));
    const fs::path folder = option(argc, argv, "folder", "build/bench/shards");
    install_counting_vfs();
    const fs::path visited = option(argc, argv, "visit", "");
    if (!visited.empty()) return visit_all(visited);
    fs::remove_all(folder);
    fs::create_directories(folder);
    Report report;
    report.bench = "shards";
    const auto part = option(argc, argv, "part", "all");
    if (part == "shards" || part == "all") measure_shards(report, folder, records);
    if (part == "communities" || part == "all")
        measure_communities(report, argv[0], folder, records);
    if (part == "rules" || part == "all") measure_rules(report, folder / "rules", records / 10);
    fs::remove_all(folder);
    return finish(report, argc, argv);
}
