// One worker's life: start, welcome, health, death, removal.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <csignal>

#include "base/check.h"
#include "base/random.h"
#include "runtime/process/log.h"
#include "supervisor/node.h"

namespace warren::supervisor {

namespace log = process::log;

namespace {
constexpr Nanoseconds retire_patience = 3_s;
}

Result<void> Node::add_worker(const RoleSpec& spec, std::uint16_t index) {
    Worker worker;
    worker.id = next_id_++;
    worker.spec = &spec;
    worker.entry.role = spec.role;
    worker.entry.index = index;
    worker.start_at = 1;  // at once
    auto tap = run_dir_->tap_path(worker.name());
    WARREN_TRY(worker.tap_listener, run_dir_->listen(tap, 0660));
    worker.entry.tap = "ipc://" + tap;
    if (spec.has_inbox) {
        auto inbox = run_dir_->pipe_path(worker.name());
        WARREN_TRY(worker.inbox_listener, run_dir_->listen(inbox, 0600));
        worker.entry.inbox = "ipc://" + inbox;
    }
    auto id = worker.id;
    auto [place, added] = workers_.emplace(id, std::move(worker));
    WARREN_CHECK(added);
    tend(place->second, monotonic_now());
    return {};
}

void Node::remove_worker(std::uint32_t id) {
    auto& worker = workers_.at(id);
    ::unlink(run_dir_->tap_path(worker.name()).c_str());
    ::unlink(run_dir_->pipe_path(worker.name()).c_str());
    bool is_network = worker.spec->listener == ListenerKind::SteeredUdp;
    workers_.erase(id);
    roster_dirty_ = true;
    if (!is_network) return;
    // Sockets leave the group from its end only: the order of the others is their index.
    std::uint16_t keep = 0;
    for (const auto& [other, row] : workers_) {
        if (row.spec->listener == ListenerKind::SteeredUdp)
            keep = std::max<std::uint16_t>(keep, static_cast<std::uint16_t>(row.entry.index + 1));
    }
    for (auto& udp : udp_)
        udp.shrink_to(keep);
}

void Node::start(Worker& worker) {
    auto section = std::string(worker.spec->section);
    auto processors = process::parse_processors(settings_.text(section + ".cpu_affinity"));
    auto spawned = spawn({.program = plan_.workers_dir + "/" + std::string(worker.spec->program),
                          .name = worker.name(),
                          .nice = static_cast<int>(settings_.integer(section + ".nice")),
                          .processors = processors.value_or(std::vector<unsigned>{}),
                          .memory_max_mib = settings_.integer(section + ".memory_max_mib")});
    worker.start_at = 0;
    if (worker.entry.epoch != 0) ++worker.entry.restarts;
    worker.entry.epoch = node_epoch_ << 32 | ++spawns_;
    if (!spawned) {
        auto again = worker.restarts.on_crash(monotonic_now());
        worker.start_at = again.at;
        log::broken("event=spawn_failed worker={} reason=\"{}\"", worker.name(),
                    spawned.error().text);
        set_state(worker,
                  worker.restarts.crash_looping() ? WorkerState::Degraded : WorkerState::Down,
                  spawned.error().text);
        return;
    }
    worker.entry.pid = spawned->pid;
    worker.pidfd = std::move(spawned->pidfd);
    worker.lifeline.emplace(std::move(spawned->lifeline));
    worker.health.started(monotonic_now());
    worker.welcomed = worker.ready = worker.aborted = false;
    worker.violations = 0;
    worker.death_note.clear();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = worker.id;
    for (int fd : {worker.pidfd.get(), worker.lifeline->fd()})
        WARREN_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
    set_state(worker, WorkerState::Starting, "");
}

process::Welcome Node::welcome_for(const Worker& worker) const {
    process::Welcome out;
    out.role = worker.spec->role;
    out.index = worker.entry.index;
    out.count = wanted(*worker.spec);
    out.epoch = worker.entry.epoch;
    out.node_epoch = node_epoch_;
    out.settings = settings_for(worker.spec->role, settings_);
    out.secret_key = keys_.at(worker.spec->role).secret_key;
    for (const auto& [role, pair] : keys_)
        out.public_keys.push_back({role, pair.public_key});
    SystemRandom().fill(out.routing_seed);
    out.inbox = worker.entry.inbox;
    out.tap = worker.entry.tap;
    out.roster = roster();
    out.slots = slots_.map();
    out.inbox_listener = worker.inbox_listener.duplicate();
    out.tap_listener = worker.tap_listener.duplicate();
    if (worker.spec->listener == ListenerKind::SteeredUdp)
        for (const auto& udp : udp_)
            out.listeners.push_back({udp.member(worker.entry.index).duplicate(), udp.address()});
    if (worker.spec->listener == ListenerKind::SharedTcp)
        out.listeners.push_back({api_listener_.duplicate(), facts_.api});
    return out;
}

void Node::tend(Worker& worker, Nanoseconds now) {
    if (worker.alive()) {
        if (worker.stop_by == 0)
            tend_health(worker, now);
        else if (now >= worker.stop_by)
            condemn(worker, "did not drain in time");
        return;
    }
    if (worker.start_at != 0 && now >= worker.start_at && !worker.retiring && !drain_.running())
        start(worker);
}

void Node::tend_health(Worker& worker, Nanoseconds now) {
    switch (worker.health.at(now)) {
    case Vitality::Alive: return;
    case Vitality::Hopeless: return condemn(worker, "stalled");
    case Vitality::Stalled:
        if (worker.aborted) return;
        worker.aborted = true;
        worker.death_note = "stalled";
        log::broken("event=stalled worker={} pid={}", worker.name(), worker.entry.pid);
        signal_process(worker.pidfd.get(), SIGABRT);
        return;
    case Vitality::Silent:
        if (worker.entry.state == WorkerState::Degraded) return;
        log::broken("event=silent worker={} pid={}", worker.name(), worker.entry.pid);
        set_state(worker, WorkerState::Degraded, "no heartbeat for 2 s");
        return;
    }
}

void Node::on_death(Worker& worker, const Ending& ending) {
    auto now = monotonic_now();
    bool expected = worker.stop_by != 0;
    auto reason = worker.death_note.empty() ? ending.text
                                            : fmt::format("{}, {}", worker.death_note, ending.text);
    worker.pidfd.reset();
    worker.lifeline.reset();
    worker.welcomed = false;
    worker.owes_roster = worker.owes_slots = worker.owes_settings = false;
    worker.entry.pid = 0;
    if (worker.spec->role == Role::Storage && slots_.died(worker.entry.index)) {
        for (auto& [id, other] : workers_)
            other.owes_slots = true;
    }
    if (expected) {
        log::info("event=worker_stopped worker={} how=\"{}\"", worker.name(), reason);
        return set_state(worker, WorkerState::Down, reason);
    }
    if (!RestartPolicy::is_retried(ending.exit_code)) {
        worker.given_up = true;
        log::broken("event=worker_gave_up worker={} reason=\"{}\" hint=\"see its last log line; "
                    "`warren reload` tries again\"",
                    worker.name(), reason);
        return set_state(worker, WorkerState::Down, reason + ": its settings or files are unfit");
    }
    worker.start_at = worker.restarts.on_crash(now).at;
    bool looping = worker.restarts.crash_looping();
    log::broken("event=worker_died worker={} reason=\"{}\" restart_in_ms={}", worker.name(), reason,
                (worker.start_at - now) / 1'000'000);
    set_state(worker, looping ? WorkerState::Degraded : WorkerState::Down,
              looping ? "crash loop: " + reason : reason);
}

void Node::drain(Worker& worker, Nanoseconds deadline) {
    worker.stop_by = deadline;
    set_state(worker, WorkerState::Draining, "");
    if (!worker.welcomed || !send(worker, process::Drain{})) condemn(worker, "could not drain");
}

void Node::condemn(Worker& worker, std::string why) {
    if (!worker.alive()) return;
    if (worker.death_note.empty() || !worker.aborted)
        log::broken("event=killed worker={} pid={} reason=\"{}\"", worker.name(), worker.entry.pid,
                    why);
    worker.death_note = std::move(why);
    if (worker.stop_by != 0) worker.stop_by = monotonic_now() + retire_patience;
    worker.health.excuse(monotonic_now());
    signal_process(worker.pidfd.get(), SIGKILL);
}

void Node::set_state(Worker& worker, WorkerState state, std::string reason) {
    worker.entry.state = state;
    worker.entry.reason = std::move(reason);
    roster_dirty_ = true;
}

}  // namespace warren::supervisor
