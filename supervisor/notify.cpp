// sd_notify through libsystemd.
#include "supervisor/notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace warren::supervisor {

namespace {
void tell(const std::string& state) {
    (void)::sd_notify(0, state.c_str());
}
}  // namespace

void notify_ready(std::string_view status) {
    tell(fmt::format("READY=1\nSTATUS={}", status));
}

void notify_status(std::string_view status) {
    tell(fmt::format("STATUS={}", status));
}

void notify_reloading() {
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_now() / 1000));
}

void notify_stopping() {
    tell("STOPPING=1");
}

void notify_alive() {
    tell("WATCHDOG=1");
}

Nanoseconds watchdog_interval() {
    std::uint64_t usec = 0;
    if (::sd_watchdog_enabled(0, &usec) <= 0) return 0;
    return static_cast<Nanoseconds>(usec) * 1000 / 3;
}

}  // namespace warren::supervisor
