// Channels and search.
#include <cstdio>
#include <ctime>

#include "base/bytes.h"
#include "base/ids.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

constexpr std::size_t torrent_bytes_max = 10 << 20;

std::string day_of(std::int64_t unix_ms) {
    const std::time_t seconds = unix_ms / 1000;
    std::tm parts{};
    char out[32] = "-";
    if (unix_ms > 0 && ::localtime_r(&seconds, &parts) != nullptr)
        std::strftime(out, sizeof out, "%Y-%m-%d %H:%M", &parts);
    return out;
}

bool is_channel_id(const Call& call) {
    if (CommunityId::from_hex_text(call.text("CHANNEL"))) return true;
    print_error("CHANNEL is \"" + printable(call.text("CHANNEL")) +
                "\"; write the 40 hexadecimal digits that `warren channel list` shows");
    return false;
}

std::string seeders_of(const Json& item) {
    return member(item, "seeders").is_null() ? "-" : human_count(size_at(item, "seeders"));
}

void print_torrents(const Json& json, bool with_channel) {
    std::vector<Column> columns{
        {"NAME", Align::Left, true}, {"SIZE", Align::Right}, {"FILES", Align::Right}};
    columns.push_back({"SEEDERS", Align::Right});
    columns.push_back(with_channel ? Column{"CHANNEL", Align::Left, true} : Column{"PUBLISHED"});
    const bool asked_peers = !member(json, "peers_asked").is_null();
    if (asked_peers) columns.push_back({"SOURCE"});
    columns.push_back({"INFOHASH"});
    if (!with_channel) columns.push_back({"REF"});
    Table table(columns);
    for (const auto& item : items_at(json, "items")) {
        std::vector<std::string> row{string_at(item, "name"), human_size(size_at(item, "size")),
                                     human_count(size_at(item, "files")), seeders_of(item),
                                     with_channel ? string_at(item, "channel")
                                                  : day_of(number_at(item, "created_ms"))};
        if (asked_peers) row.push_back(string_at(item, "source"));
        row.push_back(string_at(item, "infohash"));
        if (!with_channel) row.push_back(string_at(item, "ref"));
        table.add(std::move(row));
    }
    std::fputs(table.text(terminal_width()).c_str(), stdout);
}

// What one word of `channel add` stands for, as a request body.
Result<Json> to_torrent(const Call& call, const std::string& what) {
    Json out;
    if (call.has("--name")) out["name"] = call.text("--name");
    if (call.has("--tags")) out["tags"] = call.text("--tags");
    if (call.has("--thumbnail")) out["thumbnail"] = call.text("--thumbnail");
    for (const auto& tracker : call.texts("--tracker"))
        out["trackers"].push_back(tracker);
    if (what.starts_with("magnet:")) {
        if (!call.has("--name"))
            return bad_input("a magnet link has no name of its own; add --name NAME");
        out["magnet"] = what;
        return out;
    }
    // A .torrent that we can read is one; anything else is a path that the node looks up.
    auto file = what.ends_with(".torrent") ? read_file(what, torrent_bytes_max)
                                           : Result<std::string>(not_found(""));
    if (file)
        out["torrent"] = to_base64(view_of(*file));
    else if (file.error().kind == ErrorKind::NotFound)
        out["path"] = what;
    else
        return file.error();
    return out;
}

}  // namespace

Exit run_channel_create(const Call& call) {
    Json body{{"name", call.text("NAME")}};
    if (call.has("--description")) body["description"] = call.text("--description");
    auto asked = ask(call, {"POST", "channels", dump(body), ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "id")) return *printed;
    std::printf("channel %s\n", printable(string_at(asked.json, "id")).c_str());
    return Exit::Ok;
}

