// `warren tap`: what the workers say, as lines.
#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/tap_reader.h"

namespace warren::cli {

namespace {

constexpr Nanoseconds roster_interval = 500_ms;

void print_message(const Call& call, const TapMessage& message) {
    if (call.has("--json"))
        std::puts(
            dump({{"topic", message.topic}, {"body", parse_json(message.json).value_or(Json())}})
                .c_str());
    else
        std::printf("%s %s\n", printable(message.topic).c_str(), printable(message.json).c_str());
    std::fflush(stdout);
}

// "event.*" as people write it is the prefix "event.".
std::string prefix_of(std::string topic) {
    while (topic.ends_with('*'))
        topic.pop_back();
    return topic;
}

}  // namespace

std::set<std::string> tap_endpoints(const RosterFile& roster) {
    std::set<std::string> out;
    for (const auto& worker : roster.workers)
        if (!worker.tap.empty()) out.insert(worker.tap);
    return out;
}

Exit run_tap(const Call& call) {
    const auto state_dir = state_dir_of(call);
    auto roster = read_roster(state_dir);
    if (!roster) return complain(roster.error());
    auto reader = TapReader::open(prefix_of(call.text("TOPIC")));
    if (!reader) return complain(reader.error());
    const auto end = call.has("--seconds")
                         ? monotonic_now() + call.number("--seconds", 0) * 1'000'000'000
                         : INT64_MAX;
    auto left = call.number("--count", -1);
    Nanoseconds roster_due = 0;
    while (left != 0) {
        const auto now = monotonic_now();
        if (now >= end) return left > 0 ? Exit::TryAgain : Exit::Ok;
        if (now >= roster_due) {
            roster_due = now + roster_interval;
            roster = read_roster(state_dir);
            if (roster) reader->follow(tap_endpoints(*roster));
        }
        const auto wait = std::min(end, roster_due) - now;
        auto message = reader->next(std::max<Nanoseconds>(wait / 1'000'000, 1));
        if (!message) continue;
        print_message(call, *message);
        if (left > 0) --left;
    }
    return Exit::Ok;
}

}  // namespace warren::cli
