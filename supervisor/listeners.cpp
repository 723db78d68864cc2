// Making the node's sockets.
#include "supervisor/listeners.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/process/log.h"
#include "supervisor/files.h"
#include "supervisor/steering.h"

namespace warren::supervisor {

namespace {
namespace log = process::log;
constexpr std::size_t path_bytes_max = 100;
constexpr std::string_view longest_worker = "/pipe/storage-00";
}  // namespace

Result<RunDir> RunDir::open(const std::string& path) {
    if (path.size() + longest_worker.size() > path_bytes_max)
        return Error{ErrorKind::Environment,
                     fmt::format("the path {} is too long for sockets: at most {} bytes, set "
                                 "RUNTIME_DIRECTORY or a shorter node.state_dir",
                                 path, path_bytes_max - longest_worker.size())};
    WARREN_TRY_VOID(make_parents(path));
    WARREN_TRY_VOID(own_directory(path, 0700));
    WARREN_TRY_VOID(own_directory(path + "/pipe", 0700));
    WARREN_TRY_VOID(own_directory(path + "/tap", 0750));
    return RunDir(path);
}

void RunDir::clear() const {
    std::error_code ignored;
    for (const char* part : {"/pipe", "/tap"}) {
        for (const auto& entry : std::filesystem::directory_iterator(path_ + part, ignored))
            if (entry.is_socket(ignored)) ::unlink(entry.path().c_str());
    }
}

Result<Fd> RunDir::listen(const std::string& socket_path, unsigned mode) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() > path_bytes_max)
        return Error{ErrorKind::Environment, fmt::format("{} is too long", socket_path)};
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    ::unlink(socket_path.c_str());
    Fd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!out ||
        ::bind(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(socket_path.c_str(), mode) != 0 || ::listen(out.get(), 512) != 0)
        return Error{ErrorKind::Environment,
                     fmt::format("cannot listen on {}: {}", socket_path, std::strerror(errno))};
    return out;
}

Result<UdpGroup> UdpGroup::open(const Endpoint& wanted, std::int64_t buffer_bytes) {
    WARREN_TRY(auto address, probe_udp(wanted));
    return UdpGroup(address, buffer_bytes);
}

Result<void> UdpGroup::grow_to(std::size_t count) {
    while (members_.size() < count) {
        WARREN_TRY(auto member, bind_udp_member(address_));
        auto got = set_receive_buffer(member.get(), buffer_bytes_);
        log::info("event=udp_bound address={} member={} receive_buffer={} asked={}", address(),
                  members_.size(), got, buffer_bytes_);
        if (got < buffer_bytes_)
            log::info("event=small_receive_buffer hint=\"sysctl net.core.rmem_max={}\"",
                      buffer_bytes_);
        members_.push_back(std::move(member));
    }
    return steer_first(count);
}

Result<void> UdpGroup::steer_first(std::size_t count) {
    return steer(members_.front().get(), static_cast<std::uint32_t>(count));
}

void UdpGroup::shrink_to(std::size_t count) {
    while (members_.size() > count)
        members_.pop_back();
}

}  // namespace warren::supervisor
