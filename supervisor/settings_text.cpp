// What derives from the rows: the sample file, the reference, and the views of a checked set.
#include <fmt/format.h>

#include "supervisor/json_text.h"
#include "supervisor/settings_file.h"

namespace warren::supervisor {

namespace {

using process::SettingRow;
using process::SettingType;

std::string toml_quoted(std::string_view text) {
    return json_quoted(text);  // TOML's basic strings take JSON's escapes
}

std::string as_list(std::string_view lines) {
    std::string out = "[";
    while (!lines.empty()) {
        auto end = std::min(lines.find('\n'), lines.size());
        out += fmt::format("{}{}", out.size() > 1 ? ", " : "", toml_quoted(lines.substr(0, end)));
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    return out + "]";
}

// Also JSON: numbers, flags, texts and lists of texts look the same in both.
std::string literal(const SettingRow& row, std::string_view value) {
    switch (row.type) {
    case SettingType::Integer:
    case SettingType::Flag: return std::string(value);
    case SettingType::Text: return toml_quoted(value);
    case SettingType::List: return as_list(value);
    }
    return {};
}

std::string allowed(const SettingRow& row) {
    if (!row.choices.empty()) {
        std::string out;
        for (char c : row.choices)
            out += c == '|' ? std::string(", ") : std::string(1, c);
        return out;
    }
    switch (row.type) {
    case SettingType::Integer:
        return fmt::format("{} to {}{}{}", row.min, row.max, row.unit.empty() ? "" : " ", row.unit);
    case SettingType::Flag: return "true, false";
    case SettingType::Text: return fmt::format("text of at most {} bytes", row.max);
    case SettingType::List: return fmt::format("texts of at most {} bytes in all", row.max);
    }
    return {};
}

template <typename Line>
std::string by_section(Line line) {
    std::string out;
    std::string_view section;
    for (const auto& row : process::setting_rows()) {
        if (row.internal) continue;
        bool first = row.section != section;
        section = row.section;
        out += line(row, first);
    }
    return out;
}

}  // namespace

std::string sample_text() {
    return "# Settings of a Warren node. Every line shows its default; remove the # to change it.\n"
           "# Made by `warrend --sample`. Check a file with `warrend --check FILE`.\n" +
           by_section([](const SettingRow& row, bool first) {
               return fmt::format(
                   "{}\n# {}\n# {}{}\n# {} = {}\n", first ? fmt::format("\n[{}]", row.section) : "",
                   row.sentence, allowed(row), row.reloadable ? "; `warren reload` applies it" : "",
                   row.name, literal(row, row.fallback));
           });
}

std::string reference_text() {
    return "# Settings\n\nMade by `warrend --reference` from the table in "
           "`runtime/process/settings_rows.cpp`.\nSettings marked *reload* take effect with "
           "`warren reload`; the others at the next start.\n" +
           by_section([](const SettingRow& row, bool first) {
               auto head = fmt::format("\n## [{}]\n\n| name | default | allowed | reload | what |\n"
                                       "|---|---|---|---|---|\n",
                                       row.section);
               return fmt::format("{}| `{}` | `{}` | {} | {} | {} |\n", first ? head : "", row.name,
                                  literal(row, row.fallback), allowed(row),
                                  row.reloadable ? "reload" : "", row.sentence);
           });
}

std::string show_text(const Settings& settings) {
    return by_section([&](const SettingRow& row, bool first) {
        return fmt::format("{}{} = {}\n", first ? fmt::format("\n[{}]\n", row.section) : "",
                           row.name, literal(row, settings.text(process::key_of(row))));
    });
}

std::string settings_json(const Settings& settings) {
    std::string out;
    for (const auto& row : process::setting_rows()) {
        if (row.internal || row.secret) continue;
        auto key = process::key_of(row);
        out += fmt::format("{}{}:{}", out.empty() ? "{" : ",", json_quoted(key),
                           literal(row, settings.text(key)));
    }
    return out + "}";
}

}  // namespace warren::supervisor
