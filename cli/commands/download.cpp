// Downloads: add, list, change, and progress while they run.
#include <cstdio>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

constexpr std::size_t torrent_bytes_max = 10 << 20;
constexpr std::int64_t poll_ms = 250;
constexpr std::size_t bar_width = 24;

double share_of(const Json& download) {
    const auto size = size_at(download, "size");
    return size == 0 ? 0
                     : static_cast<double>(size_at(download, "done")) / static_cast<double>(size);
}

std::string percent_of(const Json& download) {
    char out[16];
    std::snprintf(out, sizeof out, "%5.1f%%", 100 * share_of(download));
    return out;
}

std::string time_left(const Json& download) {
    const auto rate = size_at(download, "down_rate");
    const auto size = size_at(download, "size");
    const auto done = size_at(download, "done");
    if (rate == 0 || done >= size) return "";
    return human_duration(static_cast<std::int64_t>((size - done) / rate) * 1000) + " left";
}

std::string progress_line(const Json& download) {
    std::string out = progress_bar(share_of(download), bar_width) + " " + percent_of(download) +
                      "  " + string_at(download, "state");
    if (size_at(download, "size") != 0) out += "  " + human_size(size_at(download, "size"));
    if (auto rate = size_at(download, "down_rate"); rate != 0)
        out += "  " + human_size(rate) + "/s";
    if (auto left = time_left(download); !left.empty()) out += "  " + left;
    return out + "  " + printable(string_at(download, "name"));
}

