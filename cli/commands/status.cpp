// How the node is: status, communities, sync, peers.
#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/endpoint.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

constexpr std::int64_t patience_ms = 2'000;  // before the roster file answers instead
constexpr std::int64_t poll_ms = 100;

void print(const Table& table) {
    std::fputs(table.text(terminal_width()).c_str(), stdout);
}

std::string short_id(const std::string& id) {
    return id.size() > 12 && stdout_is_terminal() ? id.substr(0, 12) + "…" : id;
}

// "23, pinned 4 17"
std::string slots_of(const Json& worker) {
    if (!worker.contains("slots")) return {};
    auto out = std::to_string(number_at(worker, "slots"));
    const auto& pinned = items_at(worker, "pinned_slots");
    for (const auto& slot : pinned)
        out += (slot == pinned.front() ? ", pinned " : " ") + slot.get<std::string>();
    return out;
}

void print_workers(const Json& json) {
    Table table({{"WORKER"},
                 {"STATE"},
                 {"PID", Align::Right},
                 {"RESTARTS", Align::Right},
                 {"SLOTS"},
                 {"WHY", Align::Left, true}});
    for (const auto& worker : items_at(json, "workers")) {
        auto name = string_at(worker, "name");
        if (name.empty())
            name = string_at(worker, "role") + "-" + std::to_string(number_at(worker, "index"));
        table.add({name, string_at(worker, "state"), std::to_string(number_at(worker, "pid")),
                   std::to_string(number_at(worker, "restarts")), slots_of(worker),
                   string_at(worker, "reason")});
    }
    print(table);
}

void print_status(const Json& json) {
    const auto line = [](const char* name, const std::string& value) {
        if (!value.empty()) std::printf("%-9s %s\n", name, printable(value).c_str());
    };
    line("version", string_at(json, "version"));
    line("state", string_at(json, "state"));
    if (json.contains("uptime_s")) line("up", human_duration(number_at(json, "uptime_s") * 1000));
    line("api", string_at(json, "api"));
    line("overlay", string_at(json, "overlay_port"));
    line("member", string_at(json, "member"));
    for (const auto& reason : items_at(json, "degraded"))
        line("degraded", reason.is_string() ? reason.get<std::string>() : dump(reason));
    std::puts("");
    print_workers(json);
}

// What the supervisor wrote last: it is there even when no api worker is.
Exit show_roster(const Call& call, const RosterFile& roster, Exit exit) {
    Asked asked{Exit::Ok, parse_json(roster.raw).value_or(Json()), roster.raw};
    while (asked.raw.ends_with('\n'))
        asked.raw.pop_back();
    if (auto printed = print_for_programs(call, asked, "pid"))
        return *printed == Exit::Ok ? exit : *printed;
    print_status(asked.json);
    return exit;
}

bool all_ready(const Json& status) {
    const auto& workers = items_at(status, "workers");
    return !workers.empty() && std::all_of(workers.begin(), workers.end(), [](const Json& worker) {
        return string_at(worker, "state") == "ready";
    });
}

// Asks until every worker is ready; also waits for a node that is only just starting.
Exit wait_ready(const Call& call) {
    const auto timeout_ms = call.number("--timeout", 15) * 1000;
    const auto deadline = monotonic_now() + timeout_ms * 1'000'000;
    std::string last = "the node does not answer";
    while (monotonic_now() < deadline) {
        auto client = ApiClient::open(call);
        if (client) {
            client->set_timeout_ms(
                std::max<std::int64_t>((deadline - monotonic_now()) / 1'000'000, 1));
            auto answer = client->send({"GET", "status", "", ""});
            auto json = answer && answer->ok() ? parse_json(answer->body) : std::nullopt;
            if (json && all_ready(*json)) return Exit::Ok;
            last = !answer ? answer.error().text : "not every worker is ready";
        } else {
            last = client.error().text;
        }
        wait_ms(poll_ms);
    }
    print_error("gave up after " + human_duration(timeout_ms) + ": " + last);
    return Exit::TryAgain;
}

}  // namespace

