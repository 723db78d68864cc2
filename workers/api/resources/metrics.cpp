// The whole node for Prometheus.
#include "workers/api/call.h"
#include "workers/api/metrics_text.h"
#include "workers/api/resources/handlers.h"

namespace warren::api {

Handled get_metrics(Call& call) {
    std::vector<WorkerUp> workers;
    std::vector<std::string> expected;
    for (const auto& entry : call.parts.host.roster()) {
        const auto role = std::string(process::name_of(entry.role));
        const auto name = role + "-" + std::to_string(entry.index);
        const bool up = entry.state == process::WorkerState::Ready;
        workers.push_back({role, name, up});
        if (up) expected.push_back(name);
    }
    // Workers speak once a second: the first scrape waits a little, later ones do not.
    const auto patience = std::min(call.errand.deadline(), monotonic_now() + 1500_ms);
    const auto samples = co_await call.parts.taps.metrics(std::move(expected), patience);
    co_return Reply{metrics_text(samples, workers), {}, false, {}};
}

}  // namespace warren::api
