// warrend: the supervisor of a node. It owns the process tree and nothing else: it links no ZeroMQ,
// no SQLite, no libtorrent, and parses nothing that came from outside.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "runtime/process/exit.h"
#include "runtime/process/log.h"
#include "supervisor/command_line.h"
#include "supervisor/node.h"

namespace {

using namespace warren;
using namespace warren::supervisor;
using process::ExitReason;
using process::fail;

constexpr rlim_t open_files_wanted = 8192;

ExitReason reason_for(const Error& error) {
    return error.kind == ErrorKind::Exists ? ExitReason::NoHost : ExitReason::Settings;
}

// Before the log thread starts: it must inherit the blocked signals.
void prepare_process() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(077);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    rlimit files{};  // workers inherit it; running out would end them (R-I5)
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = std::min<rlim_t>(files.rlim_max, open_files_wanted);
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
}

NodePlan plan_from(const CommandLine& line, Settings settings) {
    NodePlan plan;
    plan.config = line.config;
    plan.overrides = line.overrides;
    plan.workers_dir = line.workers;
    if (plan.workers_dir.empty()) {
        std::error_code ignored;
        plan.workers_dir = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    }
    auto state_path = line.state.empty() ? settings.text("node.state_dir") : line.state;
    if (state_path.empty()) state_path = default_state_dir();
    state_path = std::filesystem::absolute(state_path).lexically_normal();
    if (state_path.ends_with('/')) state_path.pop_back();
    auto state = hold_state_dir(state_path);
    if (!state) {
        fail(state.error().kind == ErrorKind::Exists ? ExitReason::InUse : ExitReason::Settings,
             state.error().text);
    }
    plan.state = std::move(*state);
    plan.run_dir = default_run_dir(plan.state.path);
    plan.settings = std::move(settings);
    return plan;
}

int run_node(const CommandLine& line, Settings settings) {
    prepare_process();
    process::log::open({.subject = "warrend",
                        .least = process::log::level_from(settings.text("node.log_level")),
                        .journal = std::getenv("JOURNAL_STREAM") != nullptr});
    auto node = Node::open(plan_from(line, std::move(settings)));
    if (!node) fail(reason_for(node.error()), node.error().text);
    auto ran = (*node)->run();
    if (!ran) fail(ExitReason::Software, ran.error().text);
    process::log::close();
    return 0;
}

int say(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace

//~ Start here. A node is this process and its workers: command line, settings, state directory,
// then ~ Node (node.h), whose turn() is the whole story.
int main(int argc, char** argv) {
    auto line = parse_command_line(argc, argv);
    if (!line) fail(ExitReason::Usage, line.error().text);
    using Action = CommandLine::Action;
    if (line->action == Action::Help) return say(help_text());
    if (line->action == Action::Version) return say("warrend " WARREN_VERSION "\n");
    if (line->action == Action::Sample) return say(sample_text());
    if (line->action == Action::Reference) return say(reference_text());

    auto settings = load_settings(line->config, line->overrides);
    if (!settings) fail(ExitReason::Settings, settings.error().text);
    if (line->action == Action::Check) return say(line->config + ": ok\n");
    if (line->action == Action::Show) return say(show_text(*settings));
    return run_node(*line, std::move(*settings));
}
