// The shard's core by itself, on the storage-shard library: taking in records beside a million of
// them, 64 shards beside one, opening 1,200; and the memory of a real storage worker that serves
// 1,200 communities.
#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/check.h"
#include "base/clock.h"
#include "bench/storage/counting_vfs.h"
#include "bench/storage/records.h"
#include "bench/support/report.h"
#include "runtime/process/roster.h"
#include "storage-shard/shard.h"
#include "tests/support/node.h"

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

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const auto records =
        static_cast<std::size_t>(std::stoul(option(argc, argv, "records", "1000000")));
    const fs::path folder = option(argc, argv, "folder", "build/bench/shards");
    install_counting_vfs();
    fs::remove_all(folder);
    fs::create_directories(folder);
    Report report;
    report.bench = "shards";
    Arrivals arrivals(1, late_share);
    auto big = make_shard(folder / "big", arrivals.channel());
    const auto begin = monotonic_now();
    fill(*big, arrivals, records);
    report.raw["fill_s"] = seconds_since(begin);
    measure_intake(report, *big, arrivals, folder);
    measure_many(report, std::move(big), std::move(arrivals), folder, records);
    fs::remove_all(folder);
    return finish(report, argc, argv);
}
