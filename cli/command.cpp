// Access to parsed values, and the exit codes.
#include "cli/command.h"

#include <charconv>

namespace warren::cli {

namespace {
constexpr ExitRow exits[] = {
    {Exit::Ok, "done"},
    {Exit::Refused, "the node refused, or what was named does not exist"},
    {Exit::Unreachable, "no node answers"},
    {Exit::Usage, "wrong command line"},
    {Exit::BadData, "the node found the data wrong"},
    {Exit::Unavailable, "a part of the node does not work right now"},
    {Exit::TryAgain, "too busy, or not done in the time given"},
};
}  // namespace

std::span<const ExitRow> exit_rows() {
    return exits;
}

std::string Call::text(std::string_view name, std::string_view fallback) const {
    auto found = values_.find(name);
    return found == values_.end() ? std::string(fallback) : found->second.back();
}

std::int64_t Call::number(std::string_view name, std::int64_t fallback) const {
    auto found = values_.find(name);
    if (found == values_.end()) return fallback;
    const auto& word = found->second.back();
    std::int64_t out = fallback;
    std::from_chars(word.data(), word.data() + word.size(), out);  // parse.cpp has checked it
    return out;
}

std::span<const std::string> Call::texts(std::string_view name) const {
    auto found = values_.find(name);
    if (found == values_.end()) return {};
    return found->second;
}

}  // namespace warren::cli
