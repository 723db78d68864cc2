// How a new record spreads through a crowd, in the simulator: virtual time until all have it, and
// all datagrams that it causes. Each crowd comes from its own seed: nodes join one after the
// other, settle, and then some of them publish one record each, a while apart. Crowds share
// nothing, so each has a thread.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <future>
#include <thread>

#include "base/check.h"
#include "bench/support/report.h"
#include "tests/sim/overlay_world.h"

namespace warren::bench {
namespace {

using protocol::OverlayMessage;
using sim::World;

const CommunityId community = protocol::channel_community({}, protocol::Nonce{});
constexpr std::size_t payload_bytes = 200;
constexpr double never = 1e9;
constexpr Nanoseconds settle_time = 30_s, quiet_walk = 60_s, apart = 10_s;

struct Plan {
    std::size_t nodes = 1000;
    std::size_t seeds = 1;
    std::size_t records = 1;  // of each seed
    Nanoseconds delay = 50_ms;
    double loss = 0.01;
};

struct Traffic {
    std::uint64_t pushes = 0, offers = 0, fetches = 0, repair = 0, walk = 0;
    std::uint64_t bytes = 0;  // without the walk

    std::uint64_t caused() const { return pushes + offers + fetches + repair; }
    void count(ByteView datagram) {
        const auto id = datagram[protocol::prefix_bytes];
        if (!protocol::is_record_kind(id) && (id < 16 || id > 31)) return void(++walk);
        bytes += datagram.size();
        if (protocol::is_record_kind(id)) return void(++pushes);
        switch (static_cast<OverlayMessage>(id)) {
        case OverlayMessage::RecordOffer: ++offers; break;
        case OverlayMessage::SyncFetch:
        case OverlayMessage::SyncRecords: ++fetches; break;
        default: ++repair;
        }
    }
};

struct Spread {                                    // of one record
    double reached_half_s = 0, reached_all_s = 0;  // negative: not all
    Traffic traffic;
};

// Few of the tables that a node with strangers all around needs.
protocol::OverlaySettings small_settings() {
    auto out = sim::simulated_settings();
    out.source_buckets = 64;
    out.duplicates_max = 256;
    return out;
}

std::size_t holders(World& world, std::size_t records) {
    return static_cast<std::size_t>(std::ranges::count_if(world.nodes(), [&](const auto& node) {
        return node->stores.at(community).size() >= records;
    }));
}

class Crowd {
public:
    Crowd(const Plan& plan, std::uint64_t seed)
        : world_(seed, {plan.loss, 0, 0, 0, plan.delay, plan.delay}, small_settings()) {
        world_.on_send = [this](const World::Node&, const Endpoint&, ByteView bytes) {
            traffic_.count(bytes);
            return true;
        };
        auto& nodes = world_.nodes();
        world_.join(world_.add_node(), community);
        while (nodes.size() < plan.nodes) {
            const auto first = std::min(nodes.size(), 1 + plan.nodes / 100);
            const auto& known = *nodes[world_.random().below(first)];
            world_.join(world_.add_node(), community, known.address);
            world_.run_for(5_ms);
        }
        world_.run_for(settle_time);
        // Where nothing changes the walk gets as quiet with time; who lacks neighbours goes on.
        for (auto& node : nodes)
            if (node->overlay->neighbours(community) >= node->settings.peers_target)
                node->overlay->set_intervals(quiet_walk, node->settings.sync_interval);
        world_.run_for(apart);
    }

