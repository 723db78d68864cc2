// A node that joined a thousand communities in which nothing happens: one remote peer holds them
// all, the node finds and joins them by itself, and then the CPU of an idle minute is counted.
#include <poll.h>

#include "base/check.h"
#include "bench/peers/overlay_peer.h"
#include "bench/support/processes.h"
#include "bench/support/report.h"

namespace warren::bench {
namespace {

std::map<std::string, double> cpu_of(const test::Node& node) {
    std::map<std::string, double> out;
    for (const auto& [name, pid] : processes_of(node))
        out[name] = cpu_seconds(pid);
    return out;
}

// CPU of the node's processes in a span in which nothing happens, in percent of a core.
std::map<std::string, double> idle_percent(const test::Node& node, int seconds) {
    const auto before = cpu_of(node);
    const auto begin = monotonic_now();
    ::poll(nullptr, 0, seconds * 1000);
    const auto span = static_cast<double>(monotonic_now() - begin) / 1e9;
    std::map<std::string, double> out;
    for (const auto& [name, used] : cpu_of(node))
        out[name] = (used - before.at(name)) / span * 100;
    return out;
}

double sum(const std::map<std::string, double>& parts) {
    double out = 0;
    for (const auto& [name, percent] : parts)
        out += percent;
    return out;
}

// What the network worker did, by its counters.
std::map<std::string, double> counters(test::Node& node) {
    std::map<std::string, double> out;
    std::istringstream lines(node.get("/metrics", 5).text);
    for (std::string line; std::getline(lines, line);) {
        const auto name = line.substr(0, line.find('{'));
        if (name.starts_with("warren_overlay_") && name.ends_with("_total"))
            out[name] += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    }
    return out;
}

std::size_t joined(test::Node& node) {
    const auto text = node.get("/metrics", 5).text;
    const auto at = text.find("\nwarren_overlay_communities");
    const auto value = at == text.npos ? at : text.find(' ', at + 1);
    return value == text.npos ? 0 : std::strtoul(text.c_str() + value, nullptr, 10);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const auto count = std::stoul(option(argc, argv, "communities", "1000"));
    const int seconds = std::stoi(option(argc, argv, "seconds", "60"));
    const int settle_s = std::stoi(option(argc, argv, "settle", "420"));
    const test::TestIdentity author(1);
    OverlayPeer peer(2);
    std::vector<Bytes> announcements;
    for (std::size_t i = 0; i < count; ++i) {
        test::TestChannel channel(author, 10 + i);
        const auto name = "Quiet " + std::to_string(i);
        peer.hold(channel.community(), {channel.genesis(name)});
        announcements.push_back(channel.announcement(name, 1 + i));
    }
    peer.hold(protocol::directory_community(), announcements);
    test::Node node(
        {.name = "communities", .settings = {"overlay.bootstrap_peers=" + peer.address().text()}});
    WARREN_CHECK(node.start());
    const auto alone = idle_percent(node, std::min(seconds, 20));
    peer.start();
    if (!test::wait_until([&] { return joined(node) > count; }, 180)) {
        std::fprintf(stderr, "communities_bench: %zu joined of %zu\n", joined(node), count);
        node.keep_folder();
        return 1;
    }
    // Steps grow apart to one in two minutes where nothing changes.
    ::poll(nullptr, 0, settle_s * 1000);
    const auto counted = counters(node);
    const auto quiet = idle_percent(node, seconds);
    auto per_s = nlohmann::json::object();
    for (const auto& [name, value] : counters(node))
        if (const auto more = value - counted.at(name); more > 0)
            per_s[name] = more / static_cast<double>(seconds);
    peer.stop();
    Report report;
    report.bench = "communities";
    report.goals = {{"communities_cpu_percent", sum(quiet) - sum(alone), "%", 2,
                     Goal::Better::Lower,
                     "of one core, all processes, beyond the same node before it joined them"}};
    report.raw["joined"] = joined(node);
    report.raw["per_s"] = per_s;
    report.raw["alone_percent"] = alone;
    report.raw["quiet_percent"] = quiet;
    return finish(report, argc, argv);
}
