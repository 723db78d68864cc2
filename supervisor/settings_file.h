// The settings file (TOML), held against the rows. Errors name file, line and column, what is wrong
// and what to write.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/process/settings.h"

namespace warren::supervisor {

using process::Settings;

struct Override {
    std::string option;  // as the user wrote it, for errors
    std::string key;
    std::string value;
};
// All rows of the file have a value afterwards. One line for each error found.
Result<Settings> parse_settings(std::string_view text, const std::string& file_name,
                                const std::vector<Override>& overrides);
// An empty path means no file: the defaults.
Result<Settings> load_settings(const std::string& path, const std::vector<Override>& overrides);

// The rows that a role gets.
Settings settings_for(process::Role role, const Settings& all);

std::string sample_text();     // an annotated settings file, every line a comment or a default
std::string reference_text();  // Markdown
std::string show_text(const Settings& settings);
std::string settings_json(const Settings& settings);  // secrets and internal rows left out

}  // namespace warren::supervisor
