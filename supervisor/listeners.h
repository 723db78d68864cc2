// Every listening socket of the node, made once and inherited by workers, so that a worker's
// restart loses nobody who waits in a queue (R-I1, R-I2).
#pragma once

#include <string>

#include "base/endpoint.h"
#include "runtime/process/lifeline.h"
#include "supervisor/role_table.h"

namespace warren::supervisor {

using process::Fd;

// The directory of the sockets: RUN/pipe for us alone, RUN/tap for readers of a group.
class RunDir {
public:
    static Result<RunDir> open(const std::string& path);

    const std::string& path() const { return path_; }
    std::string pipe_path(const std::string& worker) const { return path_ + "/pipe/" + worker; }
    std::string tap_path(const std::string& worker) const { return path_ + "/tap/" + worker; }
    Result<Fd> listen(const std::string& socket_path, unsigned mode) const;
    void clear() const;

private:
    explicit RunDir(std::string path) : path_(std::move(path)) {}

    std::string path_;
};

// The overlay's UDP group. Members are added and removed at the end only: the order is the index.
class UdpGroup {
public:
    static Result<UdpGroup> open(const Endpoint& wanted, std::int64_t buffer_bytes);
    Result<void> grow_to(std::size_t count);      // binds, then steers
    Result<void> steer_first(std::size_t count);  // before the last ones close
    void shrink_to(std::size_t count);
    const Fd& member(std::size_t index) const { return members_.at(index); }
    std::string address() const { return address_.text(); }

private:
    UdpGroup(Endpoint address, std::int64_t buffer) : address_(address), buffer_bytes_(buffer) {}

    Endpoint address_;
    std::int64_t buffer_bytes_ = 0;
    std::vector<Fd> members_;
};

}  // namespace warren::supervisor
