// Prometheus text from what the workers say on their taps.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace warren::api {

struct WorkerUp {
    std::string role, worker;
    bool up = false;
};

// `by_worker`: metric.* messages as JSON. A name may end in {label=value,...}. Times are counted in
// microseconds inside the node and shown in seconds.
std::string metrics_text(const std::map<std::string, std::string>& by_worker,
                         const std::vector<WorkerUp>& workers);

}  // namespace warren::api
