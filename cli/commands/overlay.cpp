// The overlay as a whole, and its DHT.
#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

void print(const Table& table) {
    std::fputs(table.text(terminal_width()).c_str(), stdout);
}

void line(const char* name, const std::string& value) {
    std::printf("%-11s %s\n", name, printable(value).c_str());
}

std::string joined(const Json& texts) {
    std::string out;
    for (const auto& text : texts)
        out += (out.empty() ? "" : ", ") + text.get<std::string>();
    return out.empty() ? "not known yet" : out;
}

std::string count_at(const Json& json, const char* name) {
    return std::to_string(number_at(json, name));
}

std::string value_path(const Call& call) {
    return "dht/values/" + percent_encoded(call.text("KEY"));
}

// Data of the DHT is anybody's: as text only when it is plain.
std::string shown(const std::string& base64) {
    const auto bytes = from_base64(base64);
    const bool plain = bytes && std::all_of(bytes->begin(), bytes->end(), [](std::uint8_t byte) {
                           return byte >= 0x20 && byte < 0x7f;
                       });
    return plain ? std::string(text_of(*bytes)) : "base64:" + base64;
}

}  // namespace

Exit run_overlay_status(const Call& call) {
    auto asked = ask(call, {"GET", "overlay", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "communities.id")) return *printed;
    line("outside", joined(items_at(asked.json, "wan")));
    line("local", joined(items_at(asked.json, "lan")));
    line("connection", string_at(asked.json, "connection"));
    line("peers", count_at(asked.json, "peers") + ", proven " + count_at(asked.json, "proven"));
    if (flag_at(asked.json, "bootstrap"))
        line("bootstrap", "yes, " + count_at(asked.json, "introduced") + " peers to introduce");
    std::puts("");
    Table table(
        {{"COMMUNITY"}, {"KIND"}, {"NEIGHBOURS", Align::Right}, {"PARTNERS", Align::Right}});
    for (const auto& item : items_at(asked.json, "communities"))
        table.add({string_at(item, "id"), string_at(item, "kind"), count_at(item, "neighbours"),
                   count_at(item, "partners")});
    print(table);
    return Exit::Ok;
}

Exit run_dht_status(const Call& call) {
    auto asked = ask(call, {"GET", "dht", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "families.node_id")) return *printed;
    if (!flag_at(asked.json, "running")) {
        std::puts("the DHT is off (overlay.dht)");
        return Exit::Ok;
    }
    Table table({{"FAMILY"},
                 {"NODE ID"},
                 {"NODES", Align::Right},
                 {"GOOD", Align::Right},
                 {"BUCKETS", Align::Right},
                 {"KEYS", Align::Right},
                 {"VALUES", Align::Right},
                 {"MEMBERS", Align::Right}});
    for (const auto& item : items_at(asked.json, "families"))
        table.add({string_at(item, "family"), string_at(item, "node_id"), count_at(item, "nodes"),
                   count_at(item, "good"), count_at(item, "buckets"), count_at(item, "keys"),
                   count_at(item, "values"), count_at(item, "members_held")});
    print(table);
    return Exit::Ok;
}

Exit run_dht_find(const Call& call) {
    auto asked = ask(call, {"GET", value_path(call), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.data")) return *printed;
    Table table({{"SIGNER"}, {"VERSION", Align::Right}, {"DATA", Align::Left, true}});
    for (const auto& item : items_at(asked.json, "items")) {
        const auto signer = string_at(item, "member");
        table.add({signer.empty() ? "-" : signer, signer.empty() ? "-" : count_at(item, "version"),
                   shown(string_at(item, "data"))});
    }
    print(table);
    return Exit::Ok;
}

Exit run_dht_store(const Call& call) {
    const auto body =
        dump({{"data", to_base64(view_of(call.text("DATA")))}, {"signed", call.has("--signed")}});
    auto asked = ask(call, {"PUT", value_path(call), body, ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "nodes")) return *printed;
    std::printf("%s nodes hold it now\n", count_at(asked.json, "nodes").c_str());
    return Exit::Ok;
}

Exit run_dht_member(const Call& call) {
    auto asked = ask(call, {"GET", "dht/members/" + percent_encoded(call.text("MEMBER")), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.address")) return *printed;
    Table table({{"ADDRESS"}, {"PUBLIC KEY", Align::Left, true}});
    for (const auto& item : items_at(asked.json, "items"))
        table.add({string_at(item, "address"), string_at(item, "public_key")});
    print(table);
    return Exit::Ok;
}

}  // namespace warren::cli
