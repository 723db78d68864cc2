// Lock, epoch and token in the state directory.
#include "supervisor/state_dir.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/hash.h"
#include "base/random.h"
#include "supervisor/files.h"

namespace warren::supervisor {

namespace {

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && value[0] == '/' ? value : "";
}

Error unfit(std::string text) {
    return {ErrorKind::Environment, std::move(text)};
}

std::string identity_mark(const StateDir& state) {
    return state.path + "/identity";
}

}  // namespace

std::string default_state_dir() {
    if (auto given = from_environment("STATE_DIRECTORY"); !given.empty()) return given;
    if (auto given = from_environment("XDG_STATE_HOME"); !given.empty()) return given + "/warren";
    auto home = from_environment("HOME");
    if (::geteuid() == 0 || home.empty()) return "/var/lib/warren";
    return home + "/.local/state/warren";
}

std::string default_run_dir(const std::string& state_dir) {
    auto given = from_environment("RUNTIME_DIRECTORY");
    return given.empty() ? state_dir + "/run" : given;
}

Result<StateDir> hold_state_dir(const std::string& path) {
    WARREN_TRY_VOID(make_parents(path));
    WARREN_TRY_VOID(own_directory(path, 0700));
    auto file = path + "/lock";
    process::Fd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock) return unfit(fmt::format("cannot open {}: {}", file, std::strerror(errno)));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{
            ErrorKind::Exists,
            fmt::format("another node runs on {}: stop it, or name another state directory", path)};
    return StateDir{path, std::move(lock)};
}

Result<std::uint64_t> next_node_epoch(const StateDir& state) {
    auto file = state.path + "/epoch";
    std::uint64_t last = 0;
    auto text = read_small_file(file);
    if (text) {
        const char* end = text->data() + text->size();
        auto [stop, code] = std::from_chars(text->data(), end, last);
        if (code != std::errc{} || (stop != end && *stop != '\n'))
            return unfit(
                fmt::format("{} is damaged: write a number larger than any epoch in use", file));
    } else if (text.error().kind != ErrorKind::NotFound) {
        return text.error();
    }
    WARREN_TRY_VOID(write_atomically(file, fmt::format("{}\n", last + 1), Durability::Synced));
    return last + 1;
}

Result<std::string> token_digest(const StateDir& state) {
    auto file = state.path + "/api_token";
    auto text = read_small_file(file);
    if (!text && text.error().kind == ErrorKind::NotFound) {
        std::array<std::uint8_t, 32> secret{};
        SystemRandom().fill(secret);
        WARREN_TRY_VOID(write_atomically(file, to_hex(secret) + "\n", Durability::Synced));
        text = read_small_file(file);
    }
    if (!text) return text.error();
    struct stat info {};
    if (::lstat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 077) != 0)
        return unfit(fmt::format("{} must be a file of mode 0600: write chmod 600 {}", file, file));
    auto token = std::string_view(*text);
    while (!token.empty() && (token.back() == '\n' || token.back() == ' '))
        token.remove_suffix(1);
    if (token.size() < 32)
        return unfit(
            fmt::format("{} holds no token: remove it and the next start makes one", file));
    return to_hex(sha256(view_of(token)));
}

// What cannot be looked at counts as there: then no key is made.
bool has_identity(const StateDir& state) {
    struct stat info {};
    return ::lstat(identity_mark(state).c_str(), &info) == 0 || errno != ENOENT;
}

Result<void> mark_identity(const StateDir& state) {
    if (has_identity(state)) return {};
    return write_atomically(identity_mark(state), "keys/node.key was made\n", Durability::Synced);
}

}  // namespace warren::supervisor
