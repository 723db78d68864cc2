// Opening the node, its loop, and its stop.
#include "supervisor/node.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "runtime/process/log.h"
#include "supervisor/files.h"
#include "supervisor/notify.h"
#include "supervisor/steering.h"

namespace warren::supervisor {

namespace log = process::log;

namespace {

constexpr std::uint32_t signal_event = 0;  // worker ids start at 1
constexpr Nanoseconds retry_owed = 100_ms;
constexpr Nanoseconds overslept = 1_s;

Error taken(std::string_view setting, const std::string& value, Error why) {
    why.text = fmt::format("{} = \"{}\": {}{}", setting, value, why.text,
                           why.kind == ErrorKind::Exists
                               ? ": another program has this port: set a free one, or port 0"
                               : "");
    return why;
}

}  // namespace

std::string Worker::name() const {
    return fmt::format("{}-{}", process::name_of(spec->role), entry.index);
}

Node::Node(NodePlan plan) : plan_(std::move(plan)), settings_(plan_.settings) {}

Result<std::unique_ptr<Node>> Node::open(NodePlan plan) {
    std::unique_ptr<Node> node(new Node(std::move(plan)));
    node->opened_ = monotonic_now();
    WARREN_TRY_VOID(node->open_sockets());
    WARREN_TRY(node->node_epoch_, next_node_epoch(node->plan_.state));
    WARREN_TRY(node->token_digest_, token_digest(node->plan_.state));
    node->resolve(node->settings_);
    WARREN_TRY_VOID(own_directory(node->plan_.state.path + "/keys", 0700));
    for (const char* root : {"torrent.share_root", "torrent.download_root"}) {
        const auto& path = node->settings_.text(root);
        if (path.starts_with(node->plan_.state.path + "/"))
            WARREN_TRY_VOID(own_directory(path, 0700));
    }
    for (const auto& spec : role_table()) {
        WARREN_TRY(node->keys_[spec.role], make_key_pair());
    }
    WARREN_TRY_VOID(node->open_loop());
    node->slots_ = SlotTable(node->wanted_placement());
    for (const auto& spec : role_table()) {
        for (std::uint16_t index = 0; index < node->wanted(spec); ++index)
            WARREN_TRY_VOID(node->add_worker(spec, index));
    }
    return node;
}

Result<void> Node::open_sockets() {
    const auto& api = settings_.text("api.listen");
    auto listener = listen_tcp(*Endpoint::parse(api));
    if (!listener) return taken("api.listen", api, listener.error());
    api_listener_ = std::move(*listener);
    WARREN_TRY(auto api_address, local_address(api_listener_.get()));

    WARREN_TRY_VOID(open_overlay("overlay.listen"));
    if (!settings_.text("overlay.listen_v6").empty()) {
        if (Endpoint::parse(settings_.text("overlay.listen"))->v6)
            return bad_input("overlay.listen_v6 goes with an IPv4 address in overlay.listen: "
                             "leave one of them out");
        WARREN_TRY_VOID(open_overlay("overlay.listen_v6"));
    }

    WARREN_TRY(run_dir_, RunDir::open(plan_.run_dir));
    close_files();  // what a killed predecessor left
    facts_ = {.pid = ::getpid(),
              .version = WARREN_VERSION,
              .state = "starting",
              .started_ms = wall_now_ms(),
              .run_dir = plan_.run_dir,
              .state_dir = plan_.state.path,
              .config = plan_.config,
              .api = api_address.text(),
              .overlay = udp_.front().address(),
              .overlay_v6 = udp_.size() > 1 ? udp_.back().address() : ""};
    return {};
}

Result<void> Node::open_overlay(std::string_view setting) {
    const auto& wished = settings_.text(setting);
    auto udp =
        UdpGroup::open(*Endpoint::parse(wished), settings_.integer("overlay.receive_buffer_bytes"));
    if (!udp) return taken(setting, wished, udp.error());
    WARREN_TRY_VOID(udp->grow_to(wanted(spec_of(Role::Network))));
    udp_.push_back(std::move(*udp));
    return {};
}

Result<void> Node::open_loop() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&signals, signal);
    signals_ = Fd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
    epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = signal_event;
    if (!signals_ || !epoll_ ||
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, signals_.get(), &event) != 0)
        return io_error(fmt::format("epoll: {}", std::strerror(errno)));
    watchdog_ = watchdog_interval();
    return {};
}

// Values that follow from the place where the node runs.
void Node::resolve(Settings& settings) const {
    settings.set("node.state_dir", plan_.state.path);
    settings.set("node.run_dir", plan_.run_dir);
    settings.set("node.version", WARREN_VERSION);
    settings.set("node.journal", std::getenv("JOURNAL_STREAM") != nullptr ? "true" : "false");
    settings.set("api.token_sha256", token_digest_);
    settings.set("sign.key_file", plan_.state.path + "/keys/node.key");
    settings.set("sign.new_node", has_identity(plan_.state) ? "false" : "true");
    if (settings.text("torrent.share_root").empty())
        settings.set("torrent.share_root", plan_.state.path + "/share");
    if (settings.text("torrent.download_root").empty())
        settings.set("torrent.download_root", plan_.state.path + "/downloads");
}

Result<void> Node::run() {
    log::info("event=node_started pid={} epoch={} api={} overlay={} state_dir={}", facts_.pid,
              node_epoch_, facts_.api, facts_.overlay, facts_.state_dir);
    last_turn_ = monotonic_now();
    flush(last_turn_);
    while (!drain_.finished())
        turn();
    close_files();
    log::info("event=node_stopped");
    return {};
}

