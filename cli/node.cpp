// Reads the state directory of a node. Writes nothing there.
#include "cli/node.h"

#include <poll.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "cli/json.h"

namespace warren::cli {

namespace {

constexpr std::size_t roster_bytes_max = 4 << 20;
constexpr std::size_t token_bytes_max = 4096;
constexpr const char* system_state_dir = "/var/lib/warren";
constexpr const char* system_roster = "/run/warren/roster.json";  // systemd's RuntimeDirectory

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

WorkerRow to_worker(const Json& json) {
    WorkerRow out;
    out.role = string_at(json, "role");
    out.name = string_at(json, "name");
    if (out.name.empty()) out.name = out.role + "-" + std::to_string(number_at(json, "index"));
    out.state = string_at(json, "state");
    out.reason = string_at(json, "reason");
    out.tap = string_at(json, "tap");
    out.pid = number_at(json, "pid");
    out.restarts = number_at(json, "restarts");
    return out;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                         std::fclose);
    if (!file) {
        const auto reason = path + ": " + std::strerror(errno);
        return errno == ENOENT ? not_found(reason) : io_error(reason);
    }
    std::string out(bytes_max + 1, '\0');
    out.resize(std::fread(out.data(), 1, out.size(), file.get()));
    if (std::ferror(file.get()) != 0) return io_error(path + ": " + std::strerror(errno));
    if (out.size() > bytes_max)
        return bad_input(path + " has more than " + std::to_string(bytes_max) + " bytes");
    return out;
}

// The same answer that warrend gives itself.
std::string state_dir_of(const Call& call) {
    if (call.has("--state")) return call.text("--state");
    if (auto dir = environment("WARREN_STATE"); !dir.empty()) return dir;
    if (auto dir = environment("XDG_STATE_HOME"); dir.starts_with('/')) return dir + "/warren";
    auto home = environment("HOME");
    if (::geteuid() == 0 || !home.starts_with('/')) return system_state_dir;
    return home + "/.local/state/warren";
}

Result<RosterFile> read_roster(const std::string& state_dir) {
    RosterFile out;
    out.path = state_dir + "/run/roster.json";
    if (state_dir == system_state_dir && ::access(out.path.c_str(), F_OK) != 0 &&
        ::access(system_roster, F_OK) == 0)
        out.path = system_roster;
    WARREN_TRY(out.raw, read_file(out.path, roster_bytes_max));
    auto json = parse_json(out.raw);
    if (!json || !json->is_object()) return bad_input(out.path + " is not a roster");
    out.pid = number_at(*json, "pid");
    out.version = string_at(*json, "version");
    out.api = string_at(*json, "api");
    for (const auto& worker : items_at(*json, "workers"))
        out.workers.push_back(to_worker(worker));
    return out;
}

Result<std::string> read_token(const std::string& path) {
    WARREN_TRY(auto token, read_file(path, token_bytes_max));
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    const bool clean =
        std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (token.empty() || !clean) return bad_input(path + " holds no token");
    return token;
}

// A file that survived a crash may name a process number that now belongs to someone else.
bool is_running(const RosterFile& roster) {
    if (roster.pid <= 0) return false;
    std::ifstream comm("/proc/" + std::to_string(roster.pid) + "/comm");
    std::string name;
    return std::getline(comm, name) && name == "warrend";
}

bool wait_gone(std::int64_t pid, std::int64_t timeout_ms) {
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
    if (fd < 0) return errno == ESRCH;
    pollfd entry{fd, POLLIN, 0};
    const bool gone =
        ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(timeout_ms, 86'400'000))) == 1;
    ::close(fd);
    return gone;
}

void wait_ms(std::int64_t milliseconds) {
    ::poll(nullptr, 0, static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, 60'000)));
}

}  // namespace warren::cli
