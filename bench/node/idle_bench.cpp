// A node that has nothing to do: how soon it answers after a start with existing state, what memory
// its processes share the cost of (PSS), and the CPU of one idle minute.
#include <poll.h>

#include "base/check.h"
#include "base/clock.h"
#include "bench/support/processes.h"
#include "bench/support/report.h"
#include "tests/support/journey.h"

namespace warren::bench {
namespace {

double pss_mib(pid_t pid) {
    return memory_mib(pid, "smaps_rollup", "Pss:");
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const int idle_s = std::stoi(option(argc, argv, "seconds", "60"));
    test::Node node({.name = "idle", .settings = {"overlay.walk_interval_ms=500"}});
    WARREN_CHECK(node.start());
    const auto channel = test::create_channel(node, "Idle", "idle-channel");
    test::make_content(node.share() / "Idle Content", 1, 1 << 20);
    WARREN_CHECK(
        !test::publish_folder(node, channel, "Idle Content", "idle-content").record.empty());

    std::vector<double> api_ms, ready_ms;
    for (int i = 0; i < 7; ++i) {
        node.stop();
        const auto begin = monotonic_now();
        WARREN_CHECK(node.launch());
        WARREN_CHECK(
            test::wait_until([&] { return node.get("/api/v1/status", 1).status == 200; }, 20));
        api_ms.push_back(static_cast<double>(monotonic_now() - begin) / 1e6);
        WARREN_CHECK(test::wait_until([&] { return node.all_ready(); }, 20));
        ready_ms.push_back(static_cast<double>(monotonic_now() - begin) / 1e6);
    }
    ::poll(nullptr, 0, 3000);  // let what a start sets off come to rest
    const auto processes = processes_of(node);
    std::map<std::string, double> cpu_before;
    for (const auto& [name, pid] : processes)
        cpu_before[name] = cpu_seconds(pid);
    const auto idle_begin = monotonic_now();
    ::poll(nullptr, 0, idle_s * 1000);
    const double span = static_cast<double>(monotonic_now() - idle_begin) / 1e9;
    double pss = 0, cpu = 0;
    Report report;
    for (const auto& [name, pid] : processes) {
        const double memory = pss_mib(pid),
                     used = (cpu_seconds(pid) - cpu_before[name]) / span * 100;
        pss += memory;
        cpu += used;
        report.raw["process " + name] = {{"pss_mib", memory}, {"cpu_percent", used}};
    }
    report.bench = "idle";
    report.raw["start"] = {{"first_answer_ms", api_ms}, {"all_ready_ms", ready_ms}};
    report.raw["idle_seconds"] = span;
    report.goals = {
        {"start_ms", median(api_ms), "ms", 300, Goal::Better::Lower,
         "first API answer, existing state, median of 7"},
        {"pss_mib", pss, "MiB", 80, Goal::Better::Lower,
         "sum of PSS of all processes, libtorrent included"},
        {"cpu_percent", cpu, "%", 1, Goal::Better::Lower, "of one core, over the idle time"},
    };
    return finish(report, argc, argv);
}
