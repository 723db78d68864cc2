// Answers and problems, printed.
#include "cli/answer.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/format.h"

namespace warren::cli {

namespace {

std::string_view advice_for(int status) {
    switch (status) {
    case 400:
    case 422: return "correct the input; `--help` of the command shows examples";
    case 401: return "the token is not this node's: check --state or --token-file";
    case 403: return "the node's settings or limits forbid it: `warren config show`";
    case 404:
        return "check the id or path; `warren channel list` and `warren download list` show ids";
    case 409: return "look at what is there already before you try again";
    case 413: return "send less, or raise api.body_bytes_max";
    case 421: return "add this HOST:PORT to api.hosts in the settings";
    case 500: return "the node's log has a line about it";
    case 503: return "try again in a moment; `warren status` says what is missing";
    case 507: return "make room on the node's disk";
    default: return "";
    }
}

void print_problem(const ApiAnswer& answer, const Json& json) {
    auto title = string_at(json, "title");
    if (title.empty()) title = "the node answered";
    std::string text = printable(title) + " (" + std::to_string(answer.status) + ")";
    if (auto detail = string_at(json, "detail"); !detail.empty()) text += ": " + printable(detail);
    for (const auto& error : items_at(json, "errors"))
        text += "\n  " + printable(string_at(error, "pointer")) + ": " +
                printable(string_at(error, "detail"));
    if (auto advice = advice_for(answer.status); !advice.empty())
        text += "\n  what to do: " + std::string(advice);
    print_error(text);
}

std::string as_text(const Json& json) {
    if (json.is_null()) return "";
    return json.is_string() ? json.get<std::string>() : dump(json);
}

std::string keys_of(const Json& json) {
    const Json& from = json.is_array() && !json.empty() ? json.front() : json;
    std::string out;
    if (!from.is_object()) return out;
    for (const auto& [key, value] : from.items())
        out += (out.empty() ? "" : ", ") + key;
    return out;
}

Exit print_fields(const Json& json, std::span<const std::string> paths) {
    std::vector<Selection> columns;
    std::size_t rows = 0;
    for (const auto& path : paths) {
        auto column = select(json, path);
        if (!column.found) {
            print_error("the answer has no field \"" + path + "\"; it has: " + keys_of(json));
            return Exit::Usage;
        }
        rows = std::max(rows, column.values.size());
        columns.push_back(std::move(column));
    }
    for (std::size_t row = 0; row < rows; ++row) {
        std::string line;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const auto& values = columns[i].values;
            if (i != 0) line += '\t';
            // A field outside of the list stands on every line.
            if (values.size() == 1)
                line += printable(values.front());
            else if (row < values.size())
                line += printable(values[row]);
        }
        std::puts(line.c_str());
    }
    return Exit::Ok;
}

}  // namespace

void print_error(std::string_view text) {
    std::fflush(stdout);
    std::fprintf(stderr, "warren: %.*s\n", static_cast<int>(text.size()), text.data());
}

Exit complain(const Error& error) {
    print_error(error.text);
    return error.kind == ErrorKind::BadInput ? Exit::Usage : Exit::Unreachable;
}

Asked ask(const Call& call, ApiRequest request) {
    auto client = ApiClient::open(call);
    if (!client) return {complain(client.error()), {}, {}};
    return ask(call, *client, std::move(request));
}

Asked ask(const Call& call, ApiClient& client, ApiRequest request) {
    auto answer = client.send(std::move(request));
    if (!answer) return {complain(answer.error()), {}, {}};
    Asked out{exit_of(answer->status), parse_json(answer->body).value_or(Json()), answer->body};
    if (out.ok()) return out;
    if (call.has("--json") && !out.json.is_null()) std::puts(out.raw.c_str());
    print_problem(*answer, out.json);
    return out;
}

Selection select(const Json& json, std::string_view path) {
    Selection out;
    if (path.empty()) return {{as_text(json)}, true};
    if (json.is_array()) {
        out.found = json.empty();
        for (const auto& item : json) {
            auto part = select(item, path);
            out.found = out.found || part.found;
            out.values.insert(out.values.end(), part.values.begin(), part.values.end());
        }
        return out;
    }
    const auto dot = path.find('.');
    const std::string key(path.substr(0, dot));
    if (!json.is_object() || !json.contains(key)) return {{""}, false};
    return select(json.at(key), dot == std::string_view::npos ? "" : path.substr(dot + 1));
}

std::optional<Exit> print_for_programs(const Call& call, const Asked& asked,
                                       std::string_view id_path) {
    if (call.has("--field")) return print_fields(asked.json, call.texts("--field"));
    if (call.has("--quiet")) {
        const std::string path(id_path);
        return path.empty() ? Exit::Ok : print_fields(asked.json, {&path, 1});
    }
    if (!call.has("--json")) return std::nullopt;
    std::puts(asked.raw.c_str());
    return Exit::Ok;
}

std::string page_query(const Call& call) {
    std::string out = "?limit=" + std::to_string(call.number("--limit", 100));
    if (call.has("--after")) out += "&after=" + percent_encoded(call.text("--after"));
    return out;
}

void print_more(const Json& json) {
    const auto next = string_at(json, "next");
    if (!next.empty()) std::printf("\nmore: --after %s\n", printable(next).c_str());
}

bool stdout_is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

std::size_t terminal_width() {
    winsize size{};
    if (!stdout_is_terminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
}

}  // namespace warren::cli
