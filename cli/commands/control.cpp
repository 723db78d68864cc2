// Commands to the supervisor, and the plain request for everything else.
#include <charconv>
#include <csignal>
#include <cstdio>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"

namespace warren::cli {

Exit run_scale(const Call& call) {
    const auto word = call.text("ROLE=N");
    const auto equals = word.find('=');
    const auto digits = equals == std::string::npos ? "" : word.substr(equals + 1);
    int count = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (equals == 0 || digits.empty() || error != std::errc{} ||
        end != digits.data() + digits.size() || count < 1) {
        print_error("\"" + printable(word) + "\" is not ROLE=N; write, for example, storage=4");
        return Exit::Usage;
    }
    return ask(call, {"PUT", "workers/" + percent_encoded(word.substr(0, equals)),
                      dump({{"count", count}}), ""})
        .exit;
}

Exit run_reload(const Call& call) {
    auto asked = ask(call, {"POST", "reload", "", ""});
    if (asked.ok()) std::printf("%s\n", printable(string_at(asked.json, "detail")).c_str());
    return asked.exit;
}

Exit run_stop(const Call& call) {
    const auto roster = read_roster(state_dir_of(call));
    const bool local = roster && is_running(*roster) && !call.has("--api");
    auto client = ApiClient::open(call);
    if (!client && !local) return complain(client.error());
    auto asked = client ? ask(call, *client, {"POST", "stop", "", ""})
                        : Asked{complain(client.error()), {}, {}};
    if (!asked.ok() && !local) return asked.exit;
    // The supervisor takes a signal as well as a request: a node can be stopped whatever its API
    // does.
    if (!asked.ok() && ::kill(static_cast<pid_t>(roster->pid), SIGTERM) != 0) {
        print_error("not allowed to signal process " + std::to_string(roster->pid));
        return asked.exit;
    }
    if (!asked.ok()) print_error("sent SIGTERM to the supervisor instead");
    if (call.has("--no-wait") || !local) return Exit::Ok;
    if (wait_gone(roster->pid, call.number("--timeout", 15) * 1000)) return Exit::Ok;
    print_error("the node is still stopping; process " + std::to_string(roster->pid));
    return Exit::TryAgain;
}

Exit run_api(const Call& call) {
    const auto body = call.text("BODY");
    auto path = call.text("PATH");
    auto asked = ask(call, {call.text("METHOD"), path, body, call.text("--key")});
    if (asked.ok())
        std::printf("%s%s", asked.raw.c_str(), asked.raw.ends_with('\n') ? "" : "\n");
    else if (!asked.raw.empty())
        std::puts(asked.raw.c_str());
    return asked.exit;
}

}  // namespace warren::cli
