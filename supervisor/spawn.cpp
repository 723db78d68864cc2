// Between fork and exec only async-signal-safe calls are made: the log thread may hold any lock.
#include "supervisor/spawn.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace warren::supervisor {

namespace {

constexpr int cannot_exec = 127;

struct Prepared {
    char* argv[3];
    char* envp[1];
    pid_t parent;
    cpu_set_t processors;
    bool pin;
};

[[noreturn]] void become(const SpawnOrder& order, Prepared& prepared, int lifeline) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != prepared.parent) ::_exit(1);
    if (order.nice != 0) ::setpriority(PRIO_PROCESS, 0, order.nice);
    if (prepared.pin) ::sched_setaffinity(0, sizeof prepared.processors, &prepared.processors);
    if (order.memory_max_mib > 0) {
        // Not RLIMIT_AS: libraries reserve address space that they never use.
        auto bytes = static_cast<rlim_t>(order.memory_max_mib) << 20;
        rlimit limit{bytes, bytes};
        ::setrlimit(RLIMIT_DATA, &limit);
    }
    int nothing = ::open("/dev/null", O_RDONLY);
    if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    if (lifeline == process::lifeline_fd)
        ::fcntl(lifeline, F_SETFD, 0);
    else
        ::dup2(lifeline, process::lifeline_fd);
    ::close_range(process::lifeline_fd + 1, ~0u, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(prepared.argv[0], prepared.argv, prepared.envp);
    ::_exit(cannot_exec);
}

}  // namespace

Result<Spawned> spawn(const SpawnOrder& order) {
    if (::access(order.program.c_str(), X_OK) != 0)
        return Error{ErrorKind::Environment,
                     fmt::format("{}: {}", order.program, std::strerror(errno))};
    WARREN_TRY(auto ends, process::Lifeline::make_pair());
    Prepared prepared{};
    prepared.argv[0] = const_cast<char*>(order.program.c_str());
    prepared.argv[1] = const_cast<char*>(order.name.c_str());
    prepared.parent = ::getpid();
    prepared.pin = !order.processors.empty();
    CPU_ZERO(&prepared.processors);
    for (unsigned cpu : order.processors)
        CPU_SET(cpu, &prepared.processors);
    auto pid = ::fork();
    if (pid == 0) become(order, prepared, ends.second.get());
    if (pid < 0) return io_error(fmt::format("fork: {}", std::strerror(errno)));
    process::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        auto code = errno;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return io_error(fmt::format("pidfd_open: {}", std::strerror(code)));
    }
    return Spawned{pid, std::move(pidfd), std::move(ends.first)};
}

std::optional<Ending> ending_of(int pidfd) {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0 ||
        info.si_pid == 0)
        return std::nullopt;
    if (info.si_code != CLD_EXITED)
        return Ending{-1, fmt::format("killed by signal {} ({})", info.si_status,
                                      ::sigdescr_np(info.si_status))};
    if (info.si_status == cannot_exec) return Ending{cannot_exec, "the program could not start"};
    return Ending{info.si_status, fmt::format("exit {}", info.si_status)};
}

void signal_process(int pidfd, int signal) {
    ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

}  // namespace warren::supervisor
