// Exit codes that the supervisor understands: a wrong environment is not retried, a crash is.
#pragma once

#include <string_view>

namespace warren::process {

enum class ExitReason : int {
    Ok = 0,
    Failure = 1,
    Usage = 64,   // wrong command line
    NoHost = 69,  // a port or service is taken
    Software = 70,
    Io = 74,
    InUse = 75,     // another node holds this state directory
    Settings = 78,  // settings, file modes or key files are not fit to run
};

// One clear line to stderr, then exit.
[[noreturn]] void fail(ExitReason reason, std::string_view line);

}  // namespace warren::process
