// Settings, declared once: the sample file, the reference, --help, validation and the REST view all
// derive from these rows (settings.cpp). The supervisor parses the file; a worker gets its rows
// only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/process/roster.h"

namespace warren::process {

// What a text must look like, beyond its length.
enum class SettingForm { Any, Address, AddressV6, HostPort, Directory, Processors, SlotPins };

enum class SettingType { Integer, Flag, Text, List };  // List: of texts; travels joined by '\n'

constexpr unsigned bit(Role role) {
    return 1u << static_cast<unsigned>(role);
}
inline constexpr unsigned all_roles = 0x7f;

struct SettingRow {
    std::string_view section{};  // as in the TOML file: "overlay", "workers.storage"
    std::string_view name{};
    SettingType type = SettingType::Integer;
    std::string_view fallback{};    // as text; "" for an empty list or text
    std::int64_t min = 0, max = 0;  // Integer: bounds; Text and List: bytes
    std::string_view unit{};        // "", "bytes", "ms", "MiB", ...
    bool reloadable = false;
    unsigned roles = 0;  // which roles receive it
    std::string_view sentence{};
    std::string_view choices{};  // Text: "a|b|c", else empty
    SettingForm form = SettingForm::Any;
    bool internal = false;  // handed from supervisor to workers; never in the file
    bool secret = false;    // left out of listings
};
std::span<const SettingRow> setting_rows();
const SettingRow* find_setting(std::string_view section, std::string_view name);
const SettingRow* find_setting(std::string_view key);  // "section.name"
std::string key_of(const SettingRow& row);
// Is this text a value that the row allows? The error says what is wrong and what to write.
Result<void> check_value(const SettingRow& row, std::string_view value);
// "0-1,4" as numbers; nothing when it is not such a text.
std::optional<std::vector<unsigned>> parse_processors(std::string_view text);

// A checked set of values, by "section.name". Asking for one that was not handed over is our bug.
class Settings {
public:
    std::int64_t integer(std::string_view key) const;
    bool flag(std::string_view key) const;
    const std::string& text(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;

    void set(std::string key, std::string value) { values_[std::move(key)] = std::move(value); }
    bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
    const std::map<std::string, std::string, std::less<>>& all() const { return values_; }

private:
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace warren::process
