// The api's ear at the taps: the last metrics of each worker, and events for those who stream them.
// It listens to a kind of topic only once somebody has asked for it.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/pipe/tap_reader.h"
#include "runtime/pipe/worker.h"

namespace warren::api {

// What one event stream has still to send. Bounded: a slow reader loses the oldest and is told.
class EventQueue {
public:
    static constexpr std::size_t messages_max = 256;
    static constexpr std::size_t bytes_max = 256 * 1024;

    explicit EventQueue(std::vector<std::string> prefixes) : prefixes_(std::move(prefixes)) {}
    bool wants(std::string_view topic) const;
    void push(std::string_view topic, std::string_view json);
    bool empty() const { return texts_.empty() && lost_ == 0; }
    // Everything that waits, as server-sent events.
    std::string take();

private:
    std::vector<std::string> prefixes_;
    std::deque<std::string> texts_;
    std::size_t bytes_ = 0;
    std::uint64_t lost_ = 0;
};

class TapHub {
public:
    explicit TapHub(pipe::Host& host) : host_(host) {}

    // One stream, alive as long as the object; `wait` returns when there is something to send, at
    // the deadline, or when all streams are told to end.
    class Listener {
    public:
        Listener(TapHub& hub, std::vector<std::string> prefixes);
        ~Listener();
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        pipe::Task<void> wait(Nanoseconds deadline);
        std::string take() { return queue_.take(); }
        bool ended() const { return hub_.ended_; }
        void wake() {
            if (waiter_) waiter_->set(true);
        }

    private:
        friend class TapHub;
        TapHub& hub_;
        std::weak_ptr<bool> hub_alive_;  // at the very end the hub goes before suspended streams
        EventQueue queue_;
        std::shared_ptr<pipe::Promise<bool>> waiter_;
    };
    void end_streams();
    void on_roster() {
        if (reader_) reader_->on_roster();
    }

    struct Sample {
        std::string json;
        Nanoseconds at = 0;
    };
    // By worker; what a worker said last, if that was within the last seconds. The first call waits
    // until all of `workers` were heard or the deadline has come.
    pipe::Task<std::map<std::string, std::string>> metrics(std::vector<std::string> workers,
                                                           Nanoseconds deadline);

private:
    void hear(const std::string& topic_prefix);
    void on_message(std::string_view topic, std::string_view json);
    bool heard(const std::vector<std::string>& workers) const;

    pipe::Host& host_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::unique_ptr<pipe::TapReader> reader_;  // has threads of its own: none until needed
    bool metrics_wanted_ = false, events_wanted_ = false, ended_ = false;
    std::map<std::string, Sample, std::less<>> samples_;
    std::list<std::shared_ptr<pipe::Promise<bool>>> metric_waiters_;
    std::list<Listener*> listeners_;
};

}  // namespace warren::api
