// The channel between the supervisor and one worker: framed FlatBuffers on a non-blocking
// SOCK_SEQPACKET pair. Everything is verified with tight limits before use; nothing here waits,
// save `welcome` at start-up.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "runtime/process/fd.h"
#include "runtime/process/roster.h"
#include "runtime/process/settings.h"

namespace warren::process {

inline constexpr int lifeline_fd = 3;  // where every worker finds its end
inline constexpr std::uint16_t lifeline_version = 1;
inline constexpr std::size_t lifeline_message_max = 64 * 1024;
inline constexpr std::size_t lifeline_fds_max = 16;

struct RoleKey {
    Role role = Role::Supervisor;
    std::array<std::uint8_t, 32> public_key{};
};

// A listening or bound socket that a role serves, made by the supervisor.
struct RoleListener {
    Fd fd;
    std::string address;  // what it is really bound to, "0.0.0.0:8090"
};

// ---- supervisor to worker

struct Welcome {
    Role role = Role::Supervisor;
    std::uint16_t index = 0;
    std::uint16_t count = 0;  // of this role
    std::uint64_t epoch = 0;
    std::uint64_t node_epoch = 0;
    Settings settings;
    std::array<std::uint8_t, 32> secret_key{};
    std::vector<RoleKey> public_keys;
    std::array<std::uint8_t, 16> routing_seed{};
    std::string inbox;  // ipc:// endpoints
    std::string tap;
    Roster roster;
    SlotMap slots;
    Fd inbox_listener;
    Fd tap_listener;
    std::vector<RoleListener> listeners;  // network: one UDP socket; api: one TCP listener
};
struct RosterChanged {
    Roster roster;
    std::uint16_t count = 0;  // of the receiver's role
};
struct SlotsChanged {
    SlotMap slots;
};
struct SettingsChanged {
    Settings settings;  // the receiver's rows, all of them
};
struct Drain {};
struct Stop {};
struct ControlReply {
    std::uint64_t id = 0;
    bool ok = false;
    std::string text;
};

// ---- worker to supervisor

struct Hello {
    std::uint16_t version = lifeline_version;
    std::uint64_t schema_hash = 0;
    std::int32_t pid = 0;
};
struct WorkerReady {
    std::string note;
};
struct Heartbeat {
    std::uint32_t gap_max_us = 0;
    std::uint32_t resident_kib = 0;
};
struct Drained {};
struct SlotsReleased {
    std::uint64_t version = 0;
};
struct ProtocolViolation {
    Role role = Role::Supervisor;
    std::uint16_t index = 0;
    std::string what;
};
struct InFlightAtDeath {
    Role role = Role::Supervisor;
    std::uint16_t index = 0;
    std::vector<std::uint64_t> ids;
};
struct Scale {
    std::uint64_t id = 0;
    Role role = Role::Supervisor;
    std::uint16_t count = 0;
};
struct Reload {
    std::uint64_t id = 0;
};
struct StopNode {
    std::uint64_t id = 0;
};
struct ListSettings {
    std::uint64_t id = 0;
};

// Not a message: the other side is gone. A worker that receives it exits.
struct LifelineClosed {};

using Message =
    std::variant<LifelineClosed, Welcome, RosterChanged, SlotsChanged, SettingsChanged, Drain, Stop,
                 ControlReply, Hello, WorkerReady, Heartbeat, Drained, SlotsReleased,
                 ProtocolViolation, InFlightAtDeath, Scale, Reload, StopNode, ListSettings>;

class Lifeline {
public:
    static Result<Lifeline> adopt(int fd);  // owns it from here, also on failure
    // Both ends; the second is for the child.
    static Result<std::pair<Lifeline, Fd>> make_pair();

    int fd() const { return fd_.get(); }
    // nullopt: nothing there now. An error: the other side broke the protocol.
    Result<std::optional<Message>> receive();
    // Unavailable when the other side does not read or is gone; nothing is sent in part.
    Result<void> send(const Message& message);
    // Start-up only: waits for the first message, which must be a Welcome.
    Result<Welcome> welcome(Nanoseconds deadline);

private:
    explicit Lifeline(Fd fd);

    Fd fd_;
    Bytes buffer_;
};

// This build's Hello.
Hello hello_of_this_process();
bool is_compatible(const Hello& hello);

}  // namespace warren::process