    Spread publish() {
        traffic_ = {};
        ++records_;
        const auto begin = world_.now();
        const auto since = [&] { return static_cast<double>(world_.now() - begin) / 1e9; };
        auto& nodes = world_.nodes();
        world_.publish(*nodes[world_.random().below(nodes.size())], community, 1, payload_bytes);
        Spread out{-1, -1, {}};
        while (world_.now() < begin + apart) {
            const auto reached = holders(world_, records_);
            if (out.reached_half_s < 0 && 2 * reached >= nodes.size()) out.reached_half_s = since();
            if (out.reached_all_s < 0 && reached == nodes.size()) out.reached_all_s = since();
            world_.run_for(out.reached_all_s < 0 ? 10_ms : begin + apart - world_.now());
        }
        out.traffic = traffic_;
        return out;
    }
    // What happens in the same time without a record.
    Traffic quiet() {
        traffic_ = {};
        world_.run_for(apart);
        return traffic_;
    }
    double neighbours() {
        double out = 0;
        for (auto& node : world_.nodes())
            out += static_cast<double>(node->overlay->neighbours(community));
        return out / static_cast<double>(world_.nodes().size());
    }

private:
    World world_;
    Traffic traffic_;
    std::size_t records_ = 0;
};

struct Seen {  // in one crowd
    std::vector<Spread> spreads;
    Traffic quiet;
    double neighbours = 0;
};

Seen watch(const Plan& plan, std::uint64_t seed) {
    Crowd crowd(plan, seed);
    Seen out;
    out.quiet = crowd.quiet();
    out.neighbours = crowd.neighbours();
    for (std::size_t i = 0; i < plan.records; ++i)
        out.spreads.push_back(crowd.publish());
    return out;
}

std::vector<Seen> watch_all(const Plan& plan, std::uint64_t first_seed) {
    const std::size_t at_once = std::max(1U, std::thread::hardware_concurrency());
    std::vector<Seen> out;
    for (std::size_t i = 0; i < plan.seeds; i += at_once) {
        std::vector<std::future<Seen>> running;
        for (auto j = i; j < std::min(plan.seeds, i + at_once); ++j)
            running.push_back(std::async(std::launch::async, watch, plan, first_seed + j));
        for (auto& one : running)
            out.push_back(one.get());
    }
    return out;
}

struct Results {
    std::vector<double> half_s, all_s, datagrams, bytes, walk;
    std::vector<double> pushes, offers, fetches, repair;
    std::vector<double> all_s_of_crowds;  // the worst record of each
    double neighbours = 0, quiet_walk = 0, quiet_repair = 0;
    std::size_t unreached = 0;  // records that did not reach all in time
};

Results run(const Plan& plan, std::uint64_t first_seed) {
    Results out;
    const auto per_node = [&](auto count) {
        return static_cast<double>(count) / static_cast<double>(plan.nodes);
    };
    for (const auto& seen : watch_all(plan, first_seed)) {
        out.quiet_walk = std::max(out.quiet_walk, per_node(seen.quiet.walk));
        out.quiet_repair = std::max(out.quiet_repair, per_node(seen.quiet.caused()));
        out.neighbours = seen.neighbours;
        double worst = 0;
        for (const auto& spread : seen.spreads) {
            const auto& t = spread.traffic;
            if (spread.reached_all_s < 0) ++out.unreached;
            out.half_s.push_back(spread.reached_half_s);
            out.all_s.push_back(spread.reached_all_s < 0 ? never : spread.reached_all_s);
            worst = std::max(worst, out.all_s.back());
            out.datagrams.push_back(per_node(t.caused()));
            out.pushes.push_back(per_node(t.pushes));
            out.offers.push_back(per_node(t.offers));
            out.fetches.push_back(per_node(t.fetches));
            out.repair.push_back(per_node(t.repair));
            out.walk.push_back(per_node(t.walk));
            out.bytes.push_back(per_node(t.bytes));
        }
        out.all_s_of_crowds.push_back(worst);
    }
    return out;
}

double most(const std::vector<double>& values) {
    return *std::ranges::max_element(values);
}

nlohmann::json describe(const Plan& plan, const Results& r) {
    const auto both = [](const std::vector<double>& values) {
        return nlohmann::json{{"median", median(values)}, {"max", most(values)}};
    };
    return {{"nodes", plan.nodes},
            {"crowds", plan.seeds},
            {"records", plan.seeds * plan.records},
            {"not_all_in_10_s", r.unreached},
            {"neighbours_mean", r.neighbours},
            {"half_s", both(r.half_s)},
            {"all_s", both(r.all_s)},
            {"all_s_of_crowds", r.all_s_of_crowds},
            {"datagrams_per_node", both(r.datagrams)},
            {"bytes_per_node", both(r.bytes)},
            {"pushes_per_node", both(r.pushes)},
            {"offers_per_node", both(r.offers)},
            {"fetches_per_node", both(r.fetches)},
            {"repair_per_node", both(r.repair)},
            {"walk_per_node", both(r.walk)},
            {"quiet", {{"walk_per_node", r.quiet_walk}, {"repair_per_node", r.quiet_repair}}}};
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const auto number = [&](const char* name, const char* fallback) {
        return std::stoul(option(argc, argv, name, fallback));
    };
    const auto seed = number("seed", "20240611");
    const auto largest = number("nodes", "1000");
    const auto seeds = number("seeds", "6");
    const Plan plans[] = {
        {100, 3 * seeds, 5}, {300, seeds, 5}, {1000, seeds, 5}, {3000, 1, 5}, {10'000, 1, 3}};
    Report report;
    report.bench = "spread";
    auto sizes = nlohmann::json::array();
    for (const auto& plan : plans) {
        if (plan.nodes > largest) continue;
        const auto begun = monotonic_now();
        const auto results = run(plan, seed);
        sizes.push_back(describe(plan, results));
        sizes.back()["took_s"] = static_cast<double>(monotonic_now() - begun) / 1e9;
        std::fprintf(stderr, "%s\n", sizes.back().dump().c_str());
        if (plan.nodes != 1000) continue;
        const auto against = "virtual time and counted datagrams, the worst record of all crowds";
        report.goals = {
            {"spread_s", most(results.all_s), "s", 3, Goal::Better::Lower, against},
            {"datagrams_per_node", most(results.datagrams), "", 6, Goal::Better::Lower, against}};
    }
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    report.raw["sizes"] = sizes;
    report.raw["rss_mib"] = used.ru_maxrss / 1024;
    report.raw["first_seed"] = seed;
    return finish(report, argc, argv);
}
