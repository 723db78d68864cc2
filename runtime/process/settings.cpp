// Looking settings up, and checking values against their rows.
#include "runtime/process/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/endpoint.h"
#include "runtime/process/slot_pins.h"

namespace warren::process {

namespace {

const std::string& value_of(const std::map<std::string, std::string, std::less<>>& values,
                            std::string_view key) {
    auto found = values.find(key);
    if (found == values.end()) {
        std::fprintf(stderr, "broken setting=%.*s not handed to this process\n",
                     static_cast<int>(key.size()), key.data());
    }
    WARREN_CHECK(found != values.end());
    return found->second;
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t out = 0;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        auto end = std::min(text.find('\n'), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

Result<void> check_integer(const SettingRow& row, std::string_view value) {
    auto unit = row.unit.empty() ? "" : fmt::format(" {}", row.unit);
    auto parsed = number(value);
    if (!parsed) {
        return bad_input(fmt::format("{} must be a whole number from {} to {}{}, such as {}",
                                     key_of(row), row.min, row.max, unit, row.fallback));
    }
    if (*parsed < row.min || *parsed > row.max) {
        return bad_input(fmt::format("{} = {} is out of bounds: write {} to {}{}", key_of(row),
                                     *parsed, row.min, row.max, unit));
    }
    return {};
}

Result<void> check_choice(const SettingRow& row, std::string_view value) {
    for (auto rest = row.choices;;) {
        auto bar = rest.find('|');
        if (rest.substr(0, bar) == value) return {};
        if (bar == std::string_view::npos) break;
        rest.remove_prefix(bar + 1);
    }
    auto choices = std::string(row.choices);
    for (std::size_t at = 0; (at = choices.find('|', at)) != std::string::npos;)
        choices.replace(at, 1, ", ");
    return bad_input(
        fmt::format("{} = \"{}\" is not known: write one of {}", key_of(row), value, choices));
}

bool is_host_port(std::string_view text) {
    if (Endpoint::parse(text)) return true;
    auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || text[0] == '[') return false;
    auto port = number(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    return port && *port > 0 && *port < 65536 && std::all_of(host.begin(), host.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.';
           });
}

Result<void> check_form(const SettingRow& row, std::string_view value) {
    switch (row.form) {
    case SettingForm::Any: return {};
    case SettingForm::Address:
        if (Endpoint::parse(value)) return {};
        return bad_input(
            fmt::format("{} = \"{}\" is not an address: write ADDRESS:PORT, such as {}",
                        key_of(row), value, row.fallback));
    case SettingForm::AddressV6: {
        const auto address = Endpoint::parse(value);
        if (value.empty() || (address && address->v6)) return {};
        return bad_input(fmt::format("{} = \"{}\" is not an IPv6 address: write [ADDRESS]:PORT, "
                                     "such as [::]:8090, or nothing",
                                     key_of(row), value));
    }
    case SettingForm::HostPort:
        if (is_host_port(value)) return {};
        return bad_input(fmt::format("{} has \"{}\": write HOST:PORT, such as 192.0.2.7:8090",
                                     key_of(row), value));
    case SettingForm::Directory:
        if (value.empty() || (value[0] == '/' && value.find('\0') == value.npos)) return {};
        return bad_input(fmt::format("{} = \"{}\" must be an absolute path, such as /srv/warren",
                                     key_of(row), value));
    case SettingForm::Processors:
        if (parse_processors(value)) return {};
        return bad_input(
            fmt::format("{} = \"{}\" must name processors, such as 0-1,4", key_of(row), value));
    case SettingForm::SlotPins: {
        auto pins = parse_slot_pins(lines_of(value));
        if (pins) return {};
        return bad_input(fmt::format("{}: {}", key_of(row), pins.error().text));
    }
    }
    return {};
}

}  // namespace

std::optional<std::vector<unsigned>> parse_processors(std::string_view text) {
    constexpr std::int64_t last_processor = 1023;
    std::vector<unsigned> out;
    while (!text.empty()) {
        auto part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        auto dash = part.find('-');
        auto first = number(part.substr(0, dash));
        auto last = dash == part.npos ? first : number(part.substr(dash + 1));
        if (!first || !last || *first < 0 || *first > *last || *last > last_processor)
            return std::nullopt;
        for (auto cpu = *first; cpu <= *last; ++cpu)
            out.push_back(static_cast<unsigned>(cpu));
    }
    return out;
}

std::string key_of(const SettingRow& row) {
    return fmt::format("{}.{}", row.section, row.name);
}

const SettingRow* find_setting(std::string_view section, std::string_view name) {
    for (const auto& row : setting_rows()) {
        if (row.section == section && row.name == name) return &row;
    }
    return nullptr;
}

const SettingRow* find_setting(std::string_view key) {
    auto dot = key.rfind('.');
    if (dot == std::string_view::npos) return nullptr;
    return find_setting(key.substr(0, dot), key.substr(dot + 1));
}

Result<void> check_value(const SettingRow& row, std::string_view value) {
    switch (row.type) {
    case SettingType::Integer: return check_integer(row, value);
    case SettingType::Flag:
        if (value == "true" || value == "false") return {};
        return bad_input(fmt::format("{} must be true or false", key_of(row)));
    case SettingType::Text:
    case SettingType::List: break;
    }
    if (static_cast<std::int64_t>(value.size()) > row.max) {
        return bad_input(
            fmt::format("{} is longer than {} bytes: write a shorter one", key_of(row), row.max));
    }
    if (!row.choices.empty()) return check_choice(row, value);
    const bool as_a_whole = row.type == SettingType::Text || row.form == SettingForm::SlotPins;
    if (as_a_whole) return check_form(row, value);
    for (const auto& line : lines_of(value))
        WARREN_TRY_VOID(check_form(row, line));
    return {};
}

std::int64_t Settings::integer(std::string_view key) const {
    auto parsed = number(value_of(values_, key));
    WARREN_CHECK(parsed.has_value());
    return *parsed;
}

bool Settings::flag(std::string_view key) const {
    return value_of(values_, key) == "true";
}

const std::string& Settings::text(std::string_view key) const {
    return value_of(values_, key);
}

std::vector<std::string> Settings::list(std::string_view key) const {
    return lines_of(value_of(values_, key));
}

}  // namespace warren::process
