// `warren top`: the workers as the roster and their metrics tell, once a second.
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <fstream>
#include <map>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/table.h"
#include "cli/tap_reader.h"

namespace warren::cli {

namespace {

constexpr Nanoseconds interval = 1_s;

// Counters only grow within one life of a worker; two samples give a rate.
struct Sample {
    std::uint64_t requests = 0;
    std::vector<std::uint64_t> gaps;
    std::uint64_t resident = 0;
    Nanoseconds at = 0;
};
struct Watched {
    Sample before, now;
};
using Workers = std::map<std::string, Watched>;

void note(Workers& workers, const Json& metrics) {
    auto& worker = workers[string_at(metrics, "worker")];
    worker.before = std::move(worker.now);
    worker.now = {.requests = size_at(member(metrics, "counters"), "pipe_requests_total"),
                  .gaps = {},
                  .resident = size_at(member(metrics, "gauges"), "resident_bytes"),
                  .at = monotonic_now()};
    for (const auto& bucket :
         items_at(member(member(metrics, "histograms"), "loop_gap_seconds"), "buckets"))
        worker.now.gaps.push_back(bucket.is_number_unsigned() ? bucket.get<std::uint64_t>() : 0);
}

std::string rate_of(const Watched& worker) {
    const auto span = worker.now.at - worker.before.at;
    if (worker.before.at == 0 || span <= 0 || worker.now.requests < worker.before.requests)
        return "-";
    const auto count = static_cast<double>(worker.now.requests - worker.before.requests);
    return human_count(static_cast<std::uint64_t>(count * 1e9 / static_cast<double>(span) + 0.5));
}

// The upper edge of the highest bucket that something fell into since the sample before.
std::string gap_of(const Watched& worker) {
    const auto& gaps = worker.now.gaps;
    for (std::size_t i = gaps.size(); i-- > 0;) {
        const auto before = i < worker.before.gaps.size() ? worker.before.gaps[i] : 0;
        if (gaps[i] <= before) continue;
        const auto us = std::uint64_t{1} << i;
        return us < 1000 ? "< " + std::to_string(us) + " us"
                         : "< " + std::to_string(us / 1000) + " ms";
    }
    return "-";
}

std::uint64_t resident_of(std::int64_t pid) {
    std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
    std::uint64_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void print_top(const RosterFile& roster, const Workers& workers) {
    Table table({{"WORKER"},
                 {"STATE"},
                 {"PID", Align::Right},
                 {"RESTARTS", Align::Right},
                 {"MEMORY", Align::Right},
                 {"LOOP GAP", Align::Right},
                 {"MESSAGES/S", Align::Right},
                 {"WHY", Align::Left, true}});
    table.add({"supervisor", is_running(roster) ? "ready" : "down", std::to_string(roster.pid), "-",
               human_size(resident_of(roster.pid)), "-", "-", ""});
    for (const auto& row : roster.workers) {
        const auto found = workers.find(row.name);
        const auto watched = found == workers.end() ? Watched{} : found->second;
        const auto resident = std::max(resident_of(row.pid), watched.now.resident);
        table.add({row.name, row.state, std::to_string(row.pid), std::to_string(row.restarts),
                   human_size(resident), gap_of(watched), rate_of(watched), row.reason});
    }
    if (stdout_is_terminal()) std::fputs("\x1b[H\x1b[J", stdout);
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace

Exit run_top(const Call& call) {
    const auto state_dir = state_dir_of(call);
    auto reader = TapReader::open("metric.");
    if (!reader) return complain(reader.error());
    Workers workers;
    auto left = call.number("--count", -1);
    while (left != 0) {
        auto roster = read_roster(state_dir);
        if (!roster) return complain(roster.error());
        reader->follow(tap_endpoints(*roster));
        const auto due = monotonic_now() + interval;
        for (auto now = monotonic_now(); now < due; now = monotonic_now()) {
            auto message = reader->next(std::max<Nanoseconds>((due - now) / 1'000'000, 1));
            auto metrics = message ? parse_json(message->json) : std::nullopt;
            if (metrics) note(workers, *metrics);
        }
        print_top(*roster, workers);
        if (left > 0) --left;
    }
    return Exit::Ok;
}

}  // namespace warren::cli
