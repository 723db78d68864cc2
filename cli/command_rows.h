// Between the files that hold the rows.
#pragma once

#include "cli/command.h"

namespace warren::cli {

using enum OptionKind;
using Options = std::vector<OptionRow>;
using Examples = std::vector<std::string_view>;
inline constexpr std::int64_t day_s = 86'400;

inline CommandRow reads(CommandRow row) {
    row.reads = true;
    return row;
}

inline OptionRow word(std::string_view name, std::string_view sentence) {
    return {.name = name, .kind = Text, .value = name, .sentence = sentence, .required = true};
}

inline OptionRow number(std::string_view name, std::string_view value, std::int64_t min,
                        std::int64_t max, std::string_view sentence) {
    return {
        .name = name, .kind = Number, .value = value, .sentence = sentence, .min = min, .max = max};
}

inline OptionRow flag(std::string_view name, std::string_view sentence) {
    return {.name = name, .kind = Flag, .sentence = sentence};
}

inline const OptionRow limit_option = number("--limit", "N", 1, 1000, "how many at most");
inline const OptionRow after_option{"--after", Text, "CURSOR",
                                    "continue where the page before ended"};

// command_table_people.cpp
void add_community_commands(std::vector<CommandRow>& rows);
void add_agreement_commands(std::vector<CommandRow>& rows);

}  // namespace warren::cli
