#include "bench/support/report.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace warren::bench {

namespace {

std::string processor() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown";
}

nlohmann::json machine() {
    utsname system{};
    uname(&system);
    return {{"cpu", processor()},
            {"cores", std::thread::hardware_concurrency()},
            {"kernel", system.release}};
}

}  // namespace

std::string option(int argc, char** argv, const std::string& name, const std::string& fallback) {
    for (int i = 1; i + 1 < argc; ++i)
        if (argv[i] == "--" + name) return argv[i + 1];
    return fallback;
}

int finish(const Report& report, int argc, char** argv) {
    nlohmann::json out;
    const char* commit = std::getenv("WARREN_COMMIT");
    out["bench"] = report.bench;
    out["commit"] = commit ? commit : "unknown";
    out["machine"] = machine();
    out["goals"] = nlohmann::json::array();
    fmt::print("{:<22} {:>12} {:<10} {:>12}  {:<7} against\n", "metric", "value", "unit", "goal",
               "");
    for (const auto& goal : report.goals) {
        const bool higher = goal.better == Goal::Better::Higher;
        fmt::print("{:<22} {:>12.3f} {:<10} {:>2}{:>10.3f}  {:<7} {}\n", goal.metric, goal.value,
                   goal.unit, higher ? ">=" : "<=", goal.goal, goal.met() ? "met" : "NOT MET",
                   goal.against);
        out["goals"].push_back({{"metric", goal.metric},
                                {"value", goal.value},
                                {"unit", goal.unit},
                                {"goal", goal.goal},
                                {"better", higher ? "higher" : "lower"},
                                {"against", goal.against}});
    }
    out["raw"] = report.raw;
    for (const auto& [name, value] : report.raw.items())
        fmt::print("  {:<40} {}\n", name, value.dump());
    const auto path = option(argc, argv, "out", "");
    if (path.empty()) return 0;
    std::ofstream file(path);
    file << out.dump(2) << "\n";
    return file.good() ? 0 : 1;
}

double median(std::vector<double> values) {
    return percentile(std::move(values), 0.5);
}

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const auto index =
        static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
    return values[index];
}

}  // namespace warren::bench
