// What members say of channels, and what channels hold beside torrents: votes, subscriptions,
// edits, comments, playlists, moderation.
#include <cstdio>

#include "base/ids.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

std::string of_channel(const Call& call, const std::string& rest = "") {
    return "channels/" + percent_encoded(call.text("CHANNEL")) + rest;
}

std::string of_record(const Call& call, const std::string& list) {
    return of_channel(call, list + "/" + percent_encoded(call.text("REF")));
}

// Options that are members of the body, where they are given.
Json body_of(const Call& call, std::initializer_list<std::pair<const char*, const char*>> options) {
    Json out = Json::object();
    for (const auto& [option, name] : options)
        if (call.has(option)) out[name] = call.text(option);
    return out;
}

Json list_of(const Call& call, std::string_view option) {
    Json out = Json::array();
    for (const auto& one : call.texts(option))
        out.push_back(one);
    return out;
}

// Sends a change; what it made can be named in later commands.
Exit publish(const Call& call, const char* method, const std::string& path, const Json& body) {
    auto asked = ask(call, {method, path, dump(body), ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "ref")) return *printed;
    std::printf("record %s\n", printable(string_at(asked.json, "ref")).c_str());
    return Exit::Ok;
}

Exit moderate(const Call& call, const char* action) {
    Json body{{"target", call.text("REF")}, {"action", action}};
    if (call.has("--as")) body["as"] = call.text("--as");
    return publish(call, "POST", of_channel(call, "/moderation"), body);
}

std::string short_id(const Json& item, const char* key) {
    return string_at(item, key).substr(0, 12);
}

}  // namespace

Exit run_channel_edit(const Call& call) {
    const auto body = body_of(call, {{"--name", "name"}, {"--description", "description"}});
    return publish(call, "PATCH", of_channel(call), body);
}

Exit run_channel_vote(const Call& call) {
    const auto word = call.text("VOTE");
    const Json body{{"value", word == "up" ? 1 : word == "down" ? -1 : 0}};
    return ask(call, {"PUT", of_channel(call, "/vote"), dump(body), ""}).exit;
}

Exit run_channel_subscribe(const Call& call) {
    return ask(call, {"PUT", of_channel(call, "/subscription"), "", ""}).exit;
}

Exit run_channel_unsubscribe(const Call& call) {
    return ask(call, {"DELETE", of_channel(call, "/subscription"), "", ""}).exit;
}

Exit run_channel_torrent_show(const Call& call) {
    auto asked = ask(call, {"GET", of_record(call, "/torrents"), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "infohash")) return *printed;
    std::printf("%s\n", printable(string_at(asked.json, "name")).c_str());
    std::printf("infohash  %s\n", printable(string_at(asked.json, "infohash")).c_str());
    std::printf("size      %s in %s files\n", human_size(size_at(asked.json, "size")).c_str(),
                human_count(size_at(asked.json, "files")).c_str());
    std::printf("tags      %s\n", printable(string_at(asked.json, "tags")).c_str());
    if (const auto picture = string_at(asked.json, "thumbnail"); !picture.empty())
        std::printf("thumbnail %s\n", printable(picture).c_str());
    for (const auto& tracker : items_at(asked.json, "trackers"))
        if (tracker.is_string())
            std::printf("tracker   %s\n", printable(tracker.get<std::string>()).c_str());
    if (flag_at(asked.json, "edited")) std::puts("edited");
    return Exit::Ok;
}

Exit run_channel_torrent_edit(const Call& call) {
    auto body =
        body_of(call, {{"--name", "name"}, {"--tags", "tags"}, {"--thumbnail", "thumbnail"}});
    if (call.has("--tracker")) body["trackers"] = list_of(call, "--tracker");
    return publish(call, "PATCH", of_record(call, "/torrents"), body);
}

Exit run_channel_comment_list(const Call& call) {
    auto path = of_channel(call, "/comments") + page_query(call);
    if (call.has("--about")) path += "&about=" + percent_encoded(call.text("--about"));
    auto asked = ask(call, {"GET", path, "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.ref")) return *printed;
    for (const auto& item : items_at(asked.json, "items")) {
        std::printf("%s%s  %s%s\n", string_at(item, "reply_to").empty() ? "" : "  ",
                    short_id(item, "member").c_str(), printable(string_at(item, "ref")).c_str(),
                    flag_at(item, "edited") ? "  (edited)" : "");
        std::printf("    %s\n", printable(string_at(item, "text")).c_str());
    }
    print_more(asked.json);
    return Exit::Ok;
}

