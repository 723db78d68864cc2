// Numbers, times and foreign text as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace warren::cli {

std::string human_size(std::uint64_t bytes);            // "1.4 MiB"
std::string human_duration(std::int64_t milliseconds);  // "340 ms", "12 s", "3 m 12 s", "2 d 4 h"
std::string human_count(std::uint64_t count);           // "12,345"
std::string progress_bar(double share, std::size_t width);  // "[####....]"

// Names come from strangers: control characters, escape sequences, broken UTF-8 and characters that
// turn the direction of text are shown as escapes, so that no name can write on the terminal.
std::string printable(std::string_view text);
std::size_t display_width(std::string_view utf8);  // columns on a terminal
// Cut to so many columns, with "…" at the end if anything was lost.
std::string fitted(std::string_view utf8, std::size_t width);

}  // namespace warren::cli
