// The reading end of a worker: one ROUTER on the inherited listener. Knows who speaks (CURVE),
// checks what he may ask, grants credit, and gives it back with each answer.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/pipe/envelope.h"
#include "runtime/pipe/socket.h"
#include "runtime/pipe/tap.h"

namespace warren::pipe {

struct Window {
    std::uint32_t messages = 256;
    std::uint64_t bytes = 4u << 20;
};

class Inbox {
public:
    struct Setup {
        Role role;
        std::string endpoint;
        int listener = -1;
        CurveKey secret{};
        Window window;
        std::uint64_t schema_hash = 0;
        std::string name = "worker";  // in traces
        Tap* tap = nullptr;
        std::function<Task<Answer>(Request)> handler;
        std::function<void(Role, const std::string&)> violation;
    };
    static Result<std::unique_ptr<Inbox>> open(asio::io_context& io, Context& context,
                                               Metrics& metrics, Setup setup);

    // While draining, new requests are refused and what was accepted is finished.
    void drain() { draining_ = true; }
    std::size_t in_hand() const { return in_hand_; }

private:
    struct Writer {
        Role role = Role::Supervisor;
        std::uint32_t messages = 0;  // taken and not yet returned
        std::uint64_t bytes = 0;
        bool opened = false;
    };

    Inbox(asio::io_context& io, Context& context, Metrics& metrics, Setup setup);
    void on_readable();
    void take(Parts parts);
    void take_open(const std::string& from, Writer& writer, const Envelope& envelope);
    void take_request(const std::string& from, Writer& writer, const Envelope& envelope,
                      Message message);
    Task<void> serve(std::string from, Request request, std::uint64_t cost);
    void reply(const std::string& to, Envelope envelope, Message message);
    void fail(const std::string& to, const Envelope& request, std::uint64_t cost, Failure failure);
    void violation(Role role, const std::string& what);
    void forget_gone_writers();

    asio::io_context& io_;
    Metrics& metrics_;
    Setup setup_;
    Socket socket_;
    std::map<std::string, Writer, std::less<>> writers_;
    std::size_t in_hand_ = 0;
    bool draining_ = false;
    std::unique_ptr<Watch> watch_;
};

}  // namespace warren::pipe
