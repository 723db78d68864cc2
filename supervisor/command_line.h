// What warrend is asked to do.
#pragma once

#include <string>
#include <vector>

#include "supervisor/settings_file.h"

namespace warren::supervisor {

struct CommandLine {
    enum class Action { Run, Check, Show, Sample, Reference, Version, Help };
    Action action = Action::Run;
    std::string config;
    std::string state;
    std::string workers;  // directory of the worker programs
    std::vector<Override> overrides;
};
Result<CommandLine> parse_command_line(int argc, char** argv);
std::string help_text();

}  // namespace warren::supervisor