Exit run_channel_list(const Call& call) {
    auto path = "channels" + page_query(call);
    if (call.has("--sort")) path += "&sort=" + call.text("--sort");
    if (call.has("--subscribed")) path += "&subscribed=true";
    auto asked = ask(call, {"GET", path, "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.id")) return *printed;
    Table table({{"CHANNEL"},
                 {"NAME", Align::Left, true},
                 {"TORRENTS", Align::Right},
                 {"MEMBERS", Align::Right},
                 {"VOTES"},
                 {"JOINED"},
                 {"OWN"},
                 {"CHANGED"},
                 {"ABOUT", Align::Left, true}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({string_at(item, "id"), string_at(item, "name"),
                   human_count(size_at(item, "torrents")),
                   human_count(size_at(item, "subscribers")),
                   "+" + human_count(size_at(item, "votes_up")) + " -" +
                       human_count(size_at(item, "votes_down")),
                   flag_at(item, "joined") ? "yes" : "no", flag_at(item, "own") ? "yes" : "no",
                   day_of(number_at(item, "updated_ms")), string_at(item, "description")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    print_more(asked.json);
    return Exit::Ok;
}

Exit run_channel_show(const Call& call) {
    if (!is_channel_id(call)) return Exit::Usage;
    const auto path = "channels/" + call.text("CHANNEL");
    auto asked = ask(call, {"GET", path + "/contents" + page_query(call), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.infohash")) return *printed;
    auto channel = ask(call, {"GET", path, "", ""});
    if (!channel.ok()) return channel.exit;
    std::printf("%s\n", printable(string_at(channel.json, "name")).c_str());
    if (auto about = string_at(channel.json, "description"); !about.empty())
        std::printf("%s\n", printable(about).c_str());
    std::puts("");
    print_torrents(asked.json, false);
    print_more(asked.json);
    return Exit::Ok;
}

Exit run_channel_add(const Call& call) {
    if (!is_channel_id(call)) return Exit::Usage;
    if (call.has("--name") && call.texts("WHAT").size() > 1) {
        print_error("--name can name one torrent only; add them one by one");
        return Exit::Usage;
    }
    for (const auto& what : call.texts("WHAT")) {
        auto body = to_torrent(call, what);
        if (!body) {
            print_error(body.error().text);
            return Exit::Usage;
        }
        auto asked =
            ask(call, {"POST", "channels/" + call.text("CHANNEL") + "/torrents", dump(*body), ""});
        if (!asked.ok()) return asked.exit;
        if (auto printed = print_for_programs(call, asked, "infohash")) {
            if (*printed != Exit::Ok) return *printed;
            continue;
        }
        std::printf("published %s (%s, %s files) infohash %s\n",
                    printable(string_at(asked.json, "name")).c_str(),
                    human_size(size_at(asked.json, "size")).c_str(),
                    human_count(size_at(asked.json, "files")).c_str(),
                    printable(string_at(asked.json, "infohash")).c_str());
    }
    return Exit::Ok;
}

Exit run_channel_join(const Call& call) {
    if (!is_channel_id(call)) return Exit::Usage;
    return ask(call, {"PUT", "communities/" + call.text("CHANNEL"), "", ""}).exit;
}

Exit run_channel_leave(const Call& call) {
    if (!is_channel_id(call)) return Exit::Usage;
    return ask(call, {"DELETE", "communities/" + call.text("CHANNEL"), "", ""}).exit;
}

Exit run_search(const Call& call) {
    std::string words;
    for (const auto& word : call.texts("WORDS"))
        words += (words.empty() ? "" : " ") + word;
    auto path = "search?q=" + percent_encoded(words) +
                "&limit=" + std::to_string(call.number("--limit", 50));
    if (call.has("--community")) path += "&community=" + percent_encoded(call.text("--community"));
    if (call.has("--remote"))
        path += "&remote=true&wait_ms=" + std::to_string(call.number("--wait", 3) * 1000);
    auto asked = ask(call, {"GET", path, "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.infohash")) return *printed;
    if (items_at(asked.json, "items").empty())
        std::puts("nothing found");
    else
        print_torrents(asked.json, true);
    if (call.has("--remote"))
        std::printf("%s neighbours were asked\n",
                    human_count(size_at(asked.json, "peers_asked")).c_str());
    const auto& complete = member(asked.json, "complete");
    if (complete.is_boolean() && !complete.get<bool>())
        print_error("a part of the node did not answer: there may be more");
    return Exit::Ok;
}

Exit run_author(const Call& call) {
    const auto who = call.text("MEMBER");
    const auto bytes = from_hex(who);
    constexpr std::size_t key_bytes = 74;
    if (!bytes || (bytes->size() != MemberId::size && bytes->size() != key_bytes)) {
        print_error("MEMBER is \"" + printable(who) +
                    "\"; write a member id (40 hexadecimal digits) or a public key (148)");
        return Exit::Usage;
    }
    auto asked = ask(call, {"GET", "members/" + who + "/records" + page_query(call), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.record")) return *printed;
    std::printf("%s records, %s forks\n", human_count(size_at(asked.json, "records")).c_str(),
                human_count(size_at(asked.json, "forks")).c_str());
    Table table({{"COMMUNITY"}, {"TIME", Align::Right}, {"KIND"}, {"FORKED"}, {"RECORD"}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({string_at(item, "community"), human_count(size_at(item, "global_time")),
                   string_at(item, "kind"), flag_at(item, "forked") ? "yes" : "no",
                   string_at(item, "record")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    print_more(asked.json);
    return Exit::Ok;
}

}  // namespace warren::cli
