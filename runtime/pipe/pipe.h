// Pipes as a worker sees them: requests come in, requests go out, every one has a deadline and an
// answer. Credit, CURVE, retries, re-dispatch and ZeroMQ's traps are behind this header.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "runtime/pipe/frame.h"
#include "runtime/pipe/loop.h"
#include "runtime/process/roster.h"

namespace warren::pipe {

using process::Role;

// What came in. `body` has been verified as a FlatBuffer only by `verified_root` in the inbox.
struct Request {
    Role from = Role::Supervisor;
    RequestId id;              // a retry has the same
    Nanoseconds deadline = 0;  // monotonic
    std::uint64_t trace = 0;
    Message message;
};

// Why a request failed, as it travels. `Moved`: the slot lives elsewhere now; the pipe asks there.
struct Failure {
    ErrorKind kind = ErrorKind::Unavailable;
    std::string text;
    bool moved = false;
    std::uint32_t retry_after_ms = 0;
};

// What a handler answers: a message, or why not.
struct Answer {
    std::optional<Message> message;
    Failure failure;

    Answer(Message m) : message(std::move(m)) {}
    Answer(Frame body) : message(Message{std::move(body), {}}) {}
    Answer(Failure f) : failure(std::move(f)) {}
    Answer(const Error& e) : failure{e.kind, e.text, false, 0} {}
};

// After each inbox switch: a body that is no member of the union, or no message at all. Counted as
// a violation of the sender's role (R-I9).
Answer unknown_message();

// Whom to ask.
struct Target {
    enum class Kind { Index, Any, Slot } kind = Kind::Any;
    std::uint16_t index = 0;

    static Target any() { return {}; }  // the ready instance with the least outstanding
    static Target instance(std::uint16_t index) { return {Kind::Index, index}; }
    static Target slot(std::uint8_t slot) { return {Kind::Slot, slot}; }  // storage only
    static Target community(const CommunityId& id) { return slot(process::slot_of(id)); }
};

// What a sender does when the reader has granted no credit, or is not there.
enum class NoCredit {
    Fail,  // at once: api (503 + Retry-After)
    Wait,  // until the deadline: pauses the source (sync intake, imports)
    Drop,  // like Fail, and counted as dropped: unsolicited datagrams
};

struct Ask {
    Role role = Role::Storage;
    Target target;
    Message message;
    Nanoseconds deadline = 0;  // monotonic
    NoCredit no_credit = NoCredit::Fail;
    RequestId id;  // zero: a fresh random one
    std::uint64_t trace = 0;
};

// Outgoing side of a worker. When a reader dies with our request in flight, the request is sent
// again, with the same id, to its successor (or another instance), until the deadline; a request
// that two readers died of is failed and reported (R-V3).
class Outbox {
public:
    virtual ~Outbox() = default;
    // Name the Ask and move it in: g++ 12 destroys a braced temporary inside co_await twice.
    virtual Task<Result<Message>> ask(Ask ask) = 0;
    // Instances of a role that are ready now, and how many there are meant to be.
    virtual std::vector<std::uint16_t> ready(Role role) const = 0;
    // Which storage worker serves the slot; nothing while it is being handed over.
    virtual std::optional<std::uint16_t> owner_of(std::uint8_t slot) const = 0;
};

}  // namespace warren::pipe
