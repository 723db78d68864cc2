// What a command is: a row in a table. Parsing, help, completion and docs/cli.md derive from the
// rows.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warren::cli {

// Documented in `warren --help`; scripts may rely on them.
enum class Exit : int {
    Ok = 0,
    Refused = 1,      // the node said no, or what was named does not exist
    Unreachable = 2,  // no node answers
    Usage = 64,
    BadData = 65,      // the node found the data wrong
    Unavailable = 69,  // a part of the node does not work right now
    TryAgain = 75,     // too busy, or not done in the time given
};
struct ExitRow {
    Exit code;
    std::string_view sentence;
};
std::span<const ExitRow> exit_rows();

enum class OptionKind : std::uint8_t { Flag, Text, Number, Texts };

// Long options start with "--"; all others are positional and named in capitals.
struct OptionRow {
    std::string_view name;
    OptionKind kind = OptionKind::Flag;
    std::string_view value = {};  // what help calls the value
    std::string_view sentence = {};
    bool required = false;
    std::int64_t min = 0, max = 0;  // Number only
    std::string_view choices = {};  // "a|b|c"
    bool positional() const { return !name.starts_with("--"); }
};

class Call;
using Handler = Exit (*)(const Call&);

struct CommandRow {
    std::string_view path;  // "channel create"
    std::string_view sentence;
    std::vector<OptionRow> options;
    std::vector<std::string_view> examples;  // without the "warren" in front
    Handler run = nullptr;
    bool reads = false;  // prints data: takes --json, --field and --quiet
};
std::span<const CommandRow> command_rows();
std::span<const OptionRow> global_options();
std::span<const OptionRow> output_options();  // of rows that read

// "channel" and the like: words that only lead to other commands.
struct GroupRow {
    std::string_view name;
    std::string_view sentence;
};
std::span<const GroupRow> group_rows();

// One parsed command line. Option names are those of the rows.
class Call {
public:
    explicit Call(const CommandRow& row) : row_(&row) {}
    const CommandRow& row() const { return *row_; }
    void add(std::string_view name, std::string value) {
        values_[std::string(name)].push_back(std::move(value));
    }
    bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
    std::string text(std::string_view name, std::string_view fallback = "") const;
    std::int64_t number(std::string_view name, std::int64_t fallback) const;
    std::span<const std::string> texts(std::string_view name) const;

private:
    const CommandRow* row_;
    std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace warren::cli
