// Command line to Call. CLI11 stays in parse.cpp.
#pragma once

#include <string>
#include <variant>

#include "cli/command.h"

namespace warren::cli {

// The command line was a question (help) or wrong: print this and end.
struct Reply {
    Exit exit = Exit::Ok;
    std::string text;  // to stdout if Ok, else to stderr
};
std::variant<Call, Reply> parse(int argc, const char* const* argv);

}  // namespace warren::cli
