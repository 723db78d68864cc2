// Logging on spdlog's asynchronous logger. The sink never waits for its reader: a pipe that is full
// costs lines, which are counted, and not time (R-O3).
#include "runtime/process/log.h"

#include <fmt/chrono.h>
#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>

namespace warren::process::log {

namespace {

constexpr std::size_t ring_lines = 8192;
constexpr std::size_t line_bytes_max =
    4000;  // below PIPE_BUF, so that a writable pipe takes it whole
constexpr int first_wait_ms = 100;

constexpr std::array<std::string_view, 6> level_names = {"trace",   "debug",  "info",
                                                         "unusual", "broken", "fatal"};
constexpr std::array<char, 6> journal_priority = {'7', '7', '6', '4', '3', '2'};

class StderrSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    explicit StderrSink(Target target) : target_(std::move(target)) {}
    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
    void set_mirror(Mirror mirror) {
        mirror_.store(mirror ? std::make_shared<const Mirror>(std::move(mirror)) : nullptr);
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        auto level = static_cast<Level>(message.level);
        if (const auto mirror = mirror_.load())
            (*mirror)(level, {message.payload.data(), message.payload.size()});
        fmt::memory_buffer out;
        if (target_.journal) {
            fmt::format_to(std::back_inserter(out), "<{}>{} {} ",
                           journal_priority[static_cast<std::size_t>(level)], name_of(level),
                           target_.subject);
        } else {
            auto since = message.time.time_since_epoch();
            auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000;
            fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z {} {} ",
                           fmt::gmtime(std::chrono::system_clock::to_time_t(message.time)), ms,
                           name_of(level), target_.subject);
        }
        for (char c : message.payload) {
            if (out.size() >= line_bytes_max) break;
            out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
        }
        out.push_back('\n');
        deliver({out.data(), out.size()});
    }

    void deliver(std::string_view line) {
        pollfd ready{STDERR_FILENO, POLLOUT, 0};
        bool can =
            ::poll(&ready, 1, blocked_ ? 0 : first_wait_ms) == 1 && (ready.revents & POLLOUT) != 0;
        blocked_ = !can;
        if (!can || ::write(STDERR_FILENO, line.data(), line.size()) < 0)
            dropped_.fetch_add(1, std::memory_order_relaxed);
    }

    void flush_() override {}

    Target target_;
    std::atomic<std::shared_ptr<const Mirror>> mirror_;  // set by the loop, read by the log thread
    bool blocked_ = false;
    std::atomic<std::uint64_t> dropped_ = 0;  // read by the loop, written by the log thread
};

// spdlog's registry holds the one logger of the process; before `open` that is its unnamed default.
spdlog::logger* opened() {
    auto* logger = spdlog::default_logger_raw();
    return logger != nullptr && !logger->name().empty() ? logger : nullptr;
}

spdlog::level::level_enum to_spdlog(Level level) {
    return static_cast<spdlog::level::level_enum>(level);  // the same six, in the same order
}

}  // namespace

std::string_view name_of(Level level) {
    return level_names[static_cast<std::size_t>(level)];
}

void open(const Target& target) {
    spdlog::init_thread_pool(ring_lines, 1);
    auto sink = std::make_shared<StderrSink>(target);
    auto logger = std::make_shared<spdlog::async_logger>(
        "warren", sink, spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
    logger->set_level(to_spdlog(target.least));
    spdlog::set_default_logger(std::move(logger));
}

void set_mirror(Mirror mirror) {
    if (auto* logger = opened())
        static_cast<StderrSink*>(logger->sinks().front().get())->set_mirror(std::move(mirror));
}

void close() {
    if (opened() != nullptr) spdlog::shutdown();
}

void set_level(Level least) {
    if (auto* logger = opened()) logger->set_level(to_spdlog(least));
}

Level level_from(std::string_view name) {
    for (std::size_t i = 0; i < level_names.size(); ++i) {
        if (level_names[i] == name) return static_cast<Level>(i);
    }
    return Level::Info;
}

bool wanted(Level level) {
    auto* logger = opened();
    return logger != nullptr ? logger->should_log(to_spdlog(level)) : level >= Level::Info;
}

void write(Level level, std::string_view line) {
    if (auto* logger = opened()) {
        logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
        return;
    }
    auto text = fmt::format("{} {}\n", name_of(level), line);
    (void)!::write(STDERR_FILENO, text.data(), text.size());
}

std::uint64_t dropped() {
    auto* logger = opened();
    if (logger == nullptr) return 0;
    auto pool = spdlog::thread_pool();
    auto* sink = static_cast<StderrSink*>(logger->sinks().front().get());
    return sink->dropped() + (pool ? pool->overrun_counter() : 0);
}

}  // namespace warren::process::log
