// The socket side of the lifeline: whole messages or nothing, descriptors beside a Welcome.
#include "runtime/process/lifeline.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "base/check.h"
#include "ipc-schema/schema_hash.h"
#include "runtime/process/lifeline_codec.h"

namespace warren::process {

namespace {

using Control = std::array<std::byte, CMSG_SPACE(sizeof(int) * lifeline_fds_max)>;

std::vector<int> descriptors_of(const Welcome& welcome) {
    std::vector<int> out;
    if (welcome.inbox_listener) out.push_back(welcome.inbox_listener.get());
    if (welcome.tap_listener) out.push_back(welcome.tap_listener.get());
    for (const auto& listener : welcome.listeners)
        out.push_back(listener.fd.get());
    return out;
}

std::vector<Fd> take_descriptors(msghdr& header) {
    std::vector<Fd> out;
    for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            out.emplace_back(fd);
        }
    }
    return out;
}

// Hands the descriptors out in the order that the schema states.
Result<void> place_descriptors(Welcome& welcome, std::vector<Fd> fds) {
    std::size_t wanted = (welcome.inbox.empty() ? 0u : 1u) + (welcome.tap.empty() ? 0u : 1u) +
                         welcome.listeners.size();
    if (fds.size() != wanted) {
        return bad_input(
            fmt::format("welcome needs {} descriptors and came with {}", wanted, fds.size()));
    }
    std::size_t next = 0;
    if (!welcome.inbox.empty()) welcome.inbox_listener = std::move(fds[next++]);
    if (!welcome.tap.empty()) welcome.tap_listener = std::move(fds[next++]);
    for (auto& listener : welcome.listeners)
        listener.fd = std::move(fds[next++]);
    return {};
}

}  // namespace

Lifeline::Lifeline(Fd fd) : fd_(std::move(fd)) {}

Result<Lifeline> Lifeline::adopt(int fd) {
    Fd owned(fd);
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
        return Error{ErrorKind::Environment, fmt::format("fd {} is no lifeline", fd)};
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return io_error(fmt::format("lifeline: {}", std::strerror(errno)));
    return Lifeline(std::move(owned));
}

Result<std::pair<Lifeline, Fd>> Lifeline::make_pair() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return io_error(fmt::format("socketpair: {}", std::strerror(errno)));
    return std::pair<Lifeline, Fd>(Lifeline(Fd(ends[0])), Fd(ends[1]));
}

Result<void> Lifeline::send(const Message& message) {
    auto frame = encode(message);
    if (frame.size() > lifeline_message_max)
        return refused(fmt::format("lifeline message of {} bytes is too large", frame.size()));
    iovec part{frame.data(), frame.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) Control control{};
    if (const auto* welcome = std::get_if<Welcome>(&message)) {
        auto fds = descriptors_of(*welcome);
        WARREN_CHECK(fds.size() <= lifeline_fds_max);
        if (!fds.empty()) {
            header.msg_control = control.data();
            header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
            auto* rights = CMSG_FIRSTHDR(&header);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
            std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
        }
    }
    if (::sendmsg(fd_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    return unavailable(fmt::format("lifeline send: {}", std::strerror(errno)));
}

Result<std::optional<Message>> Lifeline::receive() {
    buffer_.resize(lifeline_message_max);
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) Control control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t got = 0;
    do {
        got = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<Message>();
    if (got < 0 && errno != ECONNRESET)
        return io_error(fmt::format("lifeline receive: {}", std::strerror(errno)));
    if (got <= 0) return std::optional<Message>(LifelineClosed{});

    auto fds = take_descriptors(header);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return bad_input("lifeline message is too large");
    WARREN_TRY(auto message, decode({buffer_.data(), static_cast<std::size_t>(got)}));
    if (auto* welcome = std::get_if<Welcome>(&message)) {
        WARREN_TRY_VOID(place_descriptors(*welcome, std::move(fds)));
    } else if (!fds.empty()) {
        return bad_input("descriptors beside a message that takes none");
    }
    return std::optional<Message>(std::move(message));
}

Result<Welcome> Lifeline::welcome(Nanoseconds deadline) {
    for (;;) {
        auto left_ms = (deadline - monotonic_now()) / 1'000'000;
        if (left_ms < 0) return Error{ErrorKind::Expired, "no welcome from the supervisor"};
        pollfd readable{fd_.get(), POLLIN, 0};
        if (::poll(&readable, 1, static_cast<int>(left_ms) + 1) < 0 && errno != EINTR)
            return io_error(fmt::format("lifeline poll: {}", std::strerror(errno)));
        WARREN_TRY(auto message, receive());
        if (!message) continue;
        if (auto* welcome = std::get_if<Welcome>(&*message)) return std::move(*welcome);
        if (std::holds_alternative<LifelineClosed>(*message))
            return unavailable("the supervisor is gone");
        return bad_input("the first message from the supervisor is no welcome");
    }
}

Hello hello_of_this_process() {
    return {.version = lifeline_version, .schema_hash = ipc::schema_hash, .pid = ::getpid()};
}

bool is_compatible(const Hello& hello) {
    return hello.version == lifeline_version && hello.schema_hash == ipc::schema_hash;
}

}  // namespace warren::process
