// What the service manager hears. Silent without one.
#pragma once

#include <string_view>

#include "base/clock.h"

namespace warren::supervisor {

void notify_ready(std::string_view status);
void notify_status(std::string_view status);
void notify_reloading();
void notify_stopping();
void notify_alive();
Nanoseconds watchdog_interval();  // 0: nobody watches

}  // namespace warren::supervisor
