// Two sets of records that differ are made equal by two processes over real UDP sockets on
// loopback: each is the overlay core, whole, on a community's shard. Counted are the payloads of
// all sync datagrams both ways without those that carry records, which are told apart; beside a
// pass of Bloom filters, Dispersy's way, over the same sets. Records bear noise for signatures:
// nobody checks them here.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>

#include "base/check.h"
#include "bench/network/bloom_pass.h"
#include "bench/peers/overlay_peer.h"
#include "bench/peers/shard_store.h"
#include "bench/storage/records.h"
#include "bench/support/report.h"

namespace warren::bench {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

enum class Where { Scattered, Recent, Absent };
constexpr std::array where_names = {"scattered", "recent", "absent"};

struct Case {
    std::size_t n = 0, apart = 0;
    Where where = Where::Scattered;
    double loss = 0;
};

// What one side sent, and what it cost; goes through a pipe as it is.
struct Side {
    std::uint64_t compare_bytes = 0, compare_datagrams = 0;  // SyncRanges, SyncOffer
    std::uint64_t fetch_bytes = 0, fetch_datagrams = 0;
    std::uint64_t record_bytes = 0, record_datagrams = 0;
    std::int64_t reconcile_cpu_ns = 0;
};

struct Outcome {
    Side leader, other;
    unsigned rounds = 0, sessions = 0;
    double seconds = 0;
    bool equal = false;

    std::uint64_t bytes() const {
        return leader.compare_bytes + leader.fetch_bytes + other.compare_bytes + other.fetch_bytes;
    }
    std::uint64_t datagrams() const {
        return leader.compare_datagrams + leader.fetch_datagrams + other.compare_datagrams +
               other.fetch_datagrams;
    }
};

// One side: counts what it sends, loses what the case says.
class Meter {
public:
    Meter(double loss, std::uint64_t seed) : loss_(loss), dice_(seed) {}

    bool on_send(ByteView datagram) {
        using protocol::OverlayMessage;
        const auto add = [&](std::uint64_t& bytes, std::uint64_t& datagrams) {
            bytes += datagram.size();
            ++datagrams;
        };
        switch (static_cast<OverlayMessage>(datagram[protocol::prefix_bytes])) {
        case OverlayMessage::SyncRanges:
        case OverlayMessage::SyncOffer: add(side.compare_bytes, side.compare_datagrams); break;
        case OverlayMessage::SyncFetch: add(side.fetch_bytes, side.fetch_datagrams); break;
        case OverlayMessage::SyncRecords: add(side.record_bytes, side.record_datagrams); break;
        default: return true;  // the walk goes on undisturbed
        }
        return static_cast<double>(dice_.below(1'000'000)) >= loss_ * 1e6;
    }

    Side side;

private:
    double loss_;
    SeededRandom dice_;
};

// The pair of shards of one size; after each case both are equal, and the next one parts them.
class Pair {
public:
    Pair(const fs::path& folder, std::size_t n) : n_(n), channel_(n) {
        for (const auto* name : {"a", "b"})
            paths_.push_back((folder / (std::to_string(n) + name)).string());
        WARREN_CHECK(
            shard::Shard::create(paths_[0], channel_.community(), channel_.founder()).ok());
        std::vector<Bytes> batch;
        auto shard = open(0);
        while (newest_ < 2 * n) {
            batch.push_back(channel_.torrent(newest_ += 2));
            if (batch.size() == 1000 || newest_ >= 2 * n) store(*shard, batch);
        }
        WARREN_CHECK(shard->checkpoint_for_close().ok());
        shard.reset();
        fs::copy_file(paths_[0], paths_[1]);
    }

    const std::string& path(std::size_t side) const { return paths_[side]; }
    const CommunityId& community() const { return channel_.community(); }

