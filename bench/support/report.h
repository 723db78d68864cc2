// What every benchmark ends with: a table for people and build/bench/NAME.json for programs.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace warren::bench {

struct Goal {
    std::string metric;
    double value = 0;
    std::string unit;
    double goal = 0;
    enum class Better { Higher, Lower } better = Better::Higher;
    std::string against;  // the baseline that ran beside it

    bool met() const { return better == Better::Higher ? value >= goal : value <= goal; }
};

struct Report {
    std::string bench;
    std::vector<Goal> goals;
    nlohmann::json raw = nlohmann::json::object();
};

// Value of `--NAME VALUE` on the command line.
std::string option(int argc, char** argv, const std::string& name, const std::string& fallback);

// Prints the table, writes the file given by --out. Returns the exit code: 0 unless it cannot
// write.
int finish(const Report& report, int argc, char** argv);

double median(std::vector<double> values);
double percentile(std::vector<double> values, double share);

}  // namespace warren::bench
