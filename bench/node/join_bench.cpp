// A new member joins a community of many records from one peer on loopback; both are real nodes
// with all their processes. How fast records come, from the first commit to the last, beside what
// one core could check; what the serving node's own users feel meanwhile (in a second pass, the new
// member on processors of its own, as if it were another machine); the memory of both.
#include <poll.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "bench/node/ingest_tools.h"
#include "bench/support/processes.h"
#include "tests/support/node.h"
#include "tests/support/test_identity.h"
#include "workers/storage/layout.h"

namespace warren::bench {
namespace {

using nlohmann::json;

constexpr std::uint64_t seed = 30;
constexpr double silence_max_s = 30, quiet_s = 10;
constexpr std::size_t sample_max = 20'000;
constexpr const char* large_shards = "storage.shard_bytes_max=8589934592";

// The community as the serving node's files hold it, and some of its packets.
struct Community {
    CommunityId id;
    std::vector<Bytes> sample;
    double record_bytes = 0;
};

void store(shard::Shard& shard, std::vector<Bytes>& batch) {
    const std::vector<ByteView> views(batch.begin(), batch.end());
    const auto verdicts = shard.store(views, shard::Durability::Replicated);
    WARREN_CHECK(verdicts.ok() && verdicts->back() == shard::Verdict::Accepted);
    batch.clear();
}

std::unique_ptr<shard::Shard> new_shard(const storage::Layout& layout, const CommunityId& id,
                                        const std::optional<shard::Founder>& founder) {
    WARREN_CHECK(layout.join(id, founder).ok());
    auto shard = shard::Shard::open(layout.shard_file(id), id,
                                    {.epoch = {}, .bytes_max = std::uint64_t{1} << 33});
    WARREN_CHECK(shard.ok());
    return std::move(*shard);
}

// Straight into the files, unsynced; every signature is real, for the new member checks them all.
Community write_community(const std::string& state, std::size_t records) {
    const storage::Layout layout(state);
    WARREN_CHECK(layout.prepare().ok());
    const test::TestIdentity author(seed);
    test::TestChannel channel(author, seed + 1);
    Community out{channel.community(), {}, 0};
    auto shard = new_shard(layout, out.id, shard::Founder{author.public_key(), channel.nonce()});
    std::vector<Bytes> batch = {channel.genesis("Join")};
    std::size_t bytes = 0;
    for (std::size_t i = 1; i < records; ++i) {
        batch.push_back(
            channel.torrent("A torrent of middling name length, number " + std::to_string(i)));
        bytes += batch.back().size();
        if (out.sample.size() < sample_max) out.sample.push_back(batch.back());
        if (batch.size() == 1000) store(*shard, batch);
    }
    if (!batch.empty()) store(*shard, batch);
    WARREN_CHECK(shard->checkpoint_for_close().ok());
    auto directory = new_shard(layout, protocol::directory_community(), std::nullopt);
    batch = {channel.announcement("Join", 1)};
    store(*directory, batch);
    WARREN_CHECK(directory->checkpoint_for_close().ok());
    out.record_bytes = static_cast<double>(bytes) / static_cast<double>(records - 1);
    return out;
}

// A user of the serving node, asking a hundred times a second at the most; on a thread of its own.
class User {
public:
    explicit User(test::Node& node) : node_(node) {}

