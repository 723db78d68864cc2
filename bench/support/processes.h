// What the processes of a node use, read from /proc.
#pragma once

#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

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

}  // namespace warren::bench
