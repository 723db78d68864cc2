// Communities and their members: founding, inviting, rights, agreements, letters.
#include <cstdio>

#include "base/bytes.h"
#include "base/ids.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

constexpr std::size_t key_bytes = 74;

bool is_hex_of(const Call& call, std::string_view name, std::size_t bytes, std::string_view what) {
    const auto decoded = from_hex(call.text(name));
    if (decoded && decoded->size() == bytes) return true;
    print_error(std::string(name) + " is \"" + printable(call.text(name)) + "\"; write " +
                std::string(what));
    return false;
}

bool is_community(const Call& call) {
    return is_hex_of(call, "COMMUNITY", CommunityId::size,
                     "the 40 hexadecimal digits that `warren communities` shows");
}
bool is_key(const Call& call) {
    return is_hex_of(call, "KEY", key_bytes,
                     "a public key (148 hexadecimal digits); a member's own node tells it: warren "
                     "status --field public_key");
}

std::string path_of(const Call& call, std::string_view what) {
    return "communities/" + call.text("COMMUNITY") + "/" + std::string(what);
}

Json words_of(std::string_view text) {
    Json out = Json::array();
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        if (end > 0) out.push_back(std::string(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

// One grant for each kind that --kind names.
Json grants_of(const Call& call, std::string_view member) {
    Json out = Json::array();
    for (const auto& kind : words_of(call.text("--kind", "torrent")))
        out.push_back({{"member", member},
                       {"kind", kind},
                       {"rights", words_of(call.text("--rights", "permit"))}});
    return out;
}

Exit print_record(const Call& call, const Asked& asked) {
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "record")) return *printed;
    std::printf("record %s\n", printable(string_at(asked.json, "record")).c_str());
    return Exit::Ok;
}

Exit change_rights(const Call& call, std::string_view what) {
    if (!is_community(call) || !is_key(call)) return Exit::Usage;
    const Json body{{"grants", grants_of(call, call.text("KEY"))}};
    return print_record(call, ask(call, {"POST", path_of(call, what), dump(body), ""}));
}

}  // namespace

Exit run_community_create(const Call& call) {
    Json body{{"type", "channel"}, {"name", call.text("NAME")}};
    if (call.has("--description")) body["description"] = call.text("--description");
    if (call.has("--unlisted")) body["listed"] = false;
    auto asked = ask(call, {"POST", "communities", dump(body), ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "id")) return *printed;
    std::printf("community %s\n", printable(string_at(asked.json, "id")).c_str());
    return Exit::Ok;
}

Exit run_community_join(const Call& call) {
    const auto what = call.text("WHAT");
    if (!what.starts_with("warren:")) {
        if (CommunityId::from_hex_text(what))
            return ask(call, {"PUT", "communities/" + what, "", ""}).exit;
        print_error("WHAT is \"" + printable(what) +
                    "\"; write a community's id (40 hexadecimal digits) or an invitation "
                    "(warren:…)");
        return Exit::Usage;
    }
    auto asked = ask(call, {"POST", "invitations", dump(Json{{"invitation", what}}), ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "id")) return *printed;
    std::printf("joined %s %s, invited by %s, with %s grants\n",
                printable(string_at(asked.json, "id")).c_str(),
                printable(string_at(asked.json, "name")).c_str(),
                printable(string_at(asked.json, "inviter")).c_str(),
                human_count(size_at(asked.json, "grants")).c_str());
    return Exit::Ok;
}

Exit run_community_leave(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    return ask(call, {"DELETE", "communities/" + call.text("COMMUNITY"), "", ""}).exit;
}

Exit run_community_invite(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    Json body = Json::object();
    if (call.has("--name")) body["name"] = call.text("--name");
    if (call.has("--days")) body["valid_s"] = call.number("--days", 7) * 86'400;
    if (call.has("--key")) body["grants"] = grants_of(call, call.text("--key"));
    auto asked = ask(call, {"POST", path_of(call, "invitations"), dump(body), ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "invitation")) return *printed;
    std::printf("%s\n", printable(string_at(asked.json, "invitation")).c_str());
    return Exit::Ok;
}

Exit run_community_sync(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    auto asked = ask(call, {"GET", path_of(call, "sync"), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "fingerprint")) return *printed;
    const auto& state = asked.json;
    std::printf("records %s, fingerprint %s\n", human_count(size_at(state, "records")).c_str(),
                printable(string_at(state, "fingerprint")).c_str());
    std::printf("%s of %s peers in sync, in %s, out %s\n\n",
                human_count(size_at(state, "peers_in_sync")).c_str(),
                human_count(size_at(state, "peers")).c_str(),
                human_size(size_at(state, "bytes_in")).c_str(),
                human_size(size_at(state, "bytes_out")).c_str());
    Table table({{"MEMBER"},
                 {"ADDRESS"},
                 {"IN SYNC"},
                 {"RECORDS", Align::Right},
                 {"IN", Align::Right},
                 {"OUT", Align::Right}});
    for (const auto& peer : items_at(state, "members"))
        table.add({string_at(peer, "member"), string_at(peer, "address"),
                   flag_at(peer, "in_sync") ? "yes" : "no", human_count(size_at(peer, "records")),
                   human_size(size_at(peer, "bytes_in")), human_size(size_at(peer, "bytes_out"))});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    return Exit::Ok;
}

