#include "runtime/pipe/worker.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <unordered_map>

#include "ipc-schema/schema_hash.h"
#include "runtime/pipe/inbox.h"
#include "runtime/pipe/outbox.h"
#include "runtime/pipe/roster_events.h"
#include "runtime/pipe/self_test.h"
#include "runtime/pipe/xpub_tap.h"
#include "runtime/process/exit.h"
#include "runtime/process/log.h"
#include "runtime/process/worker_start.h"

namespace warren::pipe {

namespace {

constexpr Nanoseconds heartbeat_interval = 250_ms;
constexpr Nanoseconds metrics_interval = 1_s;

RoleKeys keys_of(const process::Welcome& welcome) {
    RoleKeys out;
    for (const auto& key : welcome.public_keys)
        out[key.role] = key.public_key;
    return out;
}

std::string name_of(Role role, std::uint16_t index) {
    return std::string(process::name_of(role)) + "-" + std::to_string(index);
}

std::string role_setting(Role role, std::string_view name) {
    return "workers." + std::string(process::name_of(role)) + "." + std::string(name);
}

class Worker final : public Host {
public:
    Worker(process::WorkerStart start, const ServiceFactory& make)
        : lifeline_(std::move(start.lifeline)), welcome_(std::move(start.welcome)),
          lifeline_events_(io_, lifeline_.fd()), zap_(io_, context_, keys_of(welcome_)),
          tap_(io_, context_, welcome_.tap, welcome_.tap_listener.release()),
          outbox_(io_, context_, metrics_,
                  {welcome_.role, keys_of(welcome_), welcome_.secret_key, welcome_.routing_seed,
                   ipc::schema_hash, name_of(welcome_.role, welcome_.index), &tap_}) {
        for (auto& listener : welcome_.listeners) {
            listeners_.push_back(listener.fd.get());
            listener_names_.push_back(listener.address);
        }
        service_ = make(*this);
    }

    int run() {
        process::log::set_mirror([this](process::log::Level level, std::string_view line) {
            if (tap_.logs_wanted()) mirror_log(level, std::string(line));
        });
        spawn(io_, serve());
        spawn(io_, listen_to_lifeline());
        spawn(io_, beat());
        spawn(io_, publish_metrics());
        io_.run();
        lifeline_events_.release();  // the lifeline closes it
        return 0;
    }

    asio::io_context& io() override { return io_; }
    const process::Settings& settings() const override { return welcome_.settings; }
    Outbox& outbox() override { return outbox_; }
    Tap& tap() override { return tap_; }
    Metrics& metrics() override { return metrics_; }
    Role role() const override { return welcome_.role; }
    std::uint16_t index() const override { return welcome_.index; }
    std::uint16_t count() const override { return welcome_.count; }
    std::uint64_t epoch() const override { return welcome_.epoch; }
    std::string name() const override { return name_of(welcome_.role, welcome_.index); }
    const process::Roster& roster() const override { return welcome_.roster; }
    const process::SlotMap& slots() const override { return welcome_.slots; }
    const std::vector<int>& listeners() const override { return listeners_; }
    const std::vector<std::string>& listener_names() const override { return listener_names_; }

    Task<ControlAnswer> control(Control control, Nanoseconds deadline) override {
        const std::uint64_t id = ++controls_made_;
        auto promise = std::make_shared<Promise<ControlAnswer>>(io_);
        controls_[id] = promise;
        send_control(control, id);
        auto answer = co_await promise->wait(deadline);
        controls_.erase(id);
        co_return answer.value_or(ControlAnswer{false, "the supervisor did not answer in time"});
    }

    void slots_released(std::uint64_t version) override { send(process::SlotsReleased{version}); }

private:
    // From the log thread to the loop: log.LEVEL.WORKER on the tap.
    void mirror_log(process::log::Level level, std::string line) {
        asio::post(io_, [this, level, text = std::move(line)] {
            const std::string level_name(process::log::name_of(level));
            tap_.event("log." + level_name + "." + name(), {{"worker", name()},
                                                            {"level", level_name},
                                                            {"at_ms", wall_now_ms()},
                                                            {"line", text}});
        });
    }

    // Resources, then pipes, then ready.
    Task<void> serve() {
        outbox_.on_roster(welcome_.roster);
        outbox_.on_slots(welcome_.slots);
        const auto started = co_await service_->start();
        if (!started.ok()) refuse(started.error());
        if (!welcome_.inbox.empty()) {
            open_inbox();
            const auto safe = co_await stranger_is_refused(io_, context_, welcome_.inbox,
                                                           keys_of(welcome_).at(welcome_.role));
            if (!safe.ok()) refuse(safe.error());
        }
        send(process::WorkerReady{});
    }

    [[noreturn]] static void refuse(const Error& error) {
        process::fail(error.kind == ErrorKind::Environment ? process::ExitReason::Settings
                                                           : process::ExitReason::Failure,
                      error.text);
    }

    void open_inbox() {
        Inbox::Setup setup;
        setup.role = welcome_.role;
        setup.endpoint = welcome_.inbox;
        setup.listener = welcome_.inbox_listener.release();
        setup.secret = welcome_.secret_key;
        setup.window.messages =
            static_cast<std::uint32_t>(settings().integer(role_setting(role(), "queue_messages")));
        setup.window.bytes =
            static_cast<std::uint64_t>(settings().integer(role_setting(role(), "queue_bytes")));
        setup.schema_hash = ipc::schema_hash;
        setup.name = name();
        setup.tap = &tap_;
        setup.handler = [this](Request request) {
            return service_->on_request(std::move(request));
        };
        setup.violation = [this](Role from, const std::string& what) {
            send(process::ProtocolViolation{from, 0, what});
        };
        auto inbox = Inbox::open(io_, context_, metrics_, std::move(setup));
        if (!inbox.ok()) refuse(inbox.error());
        inbox_ = std::move(*inbox);
    }

