// Logs: one event, one line, key=value, with its subject. Never blocks: a ring buffer and a log
// thread; when the ring is full the oldest line goes and is counted. Never payloads, never keys.
// Levels: trace, debug, info, unusual (the outside misbehaved), broken (we did), fatal.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace warren::process::log {

enum class Level { Trace, Debug, Info, Unusual, Broken, Fatal };

struct Target {
    std::string subject;  // "storage-0": leads every line
    Level least = Level::Info;
    bool journal = false;  // "<N>" priorities in front, as journald reads them
};
void open(const Target& target);
// A second reader of every line that is written (the tap). Called on the log thread; null: none.
using Mirror = std::function<void(Level level, std::string_view line)>;
void set_mirror(Mirror mirror);
void close();  // flushes
void set_level(Level least);
std::string_view name_of(Level level);
Level level_from(std::string_view name);  // as settings say it; info when unknown
bool wanted(Level level);
void write(Level level, std::string_view line);
std::uint64_t dropped();

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    if (wanted(Level::Info)) write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (wanted(Level::Debug)) write(Level::Debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void unusual(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::Unusual, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void broken(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::Broken, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace warren::process::log
