// Files and directories of the supervisor.
#include "supervisor/files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "runtime/process/fd.h"

namespace warren::supervisor {

namespace {

using process::Fd;
constexpr std::size_t small_file_max = 1024 * 1024;

Error failed(std::string_view what, const std::string& path) {
    return {ErrorKind::Environment, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

std::string parent_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
    while (!content.empty()) {
        auto put = ::write(fd, content.data(), content.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return failed("cannot write", path);
        content.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

// Others must not be able to swap a part of the path for a link of theirs.
Result<void> check_ancestors(const std::string& path) {
    for (auto at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        auto part = path.substr(0, at);
        struct stat info {};
        if (::lstat(part.c_str(), &info) != 0) return failed("cannot look at", part);
        if (S_ISLNK(info.st_mode) && info.st_uid != 0)
            return Error{ErrorKind::Environment,
                         fmt::format("{} is a symbolic link: write the path it points to", part)};
    }
    return {};
}

}  // namespace

Result<void> write_atomically(const std::string& path, std::string_view content, Durability how) {
    auto temporary = path + ".new";
    Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return failed("cannot write", temporary);
    WARREN_TRY_VOID(write_all(file.get(), content, temporary));
    if (how == Durability::Synced && ::fsync(file.get()) != 0) return failed("cannot sync", path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot replace", path);
    if (how == Durability::Cached) return {};
    Fd folder(::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) return failed("cannot sync the folder of", path);
    return {};
}

Result<std::string> read_small_file(const std::string& path) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file)
        return Error{errno == ENOENT ? ErrorKind::NotFound : ErrorKind::Environment,
                     fmt::format("cannot read {}: {}", path, std::strerror(errno))};
    std::string out(small_file_max + 1, '\0');
    std::size_t size = 0;
    while (size < out.size()) {
        auto got = ::read(file.get(), out.data() + size, out.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed("cannot read", path);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > small_file_max)
        return Error{ErrorKind::Environment, fmt::format("{} is larger than 1 MiB", path)};
    out.resize(size);
    return out;
}

Result<void> own_directory(const std::string& path, unsigned mode) {
    WARREN_TRY_VOID(check_ancestors(path));
    if (::mkdir(path.c_str(), mode) == 0) {
        if (::chmod(path.c_str(), mode) != 0) return failed("cannot set the mode of", path);
        return {};
    }
    if (errno != EEXIST) return failed("cannot make", path);
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return failed("cannot look at", path);
    auto refuse = [&](std::string_view why) {
        return Error{ErrorKind::Environment, fmt::format("{} {}", path, why)};
    };
    if (S_ISLNK(info.st_mode)) return refuse("is a symbolic link: write the path it points to");
    if (!S_ISDIR(info.st_mode)) return refuse("is not a directory");
    if (info.st_uid != ::geteuid()) return refuse("belongs to another user");
    // A group may be let through (its execute bit), no more than was asked for here otherwise.
    if ((info.st_mode & 07777 & ~(mode | 0010u)) != 0)
        return refuse(
            fmt::format("has mode {:04o}: write chmod {:o} {}", info.st_mode & 07777, mode, path));
    return {};
}

Result<void> make_parents(const std::string& path) {
    for (auto at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        auto part = path.substr(0, at);
        if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return failed("cannot make", part);
    }
    return {};
}

}  // namespace warren::supervisor
