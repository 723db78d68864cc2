// Pruning beside serving: 10^5 of 10^6 records go while their community is read and published to.
// Each step's hold on the shard by itself, on the library; then the storage worker (its loop, pool
// and files): what readers and publishers feel, beside the same in quiet.
#include <filesystem>

#include "base/check.h"
#include "bench/storage/records.h"
#include "bench/support/report.h"
#include "runtime/pipe/wire.h"
#include "tests/unit/storage/fake_node.h"
#include "workers/storage/layout.h"

namespace warren::bench {
namespace {

namespace fs = std::filesystem;
namespace S = ipc::storage;
using pipe::wire::to_wire;
using shard::Shard;
using test::Builder;

constexpr std::size_t batch = 1000;
constexpr Nanoseconds indexing_time_max = 300_s;
constexpr std::uint64_t shard_bytes_max = std::uint64_t{4} << 30;

double ms_since(Nanoseconds begin) {
    return static_cast<double>(monotonic_now() - begin) / 1e6;
}

void fill(const std::string& path, Channel& channel, std::size_t records) {
    WARREN_CHECK(Shard::create(path, channel.community(), channel.founder()).ok());
    auto into = Shard::open(path, channel.community(), {{0, 1}, shard_bytes_max});
    WARREN_CHECK(into.ok());
    for (GlobalTime time = 1; time <= records; time += batch) {
        std::vector<Bytes> packets;
        for (std::size_t i = 0; i < batch; ++i)
            packets.push_back(channel.torrent(time + i));
        const auto views = views_of(packets);
        WARREN_CHECK((*into)->store(views, shard::Durability::Replicated).ok());
        WARREN_CHECK((*into)->maintain().ok());
    }
    WARREN_CHECK((*into)->checkpoint_for_close().ok());
}

// How long each call holds the shard: steps of pruning, and of the checkpoints between them. Their
// syncs go on beside, as in the worker.
struct Holds {
    std::vector<double> prune_ms, checkpoint_ms, sync_ms;
    double seconds = 0;
    std::uint64_t pruned = 0;
};
Holds prune_alone(const std::string& path, const CommunityId& community, std::uint64_t keep) {
    shard::ShardOptions options{{0, 2}, shard_bytes_max};
    options.unix_s = wall_now_ms() / 1000;
    auto into = Shard::open(path, community, options);
    WARREN_CHECK(into.ok());
    Holds out;
    shard::PruneBudget budget;
    const auto began = monotonic_now();
    for (bool more = true; more;) {
        auto begin = monotonic_now();
        auto step = (*into)->prune({.records = keep}, wall_now_ms(), budget);
        WARREN_CHECK(step.ok());
        budget.adapt(monotonic_now() - begin);
        out.prune_ms.push_back(ms_since(begin));
        out.pruned += step->pruned;
        more = step->more;
        if ((*into)->unmoved_pages() < shard::PruneBudget::log_pages) continue;
        begin = monotonic_now();
        auto pin = shard::LogPin::take(path);
        WARREN_CHECK(pin.ok() && pin->sync_log().ok());
        out.sync_ms.push_back(ms_since(begin));
        begin = monotonic_now();
        WARREN_CHECK((*into)->move_log(*pin).ok());
        out.checkpoint_ms.push_back(ms_since(begin));
        begin = monotonic_now();
        WARREN_CHECK(pin->sync_file().ok());
        out.sync_ms.push_back(ms_since(begin));
    }
    out.seconds = ms_since(began) / 1e3;
    return out;
}

class Served {
public:
    Served(const test::TestIdentity& me, const std::string& state, const CommunityId& community)
        : node_(me, state, 3,
                {{"storage.shard_bytes_max", std::to_string(shard_bytes_max)},
                 {"channels.follow", "none"}}),
          community_(community) {}