    std::vector<double> measure(const std::function<void()>& during) {
        std::vector<double> ms;
        std::atomic<bool> stop = false;
        std::jthread thread([&] {
            while (!stop) {
                const auto answer = node_.get("/api/v1/channels?limit=20", 10);
                WARREN_CHECK(answer.status == 200);
                ms.push_back(answer.milliseconds);
                ::poll(nullptr, 0, 10);
            }
        });
        during();
        stop = true;
        thread.join();
        return ms;
    }

private:
    test::Node& node_;
};

json spread(const std::vector<double>& ms) {
    return {{"p50", median(ms)}, {"p99", percentile(ms, 0.99)}, {"count", ms.size()}};
}

std::map<std::string, double> cpu_of(const test::Node& node) {
    std::map<std::string, double> out;
    for (const auto& [name, pid] : processes_of(node))
        out[name] = cpu_seconds(pid);
    return out;
}

json spent(const std::map<std::string, double>& before, const test::Node& node) {
    json out;
    for (const auto& [name, seconds] : cpu_of(node))
        out[name] = seconds - before.at(name);
    return out;
}

json memory_of(const test::Node& node, double& most) {
    json out;
    most = 0;
    for (const auto& [name, pid] : processes_of(node)) {
        const auto peak = memory_mib(pid, "status", "VmHWM:");
        most += peak;
        out[name] = {{"peak_rss_mib", peak}, {"pss_mib", memory_mib(pid, "smaps_rollup", "Pss:")}};
    }
    return out;
}

void wait_until_idle(const test::Node& node) {
    const auto used = [&] {
        double out = 0;
        for (const auto& [name, seconds] : cpu_of(node))
            out += seconds;
        return out;
    };
    for (int i = 0; i < 300; ++i) {
        const auto before = used();
        ::poll(nullptr, 0, 1000);
        if (used() - before < 0.05) return;
    }
}

struct Joined {
    std::size_t at_first = 0, at_last = 0;
    double seconds = 0;
    json cpu_joiner, cpu_server;
};

Joined watch_join(test::Node& joiner, const test::Node& server, CommitWatch& watch,
                  std::size_t records) {
    Joined out;
    Nanoseconds first = 0, last = monotonic_now();
    std::map<std::string, double> joiner_cpu, server_cpu;
    while (out.at_last < records) {
        const auto count = watch.next();
        const auto now = monotonic_now();
        if (count == 0) {
            if (now - last > static_cast<Nanoseconds>(silence_max_s * 1e9)) break;
            continue;
        }
        if (first == 0) {
            first = now;
            out.at_first = count;
            joiner_cpu = cpu_of(joiner);
            server_cpu = cpu_of(server);
        }
        out.at_last = count;
        last = now;
    }
    if (first == 0) return out;
    out.seconds = static_cast<double>(last - first) / 1e9;
    out.cpu_joiner = spent(joiner_cpu, joiner);
    out.cpu_server = spent(server_cpu, server);
    return out;
}

std::string tap_of_storage(const test::Node& node) {
    const auto roster = node.roster();
    for (const auto& row : roster["workers"])
        if (row["role"] == "storage") return row["tap"];
    return {};
}

// One new member from start to stop, and what the user of the serving node felt.
struct Pass {
    Joined joined;
    std::vector<double> user_ms;
    json memory;
    double peak_mib = 0, per_s = 0;
};

struct Stage {
    test::Node& server;
    const Community& community;
    std::size_t records;
    std::filesystem::path folder;
};

// Apart: the new member on processors of its own, as if it were another machine.
enum class Placing { Together, Apart };

Pass join(const Stage& stage, Placing placing) {
    Pass out;
    test::Node joiner(
        {.name = "join",
         .settings = {large_shards, "overlay.bootstrap_peers=" + stage.server.overlay_address()},
         .folder = stage.folder / (placing == Placing::Apart ? "apart" : "together")});
    WARREN_CHECK(joiner.start(60));
    if (placing == Placing::Apart) WARREN_CHECK(pin(joiner, processors(Half::Upper)));
    CommitWatch watch(tap_of_storage(joiner), stage.community.id);
    out.user_ms = User(stage.server).measure([&] {
        out.joined = watch_join(joiner, stage.server, watch, stage.records);
    });
    out.memory = memory_of(joiner, out.peak_mib);
    joiner.stop();
    const auto& joined = out.joined;
    if (joined.seconds > 0)
        out.per_s = static_cast<double>(joined.at_last - joined.at_first) / joined.seconds;
    return out;
}

struct Apart {
    Pass pass;
    std::vector<double> quiet_ms;
};

// The serving node and its user on the lower half of the processors, quiet before and after.
Apart join_apart(const Stage& stage) {
    const auto wait = [] { ::poll(nullptr, 0, static_cast<int>(quiet_s * 1000)); };
    cpu_set_t all;
    WARREN_CHECK(::sched_getaffinity(0, sizeof all, &all) == 0);
    const auto lower = processors(Half::Lower);
    WARREN_CHECK(pin(stage.server, lower) && ::sched_setaffinity(0, sizeof lower, &lower) == 0);
    Apart out;
    User user(stage.server);
    out.quiet_ms = user.measure(wait);
    out.pass = join(stage, Placing::Apart);
    const auto after = user.measure(wait);
    out.quiet_ms.insert(out.quiet_ms.end(), after.begin(), after.end());
    WARREN_CHECK(pin(stage.server, all) && ::sched_setaffinity(0, sizeof all, &all) == 0);
    return out;
}

json told(const Pass& pass) {
    return {
        {"arrived", pass.joined.at_last},
        {"records_per_s", pass.per_s},
        {"seconds", pass.joined.seconds},
        {"cpu_seconds", {{"joiner", pass.joined.cpu_joiner}, {"server", pass.joined.cpu_server}}},
        {"joiner_memory", pass.memory},
        {"joiner_peak_rss_mib", pass.peak_mib},
        {"user_ms", spread(pass.user_ms)}};
}

int bench(int argc, char** argv) {
    const auto records = std::stoul(option(argc, argv, "records", "300000"));
    const auto folder = std::filesystem::absolute(option(argc, argv, "folder", "build/bench/join"));
    std::filesystem::remove_all(folder);
    test::Node server(
        {.name = "join-server", .settings = {large_shards}, .folder = folder / "server"});
    const auto community = write_community(server.state(), records);
    std::filesystem::permissions(server.state(), std::filesystem::perms::owner_all);
    const auto rate_before = verify_rate(community.sample);
    WARREN_CHECK(server.start(60));
    wait_until_idle(server);
    const Stage stage{server, community, records, folder};
    const auto together = join(stage, Placing::Together);
    wait_until_idle(server);
    const auto apart = join_apart(stage);
    double server_mib = 0;
    Report report;
    report.bench = "join";
    report.raw["server_memory"] = memory_of(server, server_mib);
    server.stop();
    const auto rate = (rate_before + verify_rate(community.sample)) / 2;
    const auto quiet_p99 = percentile(apart.quiet_ms, 0.99);
    report.goals = {
        {"join_ratio", together.per_s / rate, "x", 0.8, Goal::Better::Higher,
         "libsodium's rate on one core (one verify worker; CPU time, same packets); both nodes and "
         "the user share this machine's " +
             std::to_string(std::thread::hardware_concurrency()) + " cores"},
        {"others_p99_ratio", percentile(apart.pass.user_ms, 0.99) / quiet_p99, "x", 1.1,
         Goal::Better::Lower,
         "p99 of the serving node's user in quiet: " + std::to_string(quiet_p99) +
             " ms; the new member on processors of its own"},
    };
    report.raw["records"] = records;
    report.raw["verify_rate_per_core"] = rate;
    report.raw["record_bytes"] = community.record_bytes;
    report.raw["together"] = told(together);
    report.raw["apart"] = told(apart.pass);
    report.raw["apart"]["quiet_user_ms"] = spread(apart.quiet_ms);
    report.raw["server_peak_rss_mib"] = server_mib;
    std::filesystem::remove_all(folder);
    return finish(report, argc, argv);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    return warren::bench::bench(argc, argv);
}
