// The whole node for Prometheus.
#include "workers/api/call.h"
#include "workers/api/metrics_text.h"
#include "workers/api/resources/handlers.h"

namespace warren::api {

namespace {

std::vector<WorkerUp> workers_of(const Call& call) {
    std::vector<WorkerUp> out;
    for (const auto& entry : call.parts.host.roster()) {
        const auto role = std::string(process::name_of(entry.role));
        const bool up = entry.state == process::WorkerState::Ready;
        out.push_back({role, role + "-" + std::to_string(entry.index), up});
    }
    return out;
}

}  // namespace

Handled get_metrics(Call& call) {
    std::vector<std::string> expected;
    for (const auto& worker : workers_of(call))
        if (worker.up) expected.push_back(worker.worker);
    // Workers speak once a second: the first scrape waits a little, later ones do not.
    const auto patience = std::min(call.errand.deadline(), monotonic_now() + 1500_ms);
    const auto samples = co_await call.parts.taps.metrics(std::move(expected), patience);
    // Who is up is asked after the wait, as the samples are.
    co_return Reply{metrics_text(samples, workers_of(call)), {}, false, {}};
}

}  // namespace warren::api
