// A real warrend in a folder of its own, for tests: start it, look at its roster, wait for what
// shall become true. Kills what it started, by pid. A failed test keeps the folder.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "runtime/process/fd.h"

namespace warren::test {

using nlohmann::json;
namespace fs = std::filesystem;

inline std::string read_text(const std::string& path) {
    std::ifstream file(path);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
}

inline std::string program_folder() {
    return fs::read_symlink("/proc/self/exe").parent_path();
}

inline bool is_running(pid_t pid) {
    auto stat = read_text("/proc/" + std::to_string(pid) + "/stat");
    auto close = stat.rfind(')');
    return close != std::string::npos && stat.substr(close + 2, 1) != "Z";
}

class NodeProcess {
public:
    NodeProcess() {
        std::string name = "/tmp/wrnXXXXXX";
        folder_ = ::mkdtemp(name.data());
        fs::create_directory(workers());
        for (const char* role : {"network", "torrent", "verify", "sign", "storage", "api"})
            fs::copy_file(program_folder() + "/fake_worker", workers() + "/warren-" + role);
        write("warren.toml", "");
    }
    ~NodeProcess() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        if (!::testing::Test::HasFailure())
            fs::remove_all(folder_);
        else
            std::fprintf(stderr, "kept %s\n%s\n", folder_.c_str(), log().c_str());
    }
    NodeProcess(const NodeProcess&) = delete;
    NodeProcess& operator=(const NodeProcess&) = delete;

    const std::string& folder() const { return folder_; }
    std::string workers() const { return folder_ + "/w"; }
    std::string state() const { return folder_ + "/s"; }
    std::string log() const { return read_text(folder_ + "/log"); }
    std::string events() const { return read_text(workers() + "/events"); }
    pid_t pid() const { return pid_; }

    void set_environment(std::vector<std::string> rows) { environment_ = std::move(rows); }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ + "/" + name) << text;
    }
    void tell(const std::string& file, const std::string& text = "x") const {
        write("w/" + file + ".tmp", text);
        fs::rename(workers() + "/" + file + ".tmp", workers() + "/" + file);
    }

    void start(std::vector<std::string> more = {}) {
        pid_ = launch(std::move(more), "log");
        pidfd_ = process::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    }
    // Runs a second program on the same state to its end and returns its exit code.
    int run_another(std::vector<std::string> more = {}) {
        int status = 0;
        ::waitpid(launch(std::move(more), "log2"), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::string other_log() const { return read_text(folder_ + "/log2"); }

    json roster() const {
        return json::parse(read_text(state() + "/run/roster.json"), nullptr, false);
    }
    json worker(const std::string& role, int index = 0) const {
        auto all = roster();
        if (!all.is_object()) return {};
        for (const auto& row : all["workers"])
            if (row["role"] == role && row["index"] == index) return row;
        return {};
    }
    std::string state_of(const std::string& role, int index = 0) const {
        auto row = worker(role, index);
        return row.is_object() ? row["state"].get<std::string>() : "absent";
    }
    pid_t pid_of(const std::string& role, int index = 0) const {
        auto row = worker(role, index);
        return row.is_object() ? row["pid"].get<pid_t>() : 0;
    }
    bool ready() const {
        auto all = roster();
        return all.is_object() && all["pid"] == pid_ && all["state"] == "ready";
    }

    bool wait_for(const std::function<bool()>& condition, Nanoseconds patience = 10_s) const {
        auto deadline = monotonic_now() + patience;
        while (!condition()) {
            if (monotonic_now() > deadline) return false;
            pollfd gone{pidfd_.get(), POLLIN, 0};
            ::poll(&gone, 1, 5);
        }
        return true;
    }
    // The exit code, or -1 when it did not end in time or by a signal.
    int wait_exit(Nanoseconds patience = 10_s) {
        int status = 0;
        bool ended = wait_for([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, patience);
        if (ended) pid_ = 0;
        return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t launch(std::vector<std::string> more, const std::string& log_name) {
        std::vector<std::string> words = {program_folder() + "/warrend",
                                          "--state",
                                          state(),
                                          "--workers",
                                          workers(),
                                          "--config",
                                          folder_ + "/warren.toml",
                                          "--set",
                                          "api.listen=127.0.0.1:0",
                                          "--set",
                                          "overlay.listen=127.0.0.1:0"};
        words.insert(words.end(), more.begin(), more.end());
        std::vector<char*> argv;
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        std::vector<char*> envp;
        for (auto& row : environment_)
            envp.push_back(row.data());
        envp.push_back(nullptr);
        auto log_path = folder_ + "/" + log_name;
        auto pid = ::fork();
        if (pid == 0) {
            int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
            ::dup2(log, STDERR_FILENO);
            ::dup2(log, STDOUT_FILENO);
            ::execve(argv[0], argv.data(), envp.data());
            ::_exit(127);
        }
        return pid;
    }

    std::string folder_;
    std::vector<std::string> environment_;
    pid_t pid_ = 0;
    process::Fd pidfd_;
};

}  // namespace warren::test
