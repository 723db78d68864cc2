// Everything that derives from the command rows: help, the reference, completion.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace warren::cli {

std::string overview();                      // `warren --help`
std::string help_of(std::string_view path);  // of a command or a group; "": the overview
std::string completion_bash();
std::string reference_markdown();
std::string reference_scdoc();
// The candidate that a mistyped word most likely meant; "" if none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace warren::cli