    Task<void> listen_to_lifeline() {
        while (true) {
            auto message = lifeline_.receive();
            if (!message.ok()) refuse(message.error());
            if (*message) {
                handle(**message);
                continue;
            }
            boost::system::error_code ignored;
            co_await lifeline_events_.async_wait(
                asio::posix::stream_descriptor::wait_read,
                asio::redirect_error(asio::use_awaitable, ignored));
        }
    }

    void handle(process::Message& message) {
        if (std::holds_alternative<process::LifelineClosed>(message)) leave();
        if (std::holds_alternative<process::Stop>(message)) leave();
        if (std::holds_alternative<process::Drain>(message)) spawn(io_, drain());
        if (auto* roster = std::get_if<process::RosterChanged>(&message)) {
            if (speaks_for_the_node(role(), index(), roster->roster))
                tell_changes(tap_, welcome_.roster, roster->roster);
            welcome_.roster = std::move(roster->roster);
            welcome_.count = roster->count;
            outbox_.on_roster(welcome_.roster);
            service_->on_roster();
        }
        if (auto* slots = std::get_if<process::SlotsChanged>(&message)) {
            welcome_.slots = std::move(slots->slots);
            const bool speaks = speaks_for_the_node(role(), index(), welcome_.roster);
            tell_changes(speaks ? &tap_ : nullptr, slots_told_, welcome_.slots);
            outbox_.on_slots(welcome_.slots);
            service_->on_slots();
        }
        if (auto* settings = std::get_if<process::SettingsChanged>(&message)) {
            welcome_.settings = std::move(settings->settings);
            process::log::set_level(
                process::log::level_from(welcome_.settings.text("node.log_level")));
            service_->on_settings();
        }
        if (auto* reply = std::get_if<process::ControlReply>(&message)) {
            const auto found = controls_.find(reply->id);
            if (found != controls_.end()) found->second->set({reply->ok, reply->text});
        }
    }

    // Accepted work is finished; the supervisor bounds the time.
    Task<void> drain() {
        if (inbox_) inbox_->drain();
        while (inbox_ && inbox_->in_hand() > 0)
            co_await sleep_for(io_, 5_ms);
        co_await service_->drain();
        send(process::Drained{});
    }

    // What must survive is on disk; nothing is owed to anyone at this point.
    [[noreturn]] static void leave() {
        process::log::close();
        std::_Exit(0);
    }

    Task<void> beat() {
        std::uint32_t gap_us = 0;  // how late the last turn of this timer came
        for (std::uint32_t beats = 0;; ++beats) {
            if (beats % 4 == 0) resident_kib_ = process::resident_kib();
            send(process::Heartbeat{gap_us, resident_kib_});
            const auto due = monotonic_now() + heartbeat_interval;
            co_await sleep_until(io_, due);
            gap_us = static_cast<std::uint32_t>((monotonic_now() - due) / 1000);
            metrics_.observe_us("loop_gap_seconds", gap_us);
        }
    }

    Task<void> publish_metrics() {
        while (true) {
            co_await sleep_for(io_, metrics_interval);
            const auto topic = "metric." + name();
            if (!tap_.wanted(topic)) continue;
            metrics_.gauge("resident_bytes") = std::int64_t{resident_kib_} * 1024;
            metrics_.counter("log_dropped_total") = process::log::dropped();
            metrics_.counter("pipe_strangers_refused_total") = zap_.refused();
            tap_.publish(topic, metrics_.json(name()));
        }
    }

    void send_control(const Control& control, std::uint64_t id) {
        switch (control.kind) {
        case Control::Kind::Scale: return send(process::Scale{id, control.role, control.count});
        case Control::Kind::Reload: return send(process::Reload{id});
        case Control::Kind::StopNode: return send(process::StopNode{id});
        case Control::Kind::ListSettings: return send(process::ListSettings{id});
        }
    }

    void send(const process::Message& message) {
        // A full lifeline means that the supervisor is behind: heartbeats may be lost, it has a
        // margin.
        if (!lifeline_.send(message).ok()) ++metrics_.counter("lifeline_unsent_total");
    }

    asio::io_context io_{1};
    Context context_;
    Metrics metrics_;
    process::Lifeline lifeline_;
    process::Welcome welcome_;
    process::SlotMap slots_told_ = welcome_.slots;
    asio::posix::stream_descriptor lifeline_events_;
    Zap zap_;  // before the first bind
    XPubTap tap_;
    LinkedOutbox outbox_;
    std::unique_ptr<Inbox> inbox_;
    std::unique_ptr<Service> service_;
    std::vector<int> listeners_;
    std::vector<std::string> listener_names_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Promise<ControlAnswer>>> controls_;
    std::uint64_t controls_made_ = 0;
    std::uint32_t resident_kib_ = 0;
};

}  // namespace

int run_worker(Role role, const ServiceFactory& make) {
    Worker worker(process::start_worker(role), make);
    return worker.run();
}

}  // namespace warren::pipe
