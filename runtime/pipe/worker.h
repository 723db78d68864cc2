// What makes a process a worker. main() of each worker is: return run_worker(Role, factory).
// Order: lifeline and version, settings, log, open resources (start), pipes, ready, loop. Ends when
// told to drain and stop, or when the lifeline closes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/pipe/pipe.h"
#include "runtime/pipe/tap.h"
#include "runtime/process/settings.h"

namespace warren::pipe {

// What the api may ask of the supervisor (Scale, Reload, StopNode, ListSettings), over the
// lifeline.
struct Control {
    enum class Kind { Scale, Reload, StopNode, ListSettings } kind = Kind::Reload;
    Role role = Role::Storage;  // Scale
    std::uint16_t count = 0;
};
struct ControlAnswer {
    bool ok = false;
    std::string text;
};

// What a service sees of its process. Lives as long as the process.
class Host {
public:
    virtual ~Host() = default;
    virtual asio::io_context& io() = 0;
    virtual const process::Settings& settings() const = 0;
    virtual Outbox& outbox() = 0;
    virtual Tap& tap() = 0;
    virtual Metrics& metrics() = 0;
    virtual Role role() const = 0;
    virtual std::uint16_t index() const = 0;
    virtual std::uint16_t count() const = 0;  // instances of this role in the node
    virtual std::uint64_t epoch() const = 0;  // of this spawn
    virtual std::string name() const = 0;     // "storage-0"
    virtual const process::Roster& roster() const = 0;
    virtual const process::SlotMap& slots() const = 0;
    // Inherited role listeners (network: UDP sockets; api: the TCP listener) and what they are
    // bound to.
    virtual const std::vector<int>& listeners() const = 0;
    virtual const std::vector<std::string>& listener_names() const = 0;
    virtual Task<ControlAnswer> control(Control control, Nanoseconds deadline) = 0;
    virtual void slots_released(std::uint64_t version) = 0;  // storage: lost slots are closed
};

// One worker's logic. All calls come on the loop.
class Service {
public:
    virtual ~Service() = default;
    // Opens what must be open before ready. An Environment error ends the process for good (exit
    // 78).
    virtual Task<Result<void>> start() { co_return Result<void>{}; }
    // One exhaustive switch (inbox.cpp). Runs as a coroutine of its own for each request; the
    // credit of the request returns with the answer.
    virtual Task<Answer> on_request(Request request) = 0;
    virtual void on_roster() {}    // host.roster() changed
    virtual void on_slots() {}     // host.slots() changed
    virtual void on_settings() {}  // reloadable settings changed
    // Finish what was accepted; no new work comes in. Bounded by the supervisor.
    virtual Task<void> drain() { co_return; }
};

using ServiceFactory = std::function<std::unique_ptr<Service>(Host&)>;
int run_worker(Role role, const ServiceFactory& make);

}  // namespace warren::pipe
