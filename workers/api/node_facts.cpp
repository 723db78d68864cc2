#include "workers/api/node_facts.h"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace warren::api {

namespace {

constexpr Nanoseconds patience = 500_ms;

double seconds_since_boot() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The node is as old as its supervisor, our parent: field 22 of its stat, in ticks since boot.
double parent_start_s() {
    std::ifstream file("/proc/" + std::to_string(getppid()) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto name_end = text.rfind(')');
    if (name_end == text.npos) return seconds_since_boot();
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field)
        fields >> skipped;
    std::uint64_t ticks = 0;
    fields >> ticks;
    return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string host_name() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "node";
}

}  // namespace

NodeFacts::NodeFacts(std::string listen)
    : listen_(std::move(listen)), name_(host_name()), started_s_(parent_start_s()) {}

std::uint64_t NodeFacts::uptime_s() const {
    const auto age = seconds_since_boot() - started_s_;
    return age > 0 ? static_cast<std::uint64_t>(age) : 0;
}

pipe::Task<void> NodeFacts::learn(Outbox& outbox, RequestId id) {
    Errand errand(monotonic_now() + patience, Patience::Read, id);
    if (!identity_) {
        auto got = co_await outbox.get_identity(errand);
        if (got) identity_ = std::move(*got);
    }
    if (!overlay_port_) {
        auto got = co_await outbox.list_peers(errand);
        if (got && got->port != 0) overlay_port_ = got->port;
    }
}

}  // namespace warren::api