Exit run_status(const Call& call) {
    if (call.has("--wait"))
        if (auto waited = wait_ready(call); waited != Exit::Ok) return waited;
    const auto roster = read_roster(state_dir_of(call));
    if (call.has("--roster")) {
        if (!roster) return complain(roster.error());
        return show_roster(call, *roster, is_running(*roster) ? Exit::Ok : Exit::Unreachable);
    }
    auto client = ApiClient::open(call);
    if (!client) return complain(client.error());
    client->set_timeout_ms(call.has("--timeout") ? call.number("--timeout", 2) * 1000
                                                 : patience_ms);
    auto answer = client->send({"GET", "status", "", ""});
    const bool answered =
        answer && (answer->ok() || answer->status == 401 || answer->status == 421);
    if (!answered && roster && !call.has("--api")) {
        print_error("the API does not answer; this is what the supervisor wrote last (" +
                    roster->path + ")");
        return show_roster(call, *roster, Exit::Unavailable);
    }
    if (!answer) return complain(answer.error());
    if (!answer->ok()) return ask(call, *client, {"GET", "status", "", ""}).exit;
    Asked asked{Exit::Ok, parse_json(answer->body).value_or(Json()), answer->body};
    if (auto printed = print_for_programs(call, asked, "state")) return *printed;
    print_status(asked.json);
    return Exit::Ok;
}

Exit run_communities(const Call& call) {
    auto asked = ask(call, {"GET", "communities", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.id")) return *printed;
    Table table({{"COMMUNITY"},
                 {"KIND"},
                 {"NAME", Align::Left, true},
                 {"JOINED"},
                 {"RECORDS", Align::Right},
                 {"SIZE", Align::Right}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({string_at(item, "id"), string_at(item, "kind"), string_at(item, "name"),
                   flag_at(item, "joined") ? "yes" : "no", human_count(size_at(item, "records")),
                   human_size(size_at(item, "bytes"))});
    print(table);
    return Exit::Ok;
}

Exit run_sync(const Call& call) {
    auto asked = ask(call, {"GET", "sync", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.community")) return *printed;
    Table table({{"COMMUNITY"},
                 {"PEERS", Align::Right},
                 {"IN SYNC", Align::Right},
                 {"LAST IN SYNC", Align::Right},
                 {"IN", Align::Right},
                 {"OUT", Align::Right}});
    for (const auto& item : items_at(asked.json, "items")) {
        const auto last = number_at(item, "last_in_sync_ms", -1);
        table.add({string_at(item, "community"), std::to_string(number_at(item, "peers")),
                   std::to_string(number_at(item, "peers_in_sync")),
                   last < 0 ? "never" : human_duration(last) + " ago",
                   human_size(size_at(item, "bytes_in")), human_size(size_at(item, "bytes_out"))});
    }
    print(table);
    return Exit::Ok;
}

Exit run_peers_list(const Call& call) {
    auto asked = ask(call, {"GET", "peers", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.address")) return *printed;
    Table table({{"ADDRESS"},
                 {"MEMBER"},
                 {"PROVEN"},
                 {"COMMUNITIES", Align::Right},
                 {"ROUND TRIP", Align::Right},
                 {"SEEN", Align::Right},
                 {"IN", Align::Right},
                 {"OUT", Align::Right}});
    for (const auto& item : items_at(asked.json, "items")) {
        const auto trip = number_at(item, "round_trip_us");
        table.add({string_at(item, "address"), short_id(string_at(item, "member")),
                   flag_at(item, "verified") ? "yes" : "no",
                   std::to_string(items_at(item, "communities").size()),
                   trip == 0 ? "-" : std::to_string(trip) + " us",
                   human_duration(number_at(item, "last_seen_ms")) + " ago",
                   human_size(size_at(item, "bytes_in")), human_size(size_at(item, "bytes_out"))});
    }
    print(table);
    return Exit::Ok;
}

Exit run_peers_add(const Call& call) {
    const auto address = call.text("ADDRESS");
    auto endpoint = Endpoint::parse(address);
    if (!endpoint || endpoint->port == 0) {
        print_error("ADDRESS is \"" + printable(address) +
                    "\"; write IP:PORT, such as 192.0.2.7:8090");
        return Exit::Usage;
    }
    return ask(call, {"POST", "peers", dump({{"address", address}}), ""}).exit;
}

}  // namespace warren::cli