    struct Felt {
        std::vector<double> publish_ms, read_ms;
    };
    // Publishes and reads in turn until told to stop.
    Felt felt(const std::function<bool(const Felt&)>& stop) {
        Felt out;
        while (!stop(out)) {
            auto begin = monotonic_now();
            auto answer = node_.ask(publication());
            WARREN_CHECK(test::reply_of<S::PublishRecordReply>(answer) != nullptr);
            out.publish_ms.push_back(ms_since(begin));
            begin = monotonic_now();
            Builder builder;
            const auto id = to_wire<ipc::CommunityId>(community_);
            const auto after = builder.CreateString("");
            auto page = test::question(builder, S::CreateListContents(builder, &id, after, 50));
            answer = node_.ask(std::move(page));
            WARREN_CHECK(test::reply_of<S::ListContentsReply>(answer) != nullptr);
            out.read_ms.push_back(ms_since(begin));
        }
        return out;
    }
    // The index follows the file in its order.
    void wait_until_indexed() {
        WARREN_CHECK(test::reply_of<S::PublishRecordReply>(node_.ask(publication())) != nullptr);
        const auto last = "published " + std::to_string(number_);
        const auto until = monotonic_now() + indexing_time_max;
        while (!is_found(last))
            WARREN_CHECK(monotonic_now() < until);
    }
    void keep(std::uint64_t records) {
        Builder builder;
        const auto id = to_wire<ipc::CommunityId>(community_);
        const auto rule = S::CreateRetention(builder, 0, records, 0);
        auto answer = node_.ask(test::question(builder, S::CreateSetRetention(builder, &id, rule)));
        WARREN_CHECK(test::reply_of<S::Done>(answer) != nullptr);
    }
    bool pruning() {
        Builder builder;
        auto answer = node_.ask(test::question(builder, S::CreateListTasks(builder)));
        const auto* list = test::reply_of<S::ListTasksReply>(answer);
        WARREN_CHECK(list != nullptr && list->tasks()->size() > 0);
        const auto* task = list->tasks()->Get(0);
        WARREN_CHECK(task->state() != S::TaskState::Failed);
        pruned_ = task->done();
        return task->state() == S::TaskState::Running;
    }
    std::uint64_t pruned() const { return pruned_; }

private:
    bool is_found(const std::string& name) {
        Builder builder;
        const auto text = builder.CreateString(name);
        auto answer = node_.ask(test::question(builder, S::CreateSearch(builder, text, 10)));
        const auto* found = test::reply_of<S::SearchReply>(answer);
        return found != nullptr && found->torrents() != nullptr && found->torrents()->size() > 0;
    }
    pipe::Message publication() {
        protocol::TorrentEntry entry;
        entry.name = "published " + std::to_string(++number_);
        Builder builder;
        const auto payload = builder.CreateVector(protocol::encode(entry));
        const auto id = to_wire<ipc::CommunityId>(community_);
        const auto kind = static_cast<std::uint8_t>(protocol::RecordKind::Torrent);
        return test::question(builder, S::CreatePublishRecord(builder, &id, kind, payload));
    }
    test::StorageNode node_;
    CommunityId community_;
    std::uint64_t number_ = 0, pruned_ = 0;
};

nlohmann::json spread(const std::vector<double>& values) {
    return {{"p50", median(values)},
            {"p99", percentile(values, 0.99)},
            {"max", percentile(values, 1.0)},
            {"count", values.size()}};
}

int run(int argc, char** argv) {
    const auto records = std::stoull(option(argc, argv, "records", "1000000")) / batch * batch;
    const auto pruned = records / 10;
    const fs::path folder = option(argc, argv, "folder", "build/bench/retention");
    fs::remove_all(folder);
    const test::TestIdentity me(1);
    Channel channel(7, me.public_key());
    const storage::Layout layout(folder);
    WARREN_CHECK(layout.prepare().ok());
    const auto path = layout.shard_file(channel.community());
    fill(path, channel, records);

    Report report;
    report.bench = "retention";
    const auto alone = (folder / "alone").string();
    fs::copy_file(path, alone);
    const auto holds = prune_alone(alone, channel.community(), records - pruned);
    WARREN_CHECK(holds.pruned == pruned);
    shard::remove_database(alone);

    Served served(me, folder, channel.community());
    served.wait_until_indexed();
    const auto quiet =
        served.felt([](const Served::Felt& felt) { return felt.read_ms.size() >= 1000; });
    served.keep(records - pruned);
    const auto busy = served.felt([&](const Served::Felt&) { return !served.pruning(); });
    WARREN_CHECK(served.pruned() >= pruned);
    fs::remove_all(folder);

    auto all = holds.prune_ms;
    all.insert(all.end(), holds.checkpoint_ms.begin(), holds.checkpoint_ms.end());
    using Better = Goal::Better;
    const auto p99 = [](const std::vector<double>& values) { return percentile(values, 0.99); };
    const std::string quietly = "p99 in quiet: ";
    report.goals = {
        {"prune_pause_p99_ms", p99(all), "ms", 10, Better::Lower, "fixed bound"},
        {"prune_pause_max_ms", percentile(all, 1.0), "ms", 10, Better::Lower, "fixed bound"},
        {"publish_p99_ms_over_quiet", p99(busy.publish_ms) - p99(quiet.publish_ms), "ms", 10,
         Better::Lower, quietly + std::to_string(p99(quiet.publish_ms)) + " ms"},
        {"read_p99_ms_over_quiet", p99(busy.read_ms) - p99(quiet.read_ms), "ms", 10, Better::Lower,
         quietly + std::to_string(p99(quiet.read_ms)) + " ms"},
    };
    report.raw = {
        {"records", records},
        {"pruned", pruned},
        {"pruned_per_s", static_cast<double>(pruned) / holds.seconds},
        {"prune_ms", spread(holds.prune_ms)},
        {"checkpoint_ms", spread(holds.checkpoint_ms)},
        {"sync_beside_ms", spread(holds.sync_ms)},
        {"quiet", {{"publish_ms", spread(quiet.publish_ms)}, {"read_ms", spread(quiet.read_ms)}}},
        {"pruning", {{"publish_ms", spread(busy.publish_ms)}, {"read_ms", spread(busy.read_ms)}}}};
    return finish(report, argc, argv);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    return warren::bench::run(argc, argv);
}
