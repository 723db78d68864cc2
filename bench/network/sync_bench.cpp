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
#include <optional>

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
    std::uint64_t seed = 1;  // of what is lost
};

// What one side sent, and what it cost; goes through a pipe as it is.
struct Side {
    struct Sent {
        std::uint64_t bytes = 0, datagrams = 0;
    };
    Sent questions, answers, offers, fetches, records;
    std::int64_t reconcile_cpu_ns = 0, cpu_ns = 0;

    Sent reconciliation() const {
        Sent out;
        for (const auto& sent : {questions, answers, offers, fetches}) {
            out.bytes += sent.bytes;
            out.datagrams += sent.datagrams;
        }
        return out;
    }
};

struct Outcome {
    Side leader, other;
    unsigned rounds = 0, sessions = 0;
    double seconds = 0;
    bool equal = false;

    std::uint64_t bytes() const {
        return leader.reconciliation().bytes + other.reconciliation().bytes;
    }
    std::uint64_t datagrams() const {
        return leader.reconciliation().datagrams + other.reconciliation().datagrams;
    }
};

// One side: counts what it sends, loses what the case says.
class Meter {
public:
    Meter(double loss, std::uint64_t seed) : loss_(loss), dice_(seed) {}

    bool on_send(ByteView datagram) {
        auto* sent = sent_as(datagram);
        if (sent == nullptr) return true;  // the walk goes on undisturbed
        sent->bytes += datagram.size();
        ++sent->datagrams;
        return static_cast<double>(dice_.below(1'000'000)) >= loss_ * 1e6;
    }

    Side side;

private:
    Side::Sent* sent_as(ByteView datagram) {
        using protocol::OverlayMessage;
        const auto body = datagram.subspan(protocol::prefix_bytes + 1);
        switch (static_cast<OverlayMessage>(datagram[protocol::prefix_bytes])) {
        case OverlayMessage::SyncRanges: {
            const auto message = protocol::decode_sync_ranges(body);
            const bool asks = message && message->direction == protocol::SyncDirection::Request;
            return asks ? &side.questions : &side.answers;
        }
        case OverlayMessage::SyncOffer: return &side.offers;
        case OverlayMessage::SyncFetch: return &side.fetches;
        case OverlayMessage::SyncRecords: return &side.records;
        default: return nullptr;
        }
    }

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