Exit run_community_members(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    auto asked = ask(call, {"GET", path_of(call, "members"), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.member")) return *printed;
    Table table({{"MEMBER"}, {"FOUNDER"}, {"OWN"}, {"RIGHTS", Align::Left, true}});
    for (const auto& item : items_at(asked.json, "items")) {
        std::string rights = flag_at(item, "founder") ? "all" : "";
        for (const auto& kind : items_at(item, "rights")) {
            rights += (rights.empty() ? "" : "; ") + string_at(kind, "kind") + ":";
            for (const auto& right : items_at(kind, "rights"))
                if (right.is_string()) rights += " " + right.get<std::string>();
        }
        table.add({string_at(item, "member"), flag_at(item, "founder") ? "yes" : "no",
                   flag_at(item, "own") ? "yes" : "no", rights});
    }
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    return Exit::Ok;
}

Exit run_community_permissions(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    auto asked = ask(call, {"GET", path_of(call, "permissions") + page_query(call), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.record")) return *printed;
    Table table({{"MEMBER"}, {"KIND"}, {"RIGHT"}, {"HELD"}, {"SINCE", Align::Right}, {"RECORD"}});
    for (const auto& item : items_at(asked.json, "items")) {
        const auto member = string_at(item, "member");
        table.add({member.empty() ? "everybody" : member, string_at(item, "kind"),
                   string_at(item, "right"), flag_at(item, "held") ? "yes" : "no",
                   human_count(size_at(item, "since")), string_at(item, "record")});
    }
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    return Exit::Ok;
}

Exit run_community_why(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    auto asked = ask(call, {"GET", path_of(call, "why/") + call.text("REF"), "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "because.record")) return *printed;
    std::printf("%s\n", printable(string_at(asked.json, "state")).c_str());
    Table table({{"KIND"}, {"BY"}, {"TIME", Align::Right}, {"RECORD"}});
    for (const auto& item : items_at(asked.json, "because"))
        table.add({string_at(item, "kind"), string_at(item, "by"),
                   human_count(size_at(item, "global_time")), string_at(item, "record")});
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    return Exit::Ok;
}

Exit run_community_authorize(const Call& call) {
    return change_rights(call, "authorizations");
}

Exit run_community_revoke(const Call& call) {
    return change_rights(call, "revocations");
}

Exit run_community_policy(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    const Json body{{"kind", call.text("KIND")}, {"policy", call.text("POLICY")}};
    return print_record(call, ask(call, {"POST", path_of(call, "policies"), dump(body), ""}));
}

Exit run_community_destroy(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    if (!call.has("--yes")) {
        print_error("this ends the community for all its members, for ever; add --yes");
        return Exit::Usage;
    }
    const Json body{{"confirm", call.text("COMMUNITY")}};
    return print_record(call, ask(call, {"POST", path_of(call, "end"), dump(body), ""}));
}

Exit run_agreement_propose(const Call& call) {
    if (!is_community(call) || !is_key(call)) return Exit::Usage;
    Json body{{"with", call.text("KEY")}, {"text", call.text("TEXT")}};
    if (call.has("--seconds")) body["patience_s"] = call.number("--seconds", 3600);
    return print_record(call, ask(call, {"POST", path_of(call, "agreements"), dump(body), ""}));
}

Exit run_agreement_list(const Call& call) {
    auto asked = ask(call, {"GET", "agreements", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.record")) return *printed;
    Table table({{"RECORD"},
                 {"STATE"},
                 {"BY"},
                 {"WITH"},
                 {"LEFT", Align::Right},
                 {"TEXT", Align::Left, true},
                 {"REASON", Align::Left, true}});
    for (const auto& item : items_at(asked.json, "items")) {
        const bool ours = flag_at(item, "proposed_by_us");
        table.add({string_at(item, "record"), string_at(item, "state"), ours ? "us" : "them",
                   string_at(item, ours ? "second" : "first"),
                   human_duration(number_at(item, "left_ms")), string_at(item, "text"),
                   string_at(item, "reason")});
    }
    std::fputs(table.text(terminal_width()).c_str(), stdout);
    return Exit::Ok;
}

Exit run_agreement_answer(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    if (!is_hex_of(call, "RECORD", RecordId::size, "the record that `warren agreement list` shows"))
        return Exit::Usage;
    Json body{{"answer", call.text("ANSWER")}};
    if (call.has("--reason")) body["reason"] = call.text("--reason");
    return ask(call, {"POST", path_of(call, "agreements/") + call.text("RECORD"), dump(body), ""})
        .exit;
}

Exit run_letter(const Call& call) {
    if (!is_community(call)) return Exit::Usage;
    if (!is_hex_of(call, "MEMBER", MemberId::size, "a member id (40 hexadecimal digits)"))
        return Exit::Usage;
    const Json body{{"member", call.text("MEMBER")}, {"text", call.text("TEXT")}};
    auto asked = ask(call, {"POST", path_of(call, "letters"), dump(body), ""});
    if (!asked.ok()) return asked.exit;
    const bool delivered = flag_at(asked.json, "delivered");
    if (auto printed = print_for_programs(call, asked, "delivered"))
        return *printed == Exit::Ok && !delivered ? Exit::TryAgain : *printed;
    if (delivered) return std::puts("delivered"), Exit::Ok;
    print_error("not delivered: " + printable(string_at(asked.json, "reason")));
    return Exit::TryAgain;
}

}  // namespace warren::cli
