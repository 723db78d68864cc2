#include "workers/api/tap_hub.h"

#include <algorithm>

namespace warren::api {

namespace {

constexpr Nanoseconds sample_age_max = 10_s;

// A line break would end the field, so none may pass.
void append_line(std::string& out, std::string_view text) {
    for (const char c : text)
        if (c != '\n' && c != '\r') out += c;
}

}  // namespace

bool EventQueue::wants(std::string_view topic) const {
    return prefixes_.empty() || std::ranges::any_of(prefixes_, [&](const std::string& prefix) {
               return topic.starts_with(prefix);
           });
}

void EventQueue::push(std::string_view topic, std::string_view json) {
    std::string text = "event: ";
    append_line(text, topic);
    text += "\ndata: ";
    append_line(text, json);
    text += "\n\n";
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    while (texts_.size() > messages_max || bytes_ > bytes_max) {
        bytes_ -= texts_.front().size();
        texts_.pop_front();
        ++lost_;
    }
}

std::string EventQueue::take() {
    std::string out;
    if (lost_ > 0) out = "event: lost\ndata: {\"count\":" + std::to_string(lost_) + "}\n\n";
    for (const auto& text : texts_)
        out += text;
    texts_.clear();
    bytes_ = 0;
    lost_ = 0;
    return out;
}

void TapHub::hear(const std::string& topic_prefix) {
    if (!reader_) {
        reader_ = std::make_unique<pipe::TapReader>(host_);
        reader_->on_message = [this](std::string_view topic, std::string_view json) {
            on_message(topic, json);
        };
    }
    reader_->subscribe(topic_prefix);
}

TapHub::Listener::Listener(TapHub& hub, std::vector<std::string> prefixes)
    : hub_(hub), hub_alive_(hub.alive_), queue_(std::move(prefixes)) {
    hub_.listeners_.push_back(this);
    if (!hub_.events_wanted_) hub_.hear("event.");
    hub_.events_wanted_ = true;
}

TapHub::Listener::~Listener() {
    if (!hub_alive_.expired()) hub_.listeners_.remove(this);
}

pipe::Task<void> TapHub::Listener::wait(Nanoseconds deadline) {
    if (!queue_.empty() || ended()) co_return;
    waiter_ = std::make_shared<pipe::Promise<bool>>(hub_.host_.io());
    const auto waiter = waiter_;
    co_await waiter->wait(deadline);
    waiter_.reset();
}

void TapHub::end_streams() {
    ended_ = true;
    for (auto* listener : listeners_)
        listener->wake();
}

bool TapHub::heard(const std::vector<std::string>& workers) const {
    return std::ranges::all_of(workers,
                               [&](const std::string& name) { return samples_.contains(name); });
}

pipe::Task<std::map<std::string, std::string>> TapHub::metrics(std::vector<std::string> workers,
                                                               Nanoseconds deadline) {
    if (!metrics_wanted_) {
        hear("metric.");
        metrics_wanted_ = true;
    }
    while (!heard(workers) && monotonic_now() < deadline) {
        auto waiter = std::make_shared<pipe::Promise<bool>>(host_.io());
        metric_waiters_.push_back(waiter);
        co_await waiter->wait(deadline);
        metric_waiters_.remove(waiter);
    }
    std::map<std::string, std::string> out;
    for (const auto& [worker, sample] : samples_)
        if (monotonic_now() - sample.at < sample_age_max) out[worker] = sample.json;
    co_return out;
}

void TapHub::on_message(std::string_view topic, std::string_view json) {
    constexpr std::string_view metric = "metric.";
    if (topic.starts_with(metric)) {
        samples_[std::string(topic.substr(metric.size()))] = {std::string(json), monotonic_now()};
        std::erase_if(samples_, [](const auto& entry) {
            return monotonic_now() - entry.second.at > sample_age_max;
        });
        for (const auto& waiter : metric_waiters_)
            waiter->set(true);
        return;
    }
    for (auto* listener : listeners_) {
        if (!listener->queue_.wants(topic)) continue;
        listener->queue_.push(topic, json);
        listener->wake();
    }
}

}  // namespace warren::api
