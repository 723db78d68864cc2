// The writing end towards one spawn of one worker: a DEALER, its credit, and what is in flight.
// When that spawn dies the link dies with it; its successor gets a new one.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <variant>

#include "runtime/pipe/envelope.h"
#include "runtime/pipe/socket.h"
#include "runtime/pipe/tap.h"

namespace warren::pipe {

// How a request on a link ended.
struct LinkLost {
    bool died;  // else: stalled
};
using LinkAnswer = std::variant<Message, Failure, LinkLost>;

class Link {
public:
    struct Setup {
        Role role;
        std::uint16_t index = 0;
        std::uint64_t epoch = 0;
        std::string endpoint;
        Bytes routing_id;
        CurveClient keys;
        std::uint64_t schema_hash = 0;
    };
    // `credit_changed` is called when credit came back or the connection opened.
    Link(asio::io_context& io, Context& context, Metrics& metrics, Setup setup,
         std::function<void()> credit_changed);

    bool has_credit(std::uint64_t cost) const {
        return open_ && credit_messages_ > 0 && credit_bytes_ >= cost;
    }
    bool open() const { return open_; }
    // However long one waits: the reader never grants that much.
    bool never_takes(std::uint64_t cost) const { return open_ && cost > window_bytes_; }
    std::size_t in_flight() const { return pending_.size(); }
    std::uint64_t epoch() const { return setup_.epoch; }

    // Needs credit. Nothing: the deadline passed (a late reply still returns its credit).
    Task<std::optional<LinkAnswer>> exchange(const Envelope& envelope, const Message& message);

    // Ends what is in flight: the spawn died, or it stalls (then the link lives on).
    void lose(LinkLost how);

private:
    void on_readable();
    void take(Parts parts);

    asio::io_context& io_;
    Metrics& metrics_;
    Setup setup_;
    std::function<void()> credit_changed_;
    Socket socket_;
    bool open_ = false;
    std::uint64_t credit_messages_ = 0, credit_bytes_ = 0, window_bytes_ = 0;
    // A client that repeats itself may have one id in flight twice: either answer serves either.
    std::unordered_multimap<RequestId, std::shared_ptr<Promise<LinkAnswer>>> pending_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // for tasks that outlive the link
    std::unique_ptr<Watch> watch_;
};

}  // namespace warren::pipe