void print_downloads(const Json& json) {
    Table table({{"NAME", Align::Left, true},
                 {"STATE"},
                 {"DONE", Align::Right},
                 {"SIZE", Align::Right},
                 {"DOWN", Align::Right},
                 {"UP", Align::Right},
                 {"PEERS", Align::Right},
                 {"INFOHASH"}});
    for (const auto& item : items_at(json, "items"))
        table.add({string_at(item, "name"), string_at(item, "state"), percent_of(item),
                   human_size(size_at(item, "size")), human_size(size_at(item, "down_rate")) + "/s",
                   human_size(size_at(item, "up_rate")) + "/s",
                   std::to_string(number_at(item, "peers")), string_at(item, "infohash")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    for (const auto& item : items_at(json, "items"))
        if (auto error = string_at(item, "error"); !error.empty())
            std::printf("%s: %s\n", printable(string_at(item, "name")).c_str(),
                        printable(error).c_str());
}

bool is_infohash(const std::string& text) {
    return Infohash::from_hex_text(text).has_value();
}

bool check_infohash(const std::string& text) {
    if (is_infohash(text)) return true;
    print_error("INFOHASH is \"" + printable(text) +
                "\"; write the 40 hexadecimal digits that `warren download list` shows");
    return false;
}

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// The list, or one download in the same shape.
Asked list_downloads(const Call& call, const std::string& infohash) {
    const bool one = !infohash.empty();
    auto asked = ask(call, {"GET", one ? "downloads/" + lower(infohash) : "downloads", "", ""});
    if (!asked.ok() || !one) return asked;
    asked.json = Json{{"items", Json::array({asked.json})}};
    asked.raw = dump(asked.json);
    return asked;
}

Result<Json> to_download(const Call& call) {
    const auto what = call.text("WHAT");
    Json out;
    if (is_infohash(what)) {
        out["infohash"] = lower(what);
    } else if (what.starts_with("magnet:")) {
        out["magnet"] = what;
    } else if (what.ends_with(".torrent")) {
        WARREN_TRY(auto file, read_file(what, torrent_bytes_max));
        out["torrent"] = to_base64(view_of(file));
    } else {
        return bad_input(
            "WHAT is \"" + printable(what) +
            "\"; write an infohash (40 hexadecimal digits), a magnet link or FILE.torrent");
    }
    if (call.has("--name") && !out.contains("infohash"))
        return bad_input("--name goes with an infohash only; links and files have their own names");
    if (call.has("--name")) out["name"] = call.text("--name");
    if (call.has("--paused")) out["paused"] = true;
    return out;
}

// Shows how a download goes: a bar that moves on a terminal, else a line when something changed.
class Progress {
public:
    void show(const Json& download) {
        const auto line = progress_line(download);
        if (stdout_is_terminal()) {
            std::printf("\r\x1b[K%s", fitted(line, terminal_width()).c_str());
        } else {
            const auto step = string_at(download, "state") +
                              std::to_string(static_cast<int>(share_of(download) * 10));
            if (step != step_) std::puts(line.c_str());
            step_ = step;
        }
        std::fflush(stdout);
    }
    void end() {
        if (stdout_is_terminal()) std::puts("");
    }

private:
    std::string step_;
};

// Complete, failed for good, or not yet.
std::optional<Exit> verdict_on(const Json& download) {
    const auto state = string_at(download, "state");
    if (state == "failed") return Exit::Refused;
    const auto size = size_at(download, "size");
    if (state == "seeding" ||
        (size != 0 && size_at(download, "done") >= size && state != "checking"))
        return Exit::Ok;
    return std::nullopt;
}

Exit wait_complete(const Call& call, const std::string& infohash) {
    const bool bounded = call.has("--wait-timeout");
    const auto deadline = monotonic_now() + call.number("--wait-timeout", 0) * 1'000'000'000;
    const bool silent = call.has("--json") || call.has("--field") || call.has("--quiet");
    Progress progress;
    while (true) {
        auto asked = list_downloads(call, infohash);
        if (!asked.ok()) return asked.exit;
        const auto& download = items_at(asked.json, "items").front();
        if (!silent) progress.show(download);
        const auto verdict = verdict_on(download);
        const bool over = bounded && monotonic_now() >= deadline;
        if (!verdict && !over) {
            wait_ms(poll_ms);
            continue;
        }
        if (!silent) progress.end();
        if (!verdict)
            print_error("not complete after " +
                        human_duration(call.number("--wait-timeout", 0) * 1000));
        else if (*verdict != Exit::Ok)
            print_error("the download failed: " + printable(string_at(download, "error")));
        return verdict.value_or(Exit::TryAgain);
    }
}

Exit watch(const Call& call) {
    std::map<std::string, Progress> lines;
    while (true) {
        auto asked = list_downloads(call, call.text("INFOHASH"));
        if (!asked.ok()) return asked.exit;
        if (stdout_is_terminal()) std::fputs("\x1b[H\x1b[J", stdout);
        for (const auto& item : items_at(asked.json, "items")) {
            if (stdout_is_terminal())
                std::puts(fitted(progress_line(item), terminal_width()).c_str());
            else
                lines[string_at(item, "infohash")].show(item);
        }
        std::fflush(stdout);
        wait_ms(4 * poll_ms);
    }
}

Exit change_state(const Call& call, const char* state) {
    const auto infohash = call.text("INFOHASH");
    if (!check_infohash(infohash)) return Exit::Usage;
    return ask(call, {"PATCH", "downloads/" + lower(infohash), dump({{"state", state}}), ""}).exit;
}

}  // namespace

Exit run_download_add(const Call& call) {
    if (call.has("--paused") && call.has("--wait")) {
        print_error("--wait with --paused would wait for ever; leave one of them away");
        return Exit::Usage;
    }
    auto body = to_download(call);
    if (!body) {
        print_error(body.error().text);
        return Exit::Usage;
    }
    auto asked = ask(call, {"POST", "downloads", dump(*body), ""});
    if (!asked.ok()) return asked.exit;
    const auto infohash = string_at(asked.json, "infohash");
    auto printed = print_for_programs(call, asked, "infohash");
    if (!printed)
        std::printf("%s %s  %s\n", flag_at(asked.json, "created") ? "added" : "already there:",
                    printable(infohash).c_str(), printable(string_at(asked.json, "name")).c_str());
    if (printed && *printed != Exit::Ok) return *printed;
    return call.has("--wait") ? wait_complete(call, infohash) : Exit::Ok;
}

Exit run_download_list(const Call& call) {
    const auto infohash = call.text("INFOHASH");
    if (!infohash.empty() && !check_infohash(infohash)) return Exit::Usage;
    if (call.has("--watch")) return watch(call);
    auto asked = list_downloads(call, infohash);
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.infohash")) return *printed;
    print_downloads(asked.json);
    return Exit::Ok;
}

Exit run_download_pause(const Call& call) {
    return change_state(call, "paused");
}

Exit run_download_resume(const Call& call) {
    return change_state(call, "running");
}

Exit run_download_remove(const Call& call) {
    const auto infohash = call.text("INFOHASH");
    if (!check_infohash(infohash)) return Exit::Usage;
    const std::string files = call.has("--delete-files") ? "delete" : "keep";
    return ask(call, {"DELETE", "downloads/" + lower(infohash) + "?files=" + files, "", ""}).exit;
}

}  // namespace warren::cli