Exit run_channel_comment_add(const Call& call) {
    auto body = body_of(call, {{"--about", "about"}, {"--reply-to", "reply_to"}});
    body["text"] = call.text("TEXT");
    return publish(call, "POST", of_channel(call, "/comments"), body);
}

Exit run_channel_comment_edit(const Call& call) {
    return publish(call, "PATCH", of_record(call, "/comments"), {{"text", call.text("TEXT")}});
}

Exit run_channel_playlist_list(const Call& call) {
    auto asked = ask(call, {"GET", of_channel(call, "/playlists") + page_query(call), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.ref")) return *printed;
    Table table({{"NAME", Align::Left, true},
                 {"TORRENTS", Align::Right},
                 {"BY"},
                 {"ABOUT", Align::Left, true},
                 {"REF"}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({string_at(item, "name"), human_count(items_at(item, "items").size()),
                   short_id(item, "member"), string_at(item, "description"),
                   string_at(item, "ref")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    print_more(asked.json);
    return Exit::Ok;
}

Exit run_channel_playlist_show(const Call& call) {
    auto asked = ask(call, {"GET", of_record(call, "/playlists"), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "torrents.infohash")) return *printed;
    std::printf("%s\n", printable(string_at(asked.json, "name")).c_str());
    if (auto about = string_at(asked.json, "description"); !about.empty())
        std::printf("%s\n", printable(about).c_str());
    const auto& torrents = items_at(asked.json, "torrents");
    Table table({{"NAME", Align::Left, true}, {"SIZE", Align::Right}, {"INFOHASH"}, {"REF"}});
    for (const auto& item : torrents)
        table.add({string_at(item, "name"), human_size(size_at(item, "size")),
                   string_at(item, "infohash"), string_at(item, "ref")});
    std::fputs(("\n" + table.text(terminal_width())).c_str(), stdout);
    const auto all = items_at(asked.json, "items").size();
    if (all > torrents.size())
        std::printf("\n%zu more that are hidden, or not here yet\n", all - torrents.size());
    return Exit::Ok;
}

Exit run_channel_playlist_create(const Call& call) {
    auto body = body_of(call, {{"--description", "description"}});
    body["name"] = call.text("NAME");
    body["items"] = list_of(call, "TORRENT");
    return publish(call, "POST", of_channel(call, "/playlists"), body);
}

// What is not given stays as it was.
Exit run_channel_playlist_edit(const Call& call) {
    auto before = ask(call, {"GET", of_record(call, "/playlists"), "", ""});
    if (!before.ok()) return before.exit;
    Json body{
        {"name", call.text("--name", string_at(before.json, "name"))},
        {"description", call.text("--description", string_at(before.json, "description"))},
        {"items", call.has("TORRENT") ? list_of(call, "TORRENT") : items_at(before.json, "items")}};
    return publish(call, "PUT", of_record(call, "/playlists"), body);
}

Exit run_channel_moderation_hide(const Call& call) {
    return moderate(call, "hide");
}

Exit run_channel_moderation_restore(const Call& call) {
    return moderate(call, "restore");
}

Exit run_channel_moderation_log(const Call& call) {
    auto asked = ask(call, {"GET", of_channel(call, "/moderation") + page_query(call), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.ref")) return *printed;
    Table table({{"TIME", Align::Right}, {"MEMBER"}, {"ACTION"}, {"KIND"}, {"TARGET"}, {"REF"}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({std::to_string(size_at(item, "global_time")), string_at(item, "member"),
                   string_at(item, "action"), string_at(item, "kind"), string_at(item, "target"),
                   string_at(item, "ref")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    print_more(asked.json);
    if (!table.empty())
        std::printf("Who allowed it: warren community why %s REF\n", call.text("CHANNEL").c_str());
    return Exit::Ok;
}

Exit run_popular(const Call& call) {
    auto asked =
        ask(call, {"GET", "torrents/popular?limit=" + std::to_string(call.number("--limit", 50)),
                   "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.infohash")) return *printed;
    Table table({{"NAME", Align::Left, true},
                 {"SIZE", Align::Right},
                 {"SEEDERS", Align::Right},
                 {"CHANNEL", Align::Left, true},
                 {"INFOHASH"}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({string_at(item, "name"), human_size(size_at(item, "size")),
                   member(item, "seeders").is_null() ? "-" : human_count(size_at(item, "seeders")),
                   string_at(item, "channel"), string_at(item, "infohash")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    return Exit::Ok;
}

}  // namespace warren::cli