    // Half of the differences on each side; of an absent member's all on the other's.
    void part(std::size_t apart, Where where) {
        std::array<std::vector<Bytes>, 2> more;
        for (std::size_t i = 0; i < apart; ++i) {
            const auto side = where == Where::Absent || i % 2 == 1 ? 1u : 0u;
            const auto time =
                where == Where::Scattered ? 3 + 2 * dice_.below(newest_ / 2) : newest_ += 2;
            more[side].push_back(channel_.torrent(time));
        }
        for (const auto side : {0u, 1u})
            if (auto shard = open(side); !more[side].empty()) store(*shard, more[side]);
    }
    std::vector<RecordRef> refs(std::size_t side) {
        auto shard = open(side);
        const auto ranges = shard->ranges(0, 0);
        WARREN_CHECK(ranges.ok());
        return (*ranges)->refs({{}, protocol::sync_end()}, 10 * n_ + 100'000);
    }

private:
    std::unique_ptr<shard::Shard> open(std::size_t side) {
        auto out = shard::Shard::open(paths_[side], channel_.community(),
                                      {.epoch = {}, .bytes_max = std::uint64_t{1} << 32});
        WARREN_CHECK(out.ok());
        return std::move(*out);
    }
    static void store(shard::Shard& shard, std::vector<Bytes>& batch) {
        WARREN_CHECK(shard.store(views_of(batch), shard::Durability::Replicated).ok());
        batch.clear();
    }

    std::size_t n_;
    Channel channel_;
    std::vector<std::string> paths_;
    GlobalTime newest_ = 0;
    SeededRandom dice_{7};
};

protocol::OverlaySettings settings(bool leads) {
    auto out = OverlayPeer::generous_settings();
    if (!leads) out.sessions_max = 0;  // else both would lead in turns, and add to what is counted
    return out;
}

// The child: answers until the pipe closes, then tells what it sent.
[[noreturn]] void answer(const Pair& pair, const Case& of, int in, int out) {
    OverlayPeer peer(2, settings(false));
    auto store = std::make_unique<ShardStore>(pair.path(1), pair.community());
    auto* kept = store.get();
    peer.hold(pair.community(), std::move(store));
    Meter meter(of.loss, 22);
    peer.on_send = [&](ByteView datagram) { return meter.on_send(datagram); };
    peer.start();
    const auto port = peer.address().port;
    WARREN_CHECK(::write(out, &port, sizeof port) == sizeof port);
    char end = 0;
    WARREN_CHECK(::read(in, &end, 1) >= 0);
    peer.stop();
    meter.side.reconcile_cpu_ns = kept->reconcile_cpu_ns();
    WARREN_CHECK(::write(out, &meter.side, sizeof meter.side) == sizeof meter.side);
    ::_exit(0);
}

Outcome lead(const Pair& pair, const Case& of, std::uint16_t port) {
    OverlayPeer peer(1, settings(true));
    auto store = std::make_unique<ShardStore>(pair.path(0), pair.community());
    auto* kept = store.get();
    if (of.apart == 0) kept->tell_a_false_root();
    peer.hold(pair.community(), std::move(store));
    peer.know(Endpoint::ipv4(127, 0, 0, 1, port));
    Meter meter(of.loss, 11);
    Outcome out;
    std::atomic<bool> ended = false;
    std::atomic<Nanoseconds> first = 0;
    peer.on_send = [&](ByteView datagram) {
        if (ended) return true;
        const auto passes = meter.on_send(datagram);
        if (first == 0 && meter.side.compare_bytes > 0) first = monotonic_now();
        return passes;
    };
    peer.on_sync_ended = [&](const protocol::SyncEnded& session) {
        if (ended) return;
        ++out.sessions;
        out.rounds = std::max(out.rounds, session.rounds);
    };
    // By such a session, or by the roots that the walk's messages bear.
    peer.on_in_sync = [&] {
        if (!ended) out.seconds = static_cast<double>(monotonic_now() - first) / 1e9;
        ended = true;
    };
    peer.start();
    const auto deadline = monotonic_now() + 60_s;
    while (!ended && monotonic_now() < deadline)
        ::poll(nullptr, 0, 2);
    peer.stop();
    meter.side.reconcile_cpu_ns = kept->reconcile_cpu_ns();
    out.leader = meter.side;
    out.equal = ended;
    return out;
}

Outcome run(const Pair& pair, const Case& of) {
    std::array<int, 2> down{}, up{};
    WARREN_CHECK(::pipe(down.data()) == 0 && ::pipe(up.data()) == 0);
    const auto child = ::fork();
    WARREN_CHECK(child >= 0);
    if (child == 0) {
        ::close(down[1]);
        answer(pair, of, down[0], up[1]);
    }
    ::close(down[0]);
    std::uint16_t port = 0;
    WARREN_CHECK(::read(up[0], &port, sizeof port) == sizeof port);
    auto out = lead(pair, of, port);
    ::close(down[1]);
    WARREN_CHECK(::read(up[0], &out.other, sizeof out.other) == sizeof out.other);
    ::waitpid(child, nullptr, 0);
    ::close(up[0]);
    ::close(up[1]);
    WARREN_CHECK(out.equal);
    return out;
}

json row(const Case& of, const Outcome& out, const BloomPass& bloom) {
    const auto ms = [](const Side& side) {
        return static_cast<double>(side.reconcile_cpu_ns) / 1e6;
    };
    return {{"n", of.n},
            {"apart", of.apart},
            {"where", where_names[static_cast<std::size_t>(of.where)]},
            {"loss", of.loss},
            {"bytes", out.bytes()},
            {"of_them_fetches", out.leader.fetch_bytes + out.other.fetch_bytes},
            {"datagrams", out.datagrams()},
            {"rounds", out.rounds},
            {"sessions", out.sessions},
            {"reconcile_cpu_ms", {{"leader", ms(out.leader)}, {"other", ms(out.other)}}},
            {"seconds", out.seconds},
            {"record_datagram_bytes", out.leader.record_bytes + out.other.record_bytes},
            {"bloom",
             {{"bytes", bloom.bytes},
              {"datagrams", bloom.filters},
              {"missed", bloom.missed},
              {"cpu_ms", bloom.cpu_ms}}}};
}

std::vector<Case> cases_of(std::size_t n) {
    std::vector<Case> out{{n, 0, Where::Scattered, 0}};
    for (const std::size_t apart : {1u, 100u, 10'000u})
        for (const auto where : {Where::Scattered, Where::Recent, Where::Absent})
            out.push_back({n, apart, where, 0});
    return out;
}

int bench(int argc, char** argv) {
    const fs::path folder = option(argc, argv, "folder", "build/bench/sync");
    const bool quick =
        option(argc, argv, "quick", "no") != "no" || std::string(argv[argc - 1]) == "--quick";
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::vector<std::size_t> sizes = {10'000, 100'000, 1'000'000};
    if (quick) sizes = {10'000};
    Report report;
    report.bench = "sync";
    auto& rows = report.raw["cases"] = json::array();
    double in_sync = 0, recent = 0, scattered = 0, rounds = 0, lost_bytes = 0, kept_bytes = 0;
    for (const auto n : sizes) {
        Pair pair(folder, n);
        auto cases = cases_of(n);
        // The same differences in number, without loss and with it.
        for (const auto loss : {0.0, 0.05})
            for (int i = 0; i < 5 && n == sizes[sizes.size() / 2]; ++i)
                cases.push_back({n, 1000, Where::Scattered, loss});
        for (const auto& of : cases) {
            pair.part(of.apart, of.where);
            const bool counted = of.loss == 0 && of.apart != 1000;
            const auto bloom = counted ? bloom_pass(pair.refs(0), pair.refs(1)) : BloomPass{};
            const auto out = run(pair, of);
            rows.push_back(row(of, out, bloom));
            std::fprintf(stderr, "%s\n", rows.back().dump().c_str());
            const auto bytes = static_cast<double>(out.bytes());
            if (of.apart == 1000) (of.loss > 0 ? lost_bytes : kept_bytes) += bytes;
            if (of.loss > 0) continue;
            rounds = std::max<double>(rounds, out.rounds);
            if (of.apart == 0) in_sync = std::max(in_sync, bytes);
            if (n != sizes.back()) continue;
            if (of.apart == 10'000 && of.where != Where::Scattered)
                recent = std::max(recent, bytes);
            if (of.apart == 100 && of.where == Where::Scattered) scattered = bytes;
        }
        fs::remove(pair.path(0));
        fs::remove(pair.path(1));
    }
    fs::remove_all(folder);
    const auto lower = Goal::Better::Lower;
    report.goals = {
        {"insync_bytes", in_sync, "bytes", 450, lower,
         "one comparison of equal sets of any size; where roots are equal none is made"},
        {"recent_bytes", recent, "bytes", 102'000, lower,
         "10^4 newest in 10^6, the worse of: half on each side, all on one"},
        {"scattered_bytes", scattered, "bytes", 60'000, lower, "100 in 10^6, half on each side"},
        {"rounds_max", rounds, "rounds", 4, lower, "questions that waited for one another"},
        {"loss_ratio", kept_bytes > 0 ? lost_bytes / kept_bytes : 0, "x", 1.15, lower,
         "bytes without loss: 1,000 scattered, five times each, 5 % of datagrams lost"},
    };
    return finish(report, argc, argv);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    return warren::bench::bench(argc, argv);
}
