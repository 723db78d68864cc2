// The tap: what a worker tells anyone who listens, on an XPUB socket of its own. Nobody listening
// costs nothing; a slow listener loses messages and slows no one. Two frames: topic, JSON.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace warren::pipe {

using Field = std::pair<std::string_view,
                        std::variant<std::int64_t, std::uint64_t, double, bool, std::string>>;
std::string json_object(std::initializer_list<Field> fields);

// Counters, gauges and latencies of this process, published at 1 Hz as metric.WORKER. Names are
// Prometheus names without the `warren_` in front; a counter's ends in _total.
class Metrics {
public:
    std::uint64_t& counter(std::string_view name) { return slot(counters_, name); }
    std::int64_t& gauge(std::string_view name) { return slot(gauges_, name); }
    // Histogram with power-of-two buckets from 1 microsecond.
    void observe_us(std::string_view name, std::uint64_t microseconds);
    std::string json(std::string_view worker) const;

private:
    struct Histogram {
        std::uint64_t buckets[32] = {};
        std::uint64_t count = 0, sum_us = 0;
    };
    template <typename Map>
    typename Map::mapped_type& slot(Map& map, std::string_view name) {
        auto found = map.find(name);
        if (found == map.end())
            found = map.emplace(std::string(name), typename Map::mapped_type{}).first;
        return found->second;
    }

    std::map<std::string, std::uint64_t, std::less<>> counters_;
    std::map<std::string, std::int64_t, std::less<>> gauges_;
    std::map<std::string, Histogram, std::less<>> histograms_;
};

class Tap {
public:
    // One hop of a sampled message, as trace.ID. `trace` 0: not sampled.
    void trace(std::uint64_t trace, std::initializer_list<Field> fields);
    virtual ~Tap() = default;
    virtual bool wanted(std::string_view topic) const = 0;  // does anyone listen?
    virtual void publish(std::string_view topic, std::string_view json) = 0;
    void event(std::string_view topic, std::initializer_list<Field> fields) {
        if (wanted(topic)) publish(topic, json_object(fields));
    }
};

}  // namespace warren::pipe
