#include "workers/api/metrics_text.h"

#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace warren::api {

namespace {

using nlohmann::json;

struct Family {
    std::string_view type;
    std::string samples;
};
using Families = std::map<std::string, Family>;

struct Name {
    std::string metric;  // as Prometheus allows
    std::string labels;  // a="b",c="d"
};

std::string clean(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            c = '_';
    return out;
}

std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

// "requests_total{route=search}" of worker "api-0" -> warren_requests_total,
// worker="api-0",route="search"
Name name_of(std::string_view worker, std::string_view text) {
    const auto brace = std::min(text.find('{'), text.size());
    Name out{"warren_" + clean(text.substr(0, brace)),
             fmt::format("worker=\"{}\"", escape(worker))};
    auto rest = text.substr(brace);
    if (rest.size() < 2) return out;
    rest = rest.substr(1, rest.size() - 2);
    while (!rest.empty()) {
        const auto end = std::min(rest.find(','), rest.size());
        const auto pair = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto equals = pair.find('=');
        if (equals == pair.npos) continue;
        out.labels += fmt::format(",{}=\"{}\"", clean(pair.substr(0, equals)),
                                  escape(pair.substr(equals + 1)));
    }
    return out;
}

void add_numbers(Families& families, std::string_view worker, const json& message,
                 const char* section, std::string_view type) {
    const auto found = message.find(section);
    if (found == message.end() || !found->is_object()) return;
    for (const auto& [text, value] : found->items()) {
        if (!value.is_number()) continue;
        const auto name = name_of(worker, text);
        auto& family = families[name.metric];
        family.type = type;
        family.samples += fmt::format("{}{{{}}} {}\n", name.metric, name.labels, value.dump());
    }
}

void add_histogram(Families& families, std::string_view worker, std::string_view text,
                   const json& value) {
    const auto count = value.value("count", std::uint64_t{0});
    const auto sum_us = value.value("sum_us", std::uint64_t{0});
    const auto buckets = value.find("buckets");
    if (buckets == value.end() || !buckets->is_array()) return;
    auto name = name_of(worker, text);
    if (name.metric.ends_with("_us")) name.metric.resize(name.metric.size() - 3);
    name.metric += "_seconds";
    auto& family = families[name.metric];
    family.type = "histogram";
    std::uint64_t below = 0;
    // The last bucket of the node takes whatever is longer: it is part of +Inf only.
    for (std::size_t i = 0; i + 1 < buckets->size() && i < 40; ++i) {
        const auto& bucket = (*buckets)[i];
        if (bucket.is_number_unsigned()) below += bucket.get<std::uint64_t>();
        family.samples += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name.metric, name.labels,
                                      static_cast<double>(std::uint64_t{1} << i) / 1e6, below);
    }
    family.samples +=
        fmt::format("{}_bucket{{{},le=\"+Inf\"}} {}\n", name.metric, name.labels, count);
    family.samples += fmt::format("{}_sum{{{}}} {}\n", name.metric, name.labels,
                                  static_cast<double>(sum_us) / 1e6);
    family.samples += fmt::format("{}_count{{{}}} {}\n", name.metric, name.labels, count);
}

void add_worker(Families& families, std::string_view worker, const std::string& text) {
    const auto message = json::parse(text, nullptr, false);
    if (!message.is_object()) return;
    add_numbers(families, worker, message, "counters", "counter");
    add_numbers(families, worker, message, "gauges", "gauge");
    const auto histograms = message.find("histograms");
    if (histograms == message.end() || !histograms->is_object()) return;
    for (const auto& [name, value] : histograms->items()) {
        const bool numbers = value.is_object() && value.contains("count") &&
                             value["count"].is_number() && value.contains("sum_us") &&
                             value["sum_us"].is_number();
        if (numbers) add_histogram(families, worker, name, value);
    }
}

}  // namespace

std::string metrics_text(const std::map<std::string, std::string>& by_worker,
                         const std::vector<WorkerUp>& workers) {
    Families families;
    for (const auto& worker : workers) {
        auto& family = families["warren_up"];
        family.type = "gauge";
        family.samples +=
            fmt::format("warren_up{{role=\"{}\",worker=\"{}\"}} {}\n", escape(worker.role),
                        escape(worker.worker), worker.up ? 1 : 0);
    }
    for (const auto& [worker, text] : by_worker)
        add_worker(families, worker, text);
    std::string out;
    for (const auto& [name, family] : families)
        out += fmt::format("# TYPE {} {}\n{}", name, family.type, family.samples);
    return out;
}

}  // namespace warren::api
