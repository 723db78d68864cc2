// The first steps of a worker. Nothing foreign has been read when this returns.
#include "runtime/process/worker_start.h"

#include <execinfo.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "runtime/process/exit.h"
#include "runtime/process/log.h"

namespace warren::process {

namespace {

constexpr Nanoseconds welcome_patience = 10_s;

// Only async-signal-safe calls; then the default action, so that the supervisor sees the signal.
extern "C" void print_backtrace(int signal) {
    void* frames[64];
    auto count = ::backtrace(frames, 64);
    ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

void set_signals() {
    void* frame = nullptr;
    ::backtrace(&frame, 1);  // loads its library now: the handler must not allocate
    for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
        struct sigaction action {};
        action.sa_handler = print_backtrace;
        action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
        ::sigaction(signal, &action, nullptr);
    }
    // When to stop is the supervisor's decision, so a Ctrl-C to the whole group is not for workers.
    for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
        ::signal(signal, SIG_IGN);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void drop_privileges() {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    ::syscall(SYS_capset, &header, none);
    rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::umask(077);
    ::clearenv();
    ::close_range(lifeline_fd + 1, ~0u, 0);
}

// Dies with the supervisor, also when it died before this line: the pair remembers who made it.
void follow_parent() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ucred maker{};
    socklen_t size = sizeof maker;
    if (::getsockopt(lifeline_fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) != 0)
        fail(ExitReason::Usage, "this program is started by warrend, not by hand");
    if (maker.pid != ::getppid()) ::_exit(static_cast<int>(ExitReason::Failure));
}

}  // namespace

WorkerStart start_worker(Role role) {
    follow_parent();
    set_signals();
    drop_privileges();
    auto lifeline = Lifeline::adopt(lifeline_fd);
    if (!lifeline) fail(ExitReason::Usage, lifeline.error().text);
    auto said = lifeline->send(hello_of_this_process());
    if (!said) fail(ExitReason::Failure, said.error().text);
    auto welcome = lifeline->welcome(monotonic_now() + welcome_patience);
    if (!welcome) fail(ExitReason::Failure, welcome.error().text);
    if (welcome->role != role) {
        fail(ExitReason::Usage, fmt::format("this is the {} worker, started as {}", name_of(role),
                                            name_of(welcome->role)));
    }
    const auto& settings = welcome->settings;
    log::open({.subject = fmt::format("{}-{}", name_of(role), welcome->index),
               .least = log::level_from(settings.text("node.log_level")),
               .journal = settings.text("node.journal") == "true"});
    return {std::move(*lifeline), std::move(*welcome)};
}

std::uint32_t resident_kib() {
    auto* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    unsigned long total = 0, resident = 0;
    auto got = std::fscanf(file, "%lu %lu", &total, &resident);
    std::fclose(file);
    auto page_kib = static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)) / 1024;
    return got == 2 ? static_cast<std::uint32_t>(resident * page_kib) : 0;
}

}  // namespace warren::process
