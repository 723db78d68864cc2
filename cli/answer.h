// From request to what the user sees: the answer, or what went wrong and what to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/json.h"

namespace warren::cli {

struct Asked {
    Exit exit = Exit::Ok;
    Json json;
    std::string raw;
    bool ok() const { return exit == Exit::Ok; }
};
// Sends, and prints the problem if there is one.
Asked ask(const Call& call, ApiRequest request);
Asked ask(const Call& call, ApiClient& client, ApiRequest request);
Exit complain(const Error& error);  // no node there
void print_error(std::string_view text);

// --json, --field and --quiet: prints and returns the exit code; nothing: print for people.
// `id_path` is the field that --quiet prints.
std::optional<Exit> print_for_programs(const Call& call, const Asked& asked,
                                       std::string_view id_path);
// The values at a dotted path; lists on the way give one value for each item.
struct Selection {
    std::vector<std::string> values;
    bool found = false;
};
Selection select(const Json& json, std::string_view path);

// Listings come in pages: which one is wanted (--limit, --after), and whether there is another.
std::string page_query(const Call& call);
void print_more(const Json& json);

bool stdout_is_terminal();
std::size_t terminal_width();  // 0: not a terminal

}  // namespace warren::cli
