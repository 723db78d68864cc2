// Reading the settings file. toml++ throws; nothing of that leaves this file.
#include "supervisor/settings_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <toml++/toml.h>

#include "runtime/process/slot_pins.h"
#include "supervisor/files.h"

namespace warren::supervisor {

namespace {

using process::SettingRow;
using process::SettingType;

class Reading {
public:
    explicit Reading(std::string file) : file_(std::move(file)) {}

    void table(const toml::table& table, const std::string& section) {
        for (const auto& [key, node] : table) {
            std::string name(key.str());
            if (node.is_table()) {
                auto inner = section.empty() ? name : section + "." + name;
                if (!is_section(inner))
                    error(key.source(), fmt::format("unknown section [{}]: write [{}]", inner,
                                                    nearest_section(inner)));
                else
                    this->table(*node.as_table(), inner);
                continue;
            }
            const auto* row = process::find_setting(section, name);
            if (row == nullptr || row->internal)
                error(key.source(), unknown_key(section, name));
            else
                this->value(*row, node);
        }
    }

    void error(const toml::source_region& where, std::string_view text) {
        errors_ += fmt::format("{}{}:{}:{}: {}", errors_.empty() ? "" : "\n", file_,
                               where.begin.line, where.begin.column, text);
    }
    void error(std::string_view where, std::string_view text) {
        errors_ += fmt::format("{}{}: {}", errors_.empty() ? "" : "\n", where, text);
    }

    void override_with(const Override& given) {
        const auto* row = process::find_setting(given.key);
        if (row == nullptr || row->internal) {
            auto dot = given.key.rfind('.');
            bool dotted = dot != std::string::npos;
            return error(given.option, unknown_key(dotted ? given.key.substr(0, dot) : "",
                                                   dotted ? given.key.substr(dot + 1) : given.key));
        }
        auto value = given.value;
        if (row->type == SettingType::List) std::replace(value.begin(), value.end(), ',', '\n');
        auto checked = process::check_value(*row, value);
        if (!checked) return error(given.option, checked.error().text);
        settings_.set(given.key, value);
    }

    Result<Settings> finish() {
        for (const auto& row : process::setting_rows()) {
            if (!settings_.has(process::key_of(row)))
                settings_.set(process::key_of(row), std::string(row.fallback));
        }
        pins();
        if (!errors_.empty()) return Error{ErrorKind::Environment, errors_};
        return std::move(settings_);
    }

    static std::string unknown_key(std::string_view section, std::string_view name);

private:
    // What two settings must agree on.
    void pins() {
        const auto count = settings_.integer("workers.storage.count");
        auto pinned = process::parse_slot_pins(settings_.list("storage.pin"));
        if (!pinned) return;  // said already
        for (auto [slot, worker] : *pinned) {
            if (worker < count) continue;
            error(
                file_.empty() ? "settings" : file_,
                fmt::format("storage.pin gives slot {} to storage-{}, but [workers.storage] count "
                            "is {}: write 0 to {}, or a larger count",
                            slot, worker, count, count - 1));
        }
    }

    static bool is_section(std::string_view section);
    static std::string nearest_section(std::string_view wrong);

    void value(const SettingRow& row, const toml::node& node) {
        auto text = as_text(row, node);
        if (!text) {
            static constexpr std::string_view wanted[] = {
                "a whole number", "true or false", "a text in quotes",
                "a list of texts, such as [\"a\", \"b\"]"};
            return error(node.source(),
                         fmt::format("{} must be {}, not {}", process::key_of(row),
                                     wanted[static_cast<std::size_t>(row.type)], what_is(node)));
        }
        auto checked = process::check_value(row, *text);
        if (!checked) return error(node.source(), checked.error().text);
        settings_.set(process::key_of(row), std::move(*text));
    }

    static std::string_view what_is(const toml::node& node) {
        if (node.is_string()) return "a text";
        if (node.is_integer()) return "a whole number";
        if (node.is_floating_point()) return "a fraction";
        if (node.is_boolean()) return "true or false";
        return node.is_array() ? "this list" : "a date or time";
    }

    static std::optional<std::string> as_text(const SettingRow& row, const toml::node& node) {
        switch (row.type) {
        case SettingType::Integer:
            if (!node.is_integer()) return std::nullopt;
            return fmt::format("{}", node.as_integer()->get());
        case SettingType::Flag:
            if (!node.is_boolean()) return std::nullopt;
            return node.as_boolean()->get() ? "true" : "false";
        case SettingType::Text:
            if (!node.is_string()) return std::nullopt;
            return node.as_string()->get();
        case SettingType::List: break;
        }
        if (!node.is_array()) return std::nullopt;
        std::string out;
        for (const auto& item : *node.as_array()) {
            if (!item.is_string() || item.as_string()->get().find('\n') != std::string::npos)
                return std::nullopt;
            out += (out.empty() ? "" : "\n") + item.as_string()->get();
        }
        return out;
    }

    std::string file_;
    std::string errors_;
    Settings settings_;
};

// Levenshtein distance: how many letters to change.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            auto change = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string Reading::unknown_key(std::string_view section, std::string_view name) {
    std::string best;
    std::size_t least = SIZE_MAX, letters = 0;
    for (const auto& row : process::setting_rows()) {
        if (row.internal) continue;
        // A right name in a wrong section is nearer than any other name.
        auto wrong = distance(name, row.name);
        auto off = 2 * wrong + distance(section, row.section);
        if (off >= least) continue;
        least = off;
        letters = wrong;
        best = row.section == section ? std::string(row.name)
                                      : fmt::format("{} in [{}]", row.name, row.section);
    }
    auto full = section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
    // With half of the letters wrong the nearest name is a guess that misleads.
    if (2 * letters > name.size())
        return fmt::format("unknown setting {}: `warren config sample` shows all", full);
    return fmt::format("unknown setting {}: did you mean {}?", full, best);
}

bool Reading::is_section(std::string_view section) {
    auto rows = process::setting_rows();
    return section == "workers" || std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
               return row.section == section;
           });
}

std::string Reading::nearest_section(std::string_view wrong) {
    std::string_view best;
    for (const auto& row : process::setting_rows()) {
        if (best.empty() || distance(wrong, row.section) < distance(wrong, best))
            best = row.section;
    }
    return std::string(best);
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, const std::string& file_name,
                                const std::vector<Override>& overrides) {
    Reading reading(file_name);
    try {
        reading.table(toml::parse(text, file_name), "");
    } catch (const toml::parse_error& wrong) {
        reading.error(wrong.source(), fmt::format("this is not TOML: {}", wrong.description()));
    }
    for (const auto& given : overrides)
        reading.override_with(given);
    return reading.finish();
}

Result<Settings> load_settings(const std::string& path, const std::vector<Override>& overrides) {
    if (path.empty()) return parse_settings("", "", overrides);
    auto text = read_small_file(path);
    if (!text) return Error{ErrorKind::Environment, text.error().text};
    return parse_settings(*text, path, overrides);
}

Settings settings_for(process::Role role, const Settings& all) {
    Settings out;
    for (const auto& row : process::setting_rows()) {
        auto key = process::key_of(row);
        if ((row.roles & process::bit(role)) != 0) out.set(key, all.text(key));
    }
    return out;
}

}  // namespace warren::supervisor
