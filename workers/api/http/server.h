// HTTP/1.1 on an inherited listener that several api workers share: connections, limits, deadlines.
// What a request means is the Application's business.
#pragma once

#include <list>
#include <memory>

#include "base/result.h"
#include "runtime/pipe/loop.h"
#include "workers/api/http/message.h"

namespace warren::api::http {

struct Limits {
    std::size_t connections_max = 256;
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t requests_per_connection_max = 100;
    Nanoseconds header_time = 5_s;
    Nanoseconds idle_time = 60_s;
    // A body, in or out, has this long, and a second more for each 1,024 bytes that moved.
    Nanoseconds body_time = 5_s;
};

class Connection;

class Server {
public:
    Server(pipe::asio::io_context& io, const Limits& limits, Application& application);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // The descriptor stays its owner's; we work on a duplicate.
    Result<void> listen(int fd);
    // No new connections; those at rest close, those at work finish their request.
    void begin_stop();
    // True: all are gone.
    pipe::Task<bool> stopped(Nanoseconds deadline);
    std::size_t connections() const { return connections_.size(); }

private:
    struct Listener;
    friend class Connection;

    pipe::Task<void> accept_loop();
    bool make_room();
    void start(int fd);
    pipe::Task<void> serve(std::shared_ptr<Connection> connection);

    pipe::asio::io_context& io_;
    Limits limits_;
    Application& application_;
    std::unique_ptr<Listener> listener_;
    std::list<std::shared_ptr<Connection>> connections_;  // the one at rest for longest in front
    std::shared_ptr<pipe::Promise<bool>> room_;
    std::shared_ptr<pipe::Promise<bool>> all_gone_;
    bool stopping_ = false;
};

}  // namespace warren::api::http
