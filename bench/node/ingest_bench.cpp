// A real node takes in the channel of one remote peer: records verified and committed per second,
// from the peer's socket to the shard, against libsodium's own rate of the same run.
#include <thread>

#include "bench/node/ingest_tools.h"
#include "bench/support/processes.h"

namespace warren::bench {
namespace {

using nlohmann::json;

constexpr double silence_max_s = 30;
constexpr std::uint64_t seed = 20;

struct Channel {
    CommunityId community;
    std::vector<Bytes> packets;
    Bytes announcement;
    double record_bytes = 0;  // on average
};

Channel make_channel(std::size_t records) {
    const test::TestIdentity author(seed + 1);
    test::TestChannel channel(author, seed + 2);
    Channel out{channel.community(), {channel.genesis("Ingest")}, {}, 0};
    std::size_t bytes = 0;
    while (out.packets.size() < records) {
        const auto number = std::to_string(out.packets.size());
        out.packets.push_back(
            channel.torrent("A torrent of middling name length, number " + number));
        bytes += out.packets.back().size();
    }
    out.record_bytes = static_cast<double>(bytes) / static_cast<double>(records - 1);
    out.announcement = channel.announcement("Ingest", 1);
    return out;
}

struct Ingest {
    std::size_t at_first = 0, at_last = 0, batches = 0;
    double seconds = 0, discovery_s = 0;
    std::map<std::string, double> cpu;  // of each process, while it lasted
    json metrics;
};

std::map<std::string, double> cpu_of(const test::Node& node, const OverlayPeer& peer) {
    std::map<std::string, double> out = {{"bench peer", peer.cpu_seconds()}};
    for (const auto& [name, pid] : processes_of(node))
        out[name] = cpu_seconds(pid);
    return out;
}

// Counters of network, verify and storage that say what was lost, repeated or waited for.
json metrics_of(test::Node& node) {
    json out = json::object();
    std::istringstream lines(node.get("/metrics", 5).text);
    for (std::string line; std::getline(lines, line);) {
        const auto space = line.rfind(' ');
        if (line.empty() || line[0] == '#' || space == line.npos) continue;
        const auto name = line.substr(0, space);
        const bool ours = name.find("overlay_") != name.npos || name.find("verify_") != name.npos ||
                          name.find("storage_") != name.npos;
        const bool bucket = name.find("_bucket") != name.npos || name.find("peer") != name.npos;
        const auto value = std::strtod(line.c_str() + space, nullptr);
        if (ours && !bucket && value != 0) out[name] = value;
    }
    return out;
}

Ingest measure(test::Node& node, const OverlayPeer& peer, CommitWatch& watch, std::size_t records) {
    Ingest out;
    const auto started = monotonic_now();
    Nanoseconds first = 0, last = started;
    while (out.at_last < records) {
        const auto count = watch.next();
        const auto now = monotonic_now();
        if (count == 0) {
            if (now - last > static_cast<Nanoseconds>(silence_max_s * 1e9)) return out;
            continue;
        }
        if (first == 0) {
            first = now;
            out.at_first = count;
            out.cpu = cpu_of(node, peer);
        }
        ++out.batches;
        out.at_last = count;
        last = now;
    }
    const auto after = cpu_of(node, peer);
    for (auto& [name, seconds] : out.cpu)
        seconds = after.at(name) - seconds;
    out.seconds = static_cast<double>(last - first) / 1e9;
    out.discovery_s = static_cast<double>(first - started) / 1e9;
    const auto own_metrics = monotonic_now() + 2_s;  // workers tell theirs once a second
    test::wait_until([&] { return monotonic_now() > own_metrics; }, 3);
    out.metrics = metrics_of(node);
    return out;
}

Ingest run(const Channel& channel, const std::string& verifiers, json& peer_counters) {
    OverlayPeer peer(seed);
    peer.hold(protocol::directory_community(), {channel.announcement});
    peer.hold(channel.community, channel.packets);
    test::Node node({.name = "ingest",
                     .settings = {"workers.verify.count=" + verifiers,
                                  "overlay.bootstrap_peers=" + peer.address().text()}});
    if (!node.start()) {
        node.keep_folder();
        return {};
    }
    std::string tap;
    const auto roster = node.roster();
    for (const auto& row : roster["workers"])
        if (row["role"] == "storage") tap = row["tap"];
    CommitWatch watch(tap, channel.community);
    peer.start();
    auto out = measure(node, peer, watch, channel.packets.size());
    peer.stop();
    protocol::each_counter(peer.counters(), [&](const char* name, std::uint64_t value) {
        if (value > 0) peer_counters[name] = value;
    });
    peer_counters["kernel_dropped"] = peer.kernel_dropped();
    node.stop();
    return out;
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren::bench;
    const auto records =
        static_cast<std::size_t>(std::stoul(option(argc, argv, "records", "50000")));
    const auto verifiers = option(argc, argv, "verify", "1");
    WARREN_CHECK(records > 1);
    const auto channel = make_channel(records);
    const auto rate_before = verify_rate(channel.packets);
    Report report;
    report.bench = "ingest";
    auto peer_counters = nlohmann::json::object();
    const auto ingest = run(channel, verifiers, peer_counters);
    if (ingest.at_last == 0) {
        std::fprintf(stderr, "ingest_bench: the node did not start or took nothing in\n");
        return 1;
    }
    const auto rate_after = verify_rate(channel.packets);
    const auto rate = (rate_before + rate_after) / 2;
    const auto taken = ingest.at_last - ingest.at_first;
    const auto per_s = ingest.seconds > 0 ? static_cast<double>(taken) / ingest.seconds : 0;
    report.goals = {
        {"ingest_ratio", per_s / (rate * std::stod(verifiers)), "x", 0.5, Goal::Better::Higher,
         "verify workers x libsodium's rate on one core (CPU time, same packets, before and "
         "after); "
         "the bench peer, network, verify and storage share this machine's " +
             std::to_string(std::thread::hardware_concurrency()) + " cores"},
    };
    report.raw["records_per_s"] = per_s;
    report.raw["verify_rate_per_core"] = {{"before", rate_before}, {"after", rate_after}};
    report.raw["verify_workers"] = std::stoi(verifiers);
    report.raw["records"] = {{"all", records}, {"arrived", ingest.at_last}, {"timed", taken}};
    report.raw["record_bytes"] = channel.record_bytes;
    report.raw["seconds"] = {{"timed", ingest.seconds}, {"until_first", ingest.discovery_s}};
    report.raw["stored_batches"] = ingest.batches;
    report.raw["cpu_seconds"] = ingest.cpu;
    report.raw["node_metrics"] = ingest.metrics;
    report.raw["peer_counters"] = peer_counters;
    return finish(report, argc, argv);
}
