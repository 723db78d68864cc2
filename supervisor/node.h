// The running node: workers, their sockets, and one loop that never blocks. Its decisions are made
// in restart_policy.h, health.h, slots.h and drain.h; here they meet processes.
#pragma once

#include <map>
#include <memory>

#include "supervisor/drain.h"
#include "supervisor/health.h"
#include "supervisor/keys.h"
#include "supervisor/listeners.h"
#include "supervisor/restart_policy.h"
#include "supervisor/roster_file.h"
#include "supervisor/settings_file.h"
#include "supervisor/slots.h"
#include "supervisor/spawn.h"
#include "supervisor/state_dir.h"

namespace warren::supervisor {

using process::Message;
using process::WorkerState;

struct NodePlan {
    std::string config;  // file, or empty
    std::vector<Override> overrides;
    std::string workers_dir;
    Settings settings;
    StateDir state;
    std::string run_dir;
};

struct Worker {
    std::uint32_t id = 0;  // of this row, for epoll
    const RoleSpec* spec = nullptr;
    process::RosterEntry entry;
    Fd inbox_listener, tap_listener;
    RestartPolicy restarts;
    Nanoseconds start_at = 0;  // when down: the next try; 0: none is planned
    bool given_up = false;     // its settings or environment are wrong
    bool retiring = false;     // scaled away
    Nanoseconds stop_by = 0;   // draining: killed then; 0: not draining

    // of one life
    Fd pidfd;
    std::optional<process::Lifeline> lifeline;
    Health health;
    bool welcomed = false;
    bool ready = false;  // it said so
    bool aborted = false;
    unsigned violations = 0;
    std::string death_note;  // why we killed it
    bool owes_roster = false, owes_slots = false, owes_settings = false;

    bool alive() const { return static_cast<bool>(pidfd); }
    std::string name() const;
};

class Node {
public:
    static Result<std::unique_ptr<Node>> open(NodePlan plan);
    Result<void> run();  // returns after an orderly stop

private:
    explicit Node(NodePlan plan);

    // node.cpp: sockets, loop, stop
    Result<void> open_sockets();
    Result<void> open_overlay(std::string_view setting);
    Result<void> open_loop();
    void resolve(Settings& settings) const;
    void turn();
    Nanoseconds next_deadline(Nanoseconds now) const;
    void on_signal();
    void begin_stop();
    void advance_stop();
    void flush(Nanoseconds now);
    void publish_roster(Nanoseconds now);
    void close_files() const;

    // node_workers.cpp: one worker's life
    Result<void> add_worker(const RoleSpec& spec, std::uint16_t index);
    void remove_worker(std::uint32_t id);
    void start(Worker& worker);
    process::Welcome welcome_for(const Worker& worker) const;
    void tend(Worker& worker, Nanoseconds now);
    void tend_health(Worker& worker, Nanoseconds now);
    void on_death(Worker& worker, const Ending& ending);
    void drain(Worker& worker, Nanoseconds deadline);
    void condemn(Worker& worker, std::string why);
    void set_state(Worker& worker, WorkerState state, std::string reason);

    // node_messages.cpp: what workers say, and what operators asked for
    void service(Worker& worker);
    void hear(Worker& worker, const Message& message);
    bool send(Worker& worker, const Message& message);
    void on_hello(Worker& worker, const process::Hello& hello);
    void keep_identity();
    void on_violation(const process::ProtocolViolation& violation);
    Result<std::string> scale(Role role, std::uint16_t count);
    Result<std::string> reload();
    void advance_scaling();
    std::uint16_t wanted(const RoleSpec& spec) const;
    Placement wanted_placement() const;
    process::Roster roster() const;
    Worker* find(Role role, std::uint16_t index);

    NodePlan plan_;
    Settings settings_;
    std::uint64_t node_epoch_ = 0;
    std::uint64_t spawns_ = 0;
    std::string token_digest_;
    std::map<Role, KeyPair> keys_;
    std::optional<RunDir> run_dir_;
    std::vector<UdpGroup> udp_;  // one of IPv4, one of IPv6, or both
    Fd api_listener_;
    NodeFacts facts_;
    SlotTable slots_{Placement{1, {}}};
    std::map<std::uint32_t, Worker> workers_;
    std::uint32_t next_id_ = 1;
    Fd epoll_, signals_;
    DrainPlan drain_;
    Nanoseconds opened_ = 0;
    Nanoseconds last_turn_ = 0;
    Nanoseconds slots_due_ = 0;  // a handover that takes longer kills whom it waits for
    Nanoseconds watchdog_ = 0, watchdog_due_ = 0;
    bool roster_dirty_ = true;
    bool told_ready_ = false;
};

}  // namespace warren::supervisor
