// What workers say on their lifelines, and what operators ask for through the api.
#include <fmt/format.h>

#include <csignal>

#include "runtime/process/log.h"
#include "supervisor/node.h"
#include "supervisor/notify.h"

namespace warren::supervisor {

namespace log = process::log;

namespace {

constexpr int messages_per_turn = 64;
constexpr unsigned violations_max = 3;
constexpr Nanoseconds handover_patience = 10_s;
constexpr Nanoseconds retire_patience = 3_s;

process::ControlReply reply_of(std::uint64_t id, const Result<std::string>& done) {
    return {.id = id, .ok = done.ok(), .text = done ? *done : done.error().text};
}

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

}  // namespace

void Node::service(Worker& worker) {
    for (int i = 0; i < messages_per_turn && worker.lifeline; ++i) {
        auto message = worker.lifeline->receive();
        if (!message) {
            condemn(worker, "lifeline: " + message.error().text);
            worker.lifeline.reset();
        } else if (!*message) {
            break;
        } else {
            hear(worker, **message);
        }
    }
    if (!worker.alive()) return;
    if (auto ending = ending_of(worker.pidfd.get())) on_death(worker, *ending);
}

void Node::hear(Worker& worker, const Message& message) {
    auto not_for_us = [&](const auto&) {
        condemn(worker, "sent a message that is not its to send");
    };
    auto for_api = [&](std::uint64_t id, auto act) {
        if (worker.spec->role != Role::Api) return condemn(worker, "asked for control, is not api");
        send(worker, reply_of(id, act()));
    };
    std::visit(
        Overloaded{
            // It may be dying: its pidfd says so within this turn or the next.
            [&](const process::LifelineClosed&) { worker.lifeline.reset(); },
            [&](const process::Hello& m) { on_hello(worker, m); },
            [&](const process::WorkerReady& m) {
                auto now = monotonic_now();
                worker.ready = true;
                worker.health.heard(now);
                worker.restarts.on_ready(now);
                if (worker.stop_by == 0) set_state(worker, WorkerState::Ready, m.note);
                if (worker.spec->role == Role::Sign) keep_identity();
                log::info("event=worker_ready worker={} pid={} restarts={}", worker.name(),
                          worker.entry.pid, worker.entry.restarts);
            },
            [&](const process::Heartbeat&) {
                worker.health.heard(monotonic_now());
                if (worker.entry.state == WorkerState::Degraded && worker.ready &&
                    !worker.aborted) {
                    log::info("event=recovered worker={}", worker.name());
                    set_state(worker, WorkerState::Ready, "");
                }
            },
            [&](const process::Drained&) {
                if (worker.stop_by != 0) send(worker, process::Stop{});
            },
            [&](const process::SlotsReleased& m) {
                if (worker.spec->role != Role::Storage) return not_for_us(m);
                if (!slots_.released(worker.entry.index, m.version)) return;
                for (auto& [id, other] : workers_)
                    other.owes_slots = true;
                roster_dirty_ = true;
            },
            [&](const process::ProtocolViolation& m) { on_violation(m); },
            [&](const process::InFlightAtDeath& m) {
                log::unusual("event=in_flight_at_death worker={}-{} requests={}",
                             process::name_of(m.role), m.index, m.ids.size());
            },
            [&](const process::Scale& m) { for_api(m.id, [&] { return scale(m.role, m.count); }); },
            [&](const process::Reload& m) { for_api(m.id, [&] { return reload(); }); },
            [&](const process::StopNode& m) {
                for_api(m.id, [] { return Result<std::string>("stopping"); });
                if (worker.spec->role == Role::Api && !drain_.running()) begin_stop();
            },
            [&](const process::ListSettings& m) {
                for_api(m.id, [&] { return Result<std::string>(settings_json(settings_)); });
            },
            [&](const process::Welcome& m) { not_for_us(m); },
            [&](const process::RosterChanged& m) { not_for_us(m); },
            [&](const process::SlotsChanged& m) { not_for_us(m); },
            [&](const process::SettingsChanged& m) { not_for_us(m); },
            [&](const process::Drain& m) { not_for_us(m); },
            [&](const process::Stop& m) { not_for_us(m); },
            [&](const process::ControlReply& m) { not_for_us(m); },
        },
        message);
}

bool Node::send(Worker& worker, const Message& message) {
    return worker.lifeline && worker.lifeline->send(message).ok();
}

void Node::on_hello(Worker& worker, const process::Hello& hello) {
    if (worker.welcomed || !process::is_compatible(hello))
        return condemn(worker, "is of another build than warrend: install both from one package");
    worker.welcomed = send(worker, welcome_for(worker));
    if (!worker.welcomed) condemn(worker, "could not be welcomed");
}

// Sign is ready: its key is on disk, and must be found there from now on.
void Node::keep_identity() {
    auto marked = mark_identity(plan_.state);
    if (!marked) log::broken("event=identity_not_marked reason=\"{}\"", marked.error().text);
    settings_.set("sign.new_node", "false");
}

// A key names a role, not an instance, so all instances of the role answer for it (R-I9).
void Node::on_violation(const process::ProtocolViolation& violation) {
    log::unusual("event=protocol_violation role={} what=\"{}\"", process::name_of(violation.role),
                 violation.what);
    for (auto& [id, worker] : workers_) {
        if (worker.spec->role == violation.role && ++worker.violations >= violations_max)
            condemn(worker, "three protocol violations");
    }
}

Result<std::string> Node::scale(Role role, std::uint16_t count) {
    if (drain_.running()) return unavailable("the node is stopping");
    if (role == Role::Supervisor) return bad_input("warrend does not scale");
    const auto& spec = spec_of(role);
    const auto* row = process::find_setting(spec.section, "count");
    WARREN_TRY_VOID(process::check_value(*row, fmt::format("{}", count)));
    std::uint16_t have = 0;
    for (const auto& [id, worker] : workers_) {
        if (worker.spec != &spec) continue;
        if (worker.retiring) return unavailable("still scaling: try again in some seconds");
        ++have;
    }
    if (role == Role::Storage && (slots_.moving() || slots_.placement().workers != have))
        return unavailable("slots are moving: try again in some seconds");
    if (spec.listener == ListenerKind::SteeredUdp) {
        for (auto& udp : udp_)
            WARREN_TRY_VOID(count > have ? udp.grow_to(count) : udp.steer_first(count));
    }
    settings_.set(process::key_of(*row), fmt::format("{}", count));
    for (auto index = have; index < count; ++index)
        WARREN_TRY_VOID(add_worker(spec, index));
    roster_dirty_ = true;
    log::info("event=scaled role={} from={} to={}", process::name_of(role), have, count);
    return fmt::format("{} from {} to {}", process::name_of(role), have, count);
}

// New storage workers get slots when they are ready; those that go give theirs away first.
void Node::advance_scaling() {
    const auto& storage = spec_of(Role::Storage);
    bool all_ready = true;
    std::set<std::uint16_t> alive;
    for (auto& [id, worker] : workers_) {
        if (worker.spec != &storage) continue;
        if (worker.alive()) alive.insert(worker.entry.index);
        all_ready = all_ready && worker.entry.state == WorkerState::Ready;
    }
    const auto target = wanted_placement();
    if (!slots_.moving() && slots_.placement() != target &&
        (target.workers < slots_.placement().workers || all_ready)) {
        slots_.begin(target, alive);
        slots_due_ = monotonic_now() + handover_patience;
        for (auto& [id, worker] : workers_)
            worker.owes_slots = true;
    }
    if (!slots_.moving()) slots_due_ = 0;
    if (slots_due_ != 0 && monotonic_now() >= slots_due_) {
        slots_due_ = monotonic_now() + handover_patience;
        for (auto index : slots_.waiting_for())
            if (auto* late = find(Role::Storage, index)) condemn(*late, "kept its slots");
    }
    for (auto& [id, worker] : workers_) {
        if (worker.retiring || worker.entry.index < wanted(*worker.spec)) continue;
        if (worker.spec == &storage && (slots_.moving() || slots_.placement() != target)) continue;
        worker.retiring = true;
        if (worker.alive()) drain(worker, monotonic_now() + retire_patience);
    }
}

// All or nothing: a file with an error changes nothing.
Result<std::string> Node::reload() {
    if (drain_.running()) return unavailable("the node is stopping");
    notify_reloading();
    auto fresh = load_settings(plan_.config, plan_.overrides);
    if (!fresh) {
        notify_ready("settings refused: the old ones stay");
        return fresh.error();
    }
    resolve(*fresh);
    std::string changed, later;
    for (const auto& row : process::setting_rows()) {
        auto key = process::key_of(row);
        if (row.internal || fresh->text(key) == settings_.text(key)) continue;
        auto& list = row.reloadable ? changed : later;
        list += (list.empty() ? "" : ",") + key;
        if (row.reloadable && row.name != "count") settings_.set(key, fresh->text(key));
    }
    for (const auto& spec : role_table()) {
        auto count = fresh->integer(std::string(spec.section) + ".count");
        if (count == wanted(spec)) continue;
        auto scaled = scale(spec.role, static_cast<std::uint16_t>(count));
        if (!scaled) log::unusual("event=scale_refused reason=\"{}\"", scaled.error().text);
    }
    for (auto& [id, worker] : workers_) {
        worker.owes_settings = worker.alive();
        if (!worker.given_up) continue;
        worker.given_up = false;
        worker.restarts.forget();
        worker.start_at = 1;
    }
    log::set_level(log::level_from(settings_.text("node.log_level")));
    roster_dirty_ = true;
    notify_ready("settings loaded");
    return fmt::format("changed=\"{}\" needs_restart=\"{}\"", changed, later);
}

std::uint16_t Node::wanted(const RoleSpec& spec) const {
    return static_cast<std::uint16_t>(settings_.integer(std::string(spec.section) + ".count"));
}

// The lines were checked when the settings were read.
Placement Node::wanted_placement() const {
    auto pins = process::parse_slot_pins(settings_.list("storage.pin"));
    return {wanted(spec_of(Role::Storage)), pins ? *pins : process::SlotPins{}};
}

process::Roster Node::roster() const {
    process::Roster out;
    for (const auto& [id, worker] : workers_)
        out.push_back(worker.entry);
    return out;
}

Worker* Node::find(Role role, std::uint16_t index) {
    for (auto& [id, worker] : workers_) {
        if (worker.spec->role == role && worker.entry.index == index) return &worker;
    }
    return nullptr;
}

}  // namespace warren::supervisor
