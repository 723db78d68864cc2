// What the processes of a node use, read from /proc.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "tests/support/node.h"

namespace warren::bench {

inline double cpu_seconds(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(in, line);
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i)
        fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// A line of a file of /proc/PID that begins with this word, in MiB ("Pss:", "VmHWM:").
inline double memory_mib(pid_t pid, const char* file, const std::string& line) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/" + file);
    for (std::string word; in >> word;) {
        if (word != line) continue;
        double kib = 0;
        in >> kib;
        return kib / 1024;
    }
    return 0;
}

// "warrend", "network-0", ... and their process ids.
inline std::map<std::string, pid_t> processes_of(const test::Node& node) {
    std::map<std::string, pid_t> out = {{"warrend", node.pid()}};
    const auto roster = node.roster();
    for (const auto& row : roster["workers"])
        out[row["role"].get<std::string>() + "-" + std::to_string(row["index"].get<int>())] =
            row["pid"];
    return out;
}

// Half of this machine's processors, so that two nodes do not share one: Lower is the first half.
enum class Half { Lower, Upper };

inline cpu_set_t processors(Half half) {
    const std::size_t all = std::max(2U, std::thread::hardware_concurrency());
    cpu_set_t out;
    CPU_ZERO(&out);
    for (std::size_t i = 0; i < all; ++i)
        if ((half == Half::Lower) == (i < all / 2)) CPU_SET(i, &out);
    return out;
}

// All threads of a node's processes, and those that they start later.
inline bool pin(const test::Node& node, const cpu_set_t& to) {
    bool all = true;
    for (const auto& [name, pid] : processes_of(node)) {
        std::error_code gone;
        for (const auto& thread :
             std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone))
            all = ::sched_setaffinity(std::stoi(thread.path().filename().string()), sizeof to,
                                      &to) == 0 &&
                  all;
    }
    return all;
}

}  // namespace warren::bench
