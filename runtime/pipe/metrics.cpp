// Counters, gauges and histograms of one process, and JSON for the tap.
#include <fmt/format.h>

#include <bit>
#include <iterator>

#include "runtime/pipe/tap.h"

namespace warren::pipe {

namespace {

void append_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_value(std::string& out, const Field::second_type& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return append_text(out, *text);
    if (const auto* flag = std::get_if<bool>(&value)) {
        out += *flag ? "true" : "false";
        return;
    }
    std::visit(
        [&](const auto& number) {
            using Number = std::decay_t<decltype(number)>;
            if constexpr (std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>)
                fmt::format_to(std::back_inserter(out), "{}", number);
        },
        value);
}

template <typename Map>
void append_numbers(std::string& out, std::string_view name, const Map& map) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":{{", name);
    bool first = true;
    for (const auto& [key, value] : map) {
        fmt::format_to(std::back_inserter(out), "{}\"{}\":{}", first ? "" : ",", key, value);
        first = false;
    }
    out += '}';
}

}  // namespace

std::string json_object(std::initializer_list<Field> fields) {
    std::string out = "{";
    for (const auto& [name, value] : fields) {
        if (out.size() > 1) out += ',';
        append_text(out, name);
        out += ':';
        append_value(out, value);
    }
    return out += '}';
}

void Metrics::observe_us(std::string_view name, std::uint64_t microseconds) {
    auto& histogram = slot(histograms_, name);
    const auto bucket =
        std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(microseconds)), 31);
    ++histogram.buckets[bucket];
    ++histogram.count;
    histogram.sum_us += microseconds;
}

// {"worker":…,"counters":{…},"gauges":{…},"histograms":{name:{"count":…,"sum_us":…,"buckets":[…]}}}
// Bucket i counts observations below 2^i microseconds that no lower bucket counts.
std::string Metrics::json(std::string_view worker) const {
    std::string out = "{\"worker\":";
    append_text(out, worker);
    append_numbers(out, "counters", counters_);
    append_numbers(out, "gauges", gauges_);
    out += ",\"histograms\":{";
    bool first = true;
    for (const auto& [name, histogram] : histograms_) {
        fmt::format_to(std::back_inserter(out),
                       "{}\"{}\":{{\"count\":{},\"sum_us\":{},\"buckets\":[{}]}}", first ? "" : ",",
                       name, histogram.count, histogram.sum_us, fmt::join(histogram.buckets, ","));
        first = false;
    }
    return out += "}}";
}

}  // namespace warren::pipe