    ~Pair() {
        for (const auto& path : paths_)
            for (const auto* end : {"", "-wal", "-shm", ".kept"})
                fs::remove(path + end);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

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
        for (const auto side : {0u, 1u}) {
            if (more[side].empty()) continue;
            auto shard = open(side);
            store(*shard, more[side]);
            WARREN_CHECK(shard->checkpoint_for_close().ok());
        }
    }
    // The differences there are now, again and again: whatever a case made equal is forgotten.
    void keep() const {
        for (const auto& path : paths_)
            fs::copy_file(path, path + ".kept", fs::copy_options::overwrite_existing);
    }
    void restore() const {
        for (const auto& path : paths_) {
            for (const auto* log : {"-wal", "-shm"})
                fs::remove(path + log);
            fs::copy_file(path + ".kept", path, fs::copy_options::overwrite_existing);
        }
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
    Meter meter(of.loss, 2 * of.seed);
    peer.on_send = [&](ByteView datagram) { return meter.on_send(datagram); };
    peer.start();
    const auto port = peer.address().port;
    WARREN_CHECK(::write(out, &port, sizeof port) == sizeof port);
    char end = 0;
    WARREN_CHECK(::read(in, &end, 1) >= 0);
    peer.stop();
    meter.side.reconcile_cpu_ns = kept->reconcile_cpu_ns();
    meter.side.cpu_ns = static_cast<std::int64_t>(peer.cpu_seconds() * 1e9);
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
    Meter meter(of.loss, 2 * of.seed + 1);
    Outcome out;
    std::atomic<bool> ended = false;
    std::atomic<Nanoseconds> first = 0;
    peer.on_send = [&](ByteView datagram) {
        if (ended) return true;
        const auto passes = meter.on_send(datagram);
        if (first == 0 && meter.side.questions.bytes > 0) first = monotonic_now();
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
    meter.side.cpu_ns = static_cast<std::int64_t>(peer.cpu_seconds() * 1e9);
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

json describe(const Side& side) {
    const auto sent = [](const Side::Sent& of) {
        return json{{"bytes", of.bytes}, {"datagrams", of.datagrams}};
    };
    const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
    return {{"bytes", side.reconciliation().bytes},
            {"datagrams", side.reconciliation().datagrams},
            {"questions", sent(side.questions)},
            {"answers", sent(side.answers)},
            {"offers", sent(side.offers)},
            {"fetches", sent(side.fetches)},
            {"records", sent(side.records)},
            {"reconcile_cpu_ms", ms(side.reconcile_cpu_ns)},
            {"cpu_ms", ms(side.cpu_ns)}};
}

json row(const Case& of, const Outcome& out, const std::optional<BloomPass>& bloom) {
    json row = {{"n", of.n},
                {"apart", of.apart},
                {"where", where_names[static_cast<std::size_t>(of.where)]},
                {"loss", of.loss},
                {"bytes", out.bytes()},
                {"datagrams", out.datagrams()},
                {"rounds", out.rounds},
                {"sessions", out.sessions},
                {"seconds", out.seconds},
                {"leader", describe(out.leader)},
                {"other", describe(out.other)}};
    if (bloom)
        row["bloom"] = {{"bytes", bloom->bytes},
                        {"datagrams", bloom->filters},
                        {"missed", bloom->missed},
                        {"cpu_ms", bloom->cpu_ms}};
    return row;
}

std::vector<Case> cases_of(std::size_t n) {
    std::vector<Case> out{{n, 0, Where::Scattered, 0}};
    for (const std::size_t apart : {1u, 100u, 10'000u})
        for (const auto where : {Where::Scattered, Where::Recent, Where::Absent})
            out.push_back({n, apart, where, 0});
    return out;
}

// What is made equal without loss and with it.
constexpr std::array lossy_differences = {std::pair(std::size_t{1000}, Where::Scattered),
                                          std::pair(std::size_t{10'000}, Where::Recent)};

class Bench {
public:
    explicit Bench(fs::path folder) : folder_(std::move(folder)) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~Bench() { fs::remove_all(folder_); }

    void measure(std::size_t n) {
        Pair pair(folder_, n);
        for (const auto& of : cases_of(n)) {
            pair.part(of.apart, of.where);
            const auto bloom = bloom_pass(pair.refs(0), pair.refs(1));
            const auto out = add(of, run(pair, of), bloom);
            const auto bytes = static_cast<double>(out.bytes());
            rounds_ = std::max<double>(rounds_, out.rounds);
            if (of.apart == 0) in_sync_ = std::max(in_sync_, bytes);
            // Of the largest set: each size overwrites what the smaller one before it left.
            if (of.apart == 100 && of.where == Where::Scattered) scattered_ = bytes;
            if (of.apart != 10'000 || of.where == Where::Scattered) continue;
            recent_ = of.where == Where::Recent ? bytes : std::max(recent_, bytes);
        }
    }
    // The worse kind of difference, all seeds together: one seed alone is a matter of luck.
    void lose(std::size_t n, std::size_t seeds) {
        Pair pair(folder_, n);
        std::array<std::array<double, 2>, where_names.size()> bytes{};
        for (std::uint64_t seed = 1; seed <= seeds; ++seed)
            for (const auto& [apart, where] : lossy_differences) {
                pair.part(apart, where);
                pair.keep();
                for (const auto loss : {0.0, 0.05}) {
                    pair.restore();
                    const Case of{n, apart, where, loss, seed};
                    const auto out = add(of, run(pair, of), std::nullopt);
                    bytes[static_cast<std::size_t>(where)][loss > 0] +=
                        static_cast<double>(out.bytes());
                }
            }
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            const auto [kept, lost] = bytes[i];
            if (kept == 0) continue;
            report_.raw["loss_ratios"][where_names[i]] = lost / kept;
            loss_ratio_ = std::max(loss_ratio_, lost / kept);
        }
    }
    Report report() {
        const auto lower = Goal::Better::Lower;
        report_.bench = "sync";
        report_.goals = {
            {"insync_bytes", in_sync_, "bytes", 450, lower,
             "one comparison of equal sets of any size; where roots are equal none is made"},
            {"recent_bytes", recent_, "bytes", 102'000, lower,
             "10^4 newest in 10^6, the worse of: half on each side, all on one"},
            {"scattered_bytes", scattered_, "bytes", 60'000, lower,
             "100 in 10^6, half on each side"},
            {"rounds_max", rounds_, "rounds", 4, lower, "questions that waited for one another"},
            {"loss_ratio", loss_ratio_, "x", 1.15, lower,
             "bytes without loss: in 10^5, 5 % of datagrams lost, all seeds; the worse of 1,000 "
             "scattered, 10^4 recent"},
        };
        return report_;
    }

private:
    Outcome add(const Case& of, const Outcome& out, const std::optional<BloomPass>& bloom) {
        auto& rows = report_.raw["cases"];
        rows.push_back(row(of, out, bloom));
        std::fprintf(stderr, "%s\n", rows.back().dump().c_str());
        return out;
    }

    fs::path folder_;
    Report report_;
    double in_sync_ = 0, recent_ = 0, scattered_ = 0, rounds_ = 0, loss_ratio_ = 0;
};

int bench(int argc, char** argv) {
    Bench bench(option(argc, argv, "folder", "build/bench/sync"));
    const auto largest = std::stoul(option(argc, argv, "records", "1000000"));
    for (const auto n : {10'000u, 100'000u, 1'000'000u})
        if (n <= largest) bench.measure(n);
    bench.lose(100'000, std::stoul(option(argc, argv, "seeds", "10")));
    return finish(bench.report(), argc, argv);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    return warren::bench::bench(argc, argv);
}