void Node::turn() {
    auto before = monotonic_now();
    auto wait = std::max<Nanoseconds>(0, next_deadline(before) - before);
    std::array<epoll_event, 64> events{};
    auto count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                              static_cast<int>((wait + 999'999) / 1'000'000));
    for (int i = 0; i < count; ++i) {
        auto id = events[static_cast<std::size_t>(i)].data.u32;
        if (id == signal_event)
            on_signal();
        else if (auto found = workers_.find(id); found != workers_.end())
            service(found->second);
    }
    auto now = monotonic_now();
    if (now - last_turn_ > wait + overslept) {
        for (auto& [id, worker] : workers_)
            worker.health.excuse(now);
    }
    last_turn_ = now;
    std::vector<std::uint32_t> gone;
    for (auto& [id, worker] : workers_) {
        tend(worker, now);
        if (worker.retiring && !worker.alive()) gone.push_back(id);
    }
    for (auto id : gone)
        remove_worker(id);
    if (drain_.running())
        advance_stop();
    else
        advance_scaling();
    flush(now);
}

Nanoseconds Node::next_deadline(Nanoseconds now) const {
    auto next = now + 60_s;
    auto at = [&next](Nanoseconds when) {
        if (when != 0) next = std::min(next, when);
    };
    at(watchdog_due_);
    at(slots_due_);
    for (const auto& [id, worker] : workers_) {
        if (!worker.alive()) {
            at(worker.start_at);
            continue;
        }
        at(worker.stop_by != 0 ? worker.stop_by : worker.health.next_change(now));
        if (worker.welcomed && (worker.owes_roster || worker.owes_slots || worker.owes_settings))
            at(now + retry_owed);
    }
    return next;
}

void Node::on_signal() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGHUP) {
            begin_stop();
            continue;
        }
        if (drain_.running()) continue;
        auto done = reload();
        if (done)
            log::info("event=reloaded {}", *done);
        else
            log::unusual("event=reload_refused reason=\"{}\"", done.error().text);
    }
}

// The second call does not wait for anybody.
void Node::begin_stop() {
    if (drain_.running()) {
        log::unusual("event=stop_now");
        for (auto& [id, worker] : workers_)
            worker.stop_by = 1;
        return;
    }
    log::info("event=stopping");
    notify_stopping();
    facts_.state = "stopping";
    roster_dirty_ = true;
    drain_.begin(monotonic_now(), settings_.integer("node.drain_ms") * 1'000'000);
}

void Node::advance_stop() {
    while (!drain_.finished()) {
        bool busy = false;
        for (auto& [id, worker] : workers_) {
            worker.start_at = 0;
            if (worker.spec->drain_step != drain_.step() || !worker.alive()) continue;
            busy = true;
            if (worker.stop_by == 0) drain(worker, drain_.step_deadline());
        }
        if (busy) break;
        log::info("event=drained step={}", drain_.step());
        drain_.next_step();
    }
}

// End of turn: what is owed to workers, the roster file, and the service manager.
void Node::flush(Nanoseconds now) {
    if (roster_dirty_) publish_roster(now);
    for (auto& [id, worker] : workers_) {
        if (!worker.lifeline || !worker.welcomed) continue;
        if (worker.owes_slots)
            worker.owes_slots = !send(worker, process::SlotsChanged{slots_.map()});
        if (worker.owes_roster)
            worker.owes_roster =
                !send(worker, process::RosterChanged{roster(), wanted(*worker.spec)});
        if (worker.owes_settings)
            worker.owes_settings =
                !send(worker, process::SettingsChanged{settings_for(worker.spec->role, settings_)});
    }
    if (watchdog_ != 0 && now >= watchdog_due_) {
        notify_alive();
        watchdog_due_ = now + watchdog_;
    }
}

void Node::publish_roster(Nanoseconds now) {
    roster_dirty_ = false;
    std::string trouble;
    bool settled = true;  // every worker is ready, or known not to become so soon
    for (auto& [id, worker] : workers_) {
        worker.owes_roster = true;
        if (worker.entry.state == WorkerState::Ready) continue;
        settled = settled && (worker.given_up || worker.restarts.crash_looping());
        trouble += fmt::format(" {} {}", worker.name(), name_of(worker.entry.state));
    }
    if (!drain_.running() && (settled || told_ready_))
        facts_.state = trouble.empty() ? "ready" : "degraded";
    auto status = trouble.empty() ? fmt::format("ready, api at {}", facts_.api)
                                  : fmt::format("{}:{}", facts_.state, trouble);
    if (settled && !told_ready_ && !drain_.running()) {
        told_ready_ = true;
        notify_ready(status);
        log::info("event=node_ready after_ms={} state={}", (now - opened_) / 1'000'000,
                  facts_.state);
    } else {
        notify_status(status);
    }
    facts_.epoch = node_epoch_;
    auto json = roster_json(facts_, roster(), slots_.map());
    for (const auto& file : {plan_.run_dir + "/roster.json", plan_.state.path + "/node.json"}) {
        auto written = write_atomically(file, json, Durability::Cached);
        if (!written) log::broken("event=roster_not_written reason=\"{}\"", written.error().text);
    }
}

void Node::close_files() const {
    run_dir_->clear();
    ::unlink((plan_.run_dir + "/roster.json").c_str());
    ::unlink((plan_.state.path + "/node.json").c_str());
}

}  // namespace warren::supervisor
