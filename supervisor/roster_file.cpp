// The roster as JSON.
#include "supervisor/roster_file.h"

#include <fmt/format.h>

#include "supervisor/json_text.h"

namespace warren::supervisor {

std::string roster_json(const NodeFacts& node, const process::Roster& roster,
                        const process::SlotMap& slots) {
    std::string workers;
    for (const auto& row : roster) {
        workers += fmt::format(
            "{}\n    {{\"role\": {}, \"index\": {}, \"epoch\": {}, \"state\": {}, \"pid\": {}, "
            "\"restarts\": {}, \"reason\": {}, \"inbox\": {}, \"tap\": {}}}",
            workers.empty() ? "" : ",", json_quoted(name_of(row.role)), row.index, row.epoch,
            json_quoted(name_of(row.state)), row.pid, row.restarts, json_quoted(row.reason),
            json_quoted(row.inbox), json_quoted(row.tap));
    }
    return fmt::format(
        "{{\n  \"pid\": {}, \"version\": {}, \"state\": {}, \"epoch\": {}, "
        "\"started_ms\": {},\n  \"run_dir\": {}, \"state_dir\": {}, \"config\": {},\n"
        "  \"api\": {}, \"overlay\": {}, \"overlay_v6\": {},\n  \"slots\": {{\"version\": {}, "
        "\"workers\": [{}], "
        "\"pinned\": [{}]}},\n  \"workers\": [{}\n  ]\n}}\n",
        node.pid, json_quoted(node.version), json_quoted(node.state), node.epoch, node.started_ms,
        json_quoted(node.run_dir), json_quoted(node.state_dir), json_quoted(node.config),
        json_quoted(node.api), json_quoted(node.overlay), json_quoted(node.overlay_v6),
        slots.version, fmt::join(slots.workers, ","), fmt::join(slots.pinned, ","), workers);
}

}  // namespace warren::supervisor
