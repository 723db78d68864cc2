// Real sessions on loopback: their settings, a transfer by file and by magnet, pause, resume data.
#include "workers/torrent/session.h"

#include <gmock/gmock.h>

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/ip_filter.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/settings_pack.hpp>

#include <functional>

#include "tests/unit/torrent/scratch.h"
#include "workers/torrent/creation.h"
#include "workers/torrent/session_settings.h"

namespace warren::torrent {
namespace {

namespace asio = pipe::asio;
using ::testing::HasSubstr;
constexpr Nanoseconds patience = 30_s;

TorrentSettings on_loopback(Reach reach) {
    TorrentSettings out;
    out.reach = reach;
    return out;
}

// One node: a session, and the last that it said.
struct Node final : SessionEvents {
    asio::io_context io;
    Scratch scratch;
    std::unique_ptr<Session> session;
    std::map<Infohash, Progress> progress;
    std::vector<Infohash> finished, deleted;
    std::map<Infohash, std::string> failed;
    std::map<Infohash, Bytes> resume, metadata;
    std::map<Infohash, Source> sources;

    explicit Node(TorrentSettings settings) {
        pipe::spawn(io, [](Node& node, TorrentSettings with) -> pipe::Task<void> {
            auto opened =
                co_await Session::open(node.io, std::move(with), node, monotonic_now() + patience);
            EXPECT_TRUE(opened.ok()) << opened.error().text;
            if (opened.ok()) node.session = std::move(*opened);
        }(*this, std::move(settings)));
        EXPECT_TRUE(run_until({this}, [&] { return session != nullptr; }));
    }

    void on_progress(const Progress& now) override { progress[now.infohash] = now; }
    void on_finished(const Infohash& infohash) override { finished.push_back(infohash); }
    void on_metadata(const Infohash& infohash, Bytes file, Source source) override {
        metadata[infohash] = std::move(file);
        sources[infohash] = std::move(source);
    }
    void on_failed(const Infohash& infohash, const std::string& text) override {
        failed[infohash] = text;
    }
    void on_resume_data(const Infohash& infohash, Bytes bytes) override {
        resume[infohash] = std::move(bytes);
    }
    void on_deleted(const Infohash& infohash) override { deleted.push_back(infohash); }

    std::string add(Plan plan) {
        std::optional<Result<void>> outcome;
        pipe::spawn(
            io, [](Node& node, Plan what, std::optional<Result<void>>& out) -> pipe::Task<void> {
                out = co_await node.session->add(std::move(what), monotonic_now() + patience);
            }(*this, std::move(plan), outcome));
        EXPECT_TRUE(run_until({this}, [&] { return outcome.has_value(); }));
        return outcome->ok() ? "added" : outcome->error().text;
    }
    Endpoint endpoint() const { return Endpoint::ipv4(127, 0, 0, 1, session->port()); }
    State state(const Infohash& infohash) { return progress[infohash].state; }

    // Runs the nodes' loops until the condition holds or patience ends.
    static bool run_until(std::vector<Node*> nodes, const std::function<bool()>& holds) {
        const auto deadline = monotonic_now() + patience;
        auto refreshed = monotonic_now();
        while (!holds()) {
            if (monotonic_now() > deadline) return false;
            const bool refresh = monotonic_now() - refreshed > 100_ms;
            if (refresh) refreshed = monotonic_now();
            for (auto* node : nodes) {
                if (refresh && node->session) node->session->refresh();
                node->io.restart();
                node->io.run_one_for(std::chrono::milliseconds(5));
                node->io.poll();
            }
        }
        return true;
    }
};

struct Shared {
    Source source;
    Bytes torrent;
    std::string content;
};

Shared share(Node& node) {
    Shared out;
    for (int i = 0; i < 300'000; ++i)
        out.content += static_cast<char>('a' + (i * i) % 23);
    node.scratch.write("share/things/one.txt", out.content);
    node.scratch.write("share/things/below/two.txt", "second");
    auto made = create_torrent(node.scratch.path("share"), "things");
    EXPECT_TRUE(made.ok()) << made.error().text;
    out.torrent = made->torrent;
    out.source = *parse_torrent(made->torrent);
    Plan plan;
    plan.source = out.source;
    plan.folder = node.scratch.path("share");
    plan.check = Check::SeedInPlace;
    EXPECT_EQ(node.add(std::move(plan)), "added");
    EXPECT_TRUE(Node::run_until({&node},
                                [&] { return node.state(out.source.infohash) == State::Seeding; }));
    return out;
}

Plan plan_of(Source source, std::string folder) {
    Plan out;
    out.source = std::move(source);
    out.folder = std::move(folder);
    return out;
}

TEST(SessionSettings, AreReadBack) {
    using pack = lt::settings_pack;
    const auto settings = on_loopback(Reach::Internet);
    const lt::session session(session_params(settings));
    EXPECT_TRUE(check_settings(session, settings).ok());
    const auto real = session.get_settings();
    for (const int on : {pack::ssrf_mitigation, pack::no_connect_privileged_ports,
                         pack::validate_https_trackers, pack::apply_ip_filter_to_trackers})
        EXPECT_TRUE(real.get_bool(on)) << lt::name_for_setting(on);
    for (const int off :
         {pack::allow_idna, pack::enable_upnp, pack::enable_natpmp, pack::enable_lsd,
          pack::enable_dht, pack::enable_outgoing_utp, pack::enable_incoming_utp,
          pack::allow_multiple_connections_per_ip, pack::listen_system_port_fallback})
        EXPECT_FALSE(real.get_bool(off)) << lt::name_for_setting(off);
    EXPECT_EQ(real.get_int(pack::connections_limit), 200);
    EXPECT_EQ(real.get_int(pack::max_metadata_size), 4 << 20);
    EXPECT_EQ(real.get_int(pack::metadata_token_limit), 250'000);
    EXPECT_EQ(real.get_int(pack::max_piece_count), 262'144);
    auto other = settings;
    other.connections_max = 199;
    EXPECT_THAT(check_settings(session, other).error().text, HasSubstr("connections_limit"));
    other = settings;
    other.reach = Reach::Lan;
    EXPECT_FALSE(check_settings(session, other).ok());
}

TEST(SessionSettings, FilterBlocksWhatIsNotTheInternet) {
    const auto internet = peer_filter(Reach::Internet);
    const auto lan = peer_filter(Reach::Lan);
    const auto blocked = [](const lt::ip_filter& filter, const char* address) {
        return filter.access(lt::make_address(address)) != 0;
    };
    for (const char* local : {"10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.31.0.1",
                              "192.168.1.1", "::1", "fc00::1", "fd12::1", "fe80::1"}) {
        EXPECT_TRUE(blocked(internet, local)) << local;
        EXPECT_FALSE(blocked(lan, local)) << local;
    }
    for (const char* never :
         {"0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:127.0.0.1"}) {
        EXPECT_TRUE(blocked(internet, never)) << never;
        EXPECT_TRUE(blocked(lan, never)) << never;
    }
    for (const char* outside : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1"})
        EXPECT_FALSE(blocked(internet, outside)) << outside;
}

TEST(Session, ATakenPortIsAnErrorAndNotAnotherPort) {
    Node first(on_loopback(Reach::Lan));
    auto settings = on_loopback(Reach::Lan);
    settings.listen = first.endpoint().text();
    asio::io_context io;
    std::string error;
    pipe::spawn(io,
                [](asio::io_context& loop, TorrentSettings with, Node& events,
                   std::string& out) -> pipe::Task<void> {
                    auto opened = co_await Session::open(loop, std::move(with), events,
                                                         monotonic_now() + patience);
                    out = opened.ok() ? "opened" : opened.error().text;
                }(io, std::move(settings), first, error));
    io.run_for(std::chrono::seconds(30));
    EXPECT_THAT(error, HasSubstr("cannot listen on 127.0.0.1"));
}

TEST(Session, AFileIsTransferredAndIdentical) {
    Node seed(on_loopback(Reach::Lan)), leech(on_loopback(Reach::Lan));
    const auto shared = share(seed);
    const auto infohash = shared.source.infohash;
    ASSERT_EQ(leech.add(plan_of(shared.source, leech.scratch.path("in"))), "added");
    leech.session->add_peers(infohash, {seed.endpoint()});
    ASSERT_TRUE(Node::run_until({&seed, &leech}, [&] {
        return leech.state(infohash) == State::Seeding && !leech.finished.empty();
    }));
    EXPECT_EQ(Scratch::read(leech.scratch.path("in/things/one.txt")), shared.content);
    EXPECT_EQ(Scratch::read(leech.scratch.path("in/things/below/two.txt")), "second");
    EXPECT_GE(leech.progress[infohash].received, shared.content.size());
}

TEST(Session, AMagnetGetsItsMetadataAndWritesNothingBefore) {
    Node seed(on_loopback(Reach::Lan)), leech(on_loopback(Reach::Lan));
    const auto shared = share(seed);
    const auto infohash = shared.source.infohash;
    ASSERT_EQ(leech.add(plan_of(bare_source(infohash, "things"), leech.scratch.path("fetching"))),
              "added");
    leech.session->add_peers(infohash, {seed.endpoint()});
    ASSERT_TRUE(Node::run_until({&seed, &leech}, [&] { return leech.sources.contains(infohash); }));
    EXPECT_EQ(leech.sources[infohash].name, "things");
    EXPECT_EQ(leech.sources[infohash].infohash, infohash);
    EXPECT_FALSE(std::filesystem::exists(leech.scratch.path("fetching/things/one.txt")));
    // Start anew in its place, as the worker does.
    leech.session->remove(infohash, Files::Delete);
    auto plan = plan_of(leech.sources[infohash], leech.scratch.path("in"));
    plan.peers = {seed.endpoint()};
    ASSERT_EQ(leech.add(std::move(plan)), "added");
    ASSERT_TRUE(
        Node::run_until({&seed, &leech}, [&] { return leech.state(infohash) == State::Seeding; }));
    EXPECT_EQ(Scratch::read(leech.scratch.path("in/things/one.txt")), shared.content);
    EXPECT_TRUE(parse_torrent(leech.metadata[infohash]).ok());
}

TEST(Session, ResumeDataSparesTheCheckAndRemovalDeletes) {
    Node seed(on_loopback(Reach::Lan));
    const auto shared = share(seed);
    const auto infohash = shared.source.infohash;
    Node leech(on_loopback(Reach::Lan));
    ASSERT_EQ(leech.add(plan_of(shared.source, leech.scratch.path("in"))), "added");
    leech.session->add_peers(infohash, {seed.endpoint()});
    ASSERT_TRUE(Node::run_until({&seed, &leech}, [&] { return !leech.finished.empty(); }));
    leech.session->save(infohash, Save::Always);
    ASSERT_TRUE(Node::run_until({&leech}, [&] { return !leech.resume[infohash].empty(); }));
    leech.session->remove(infohash, Files::Keep);

    const auto resumed = with_resume(shared.source, leech.resume[infohash]);
    ASSERT_TRUE(resumed.ok()) << resumed.error().text;
    leech.progress.clear();
    ASSERT_EQ(leech.add(plan_of(*resumed, leech.scratch.path("in"))), "added");
    ASSERT_TRUE(Node::run_until({&leech}, [&] { return leech.state(infohash) == State::Seeding; }));
    EXPECT_EQ(leech.progress[infohash].received, 0u);

    leech.session->remove(infohash, Files::Delete);
    ASSERT_TRUE(Node::run_until({&leech}, [&] { return !leech.deleted.empty(); }));
    EXPECT_FALSE(std::filesystem::exists(leech.scratch.path("in/things")));
}

TEST(Session, WithoutLanLoopbackIsNotSpokenTo) {
    Node seed(on_loopback(Reach::Lan)), leech(on_loopback(Reach::Internet));
    const auto shared = share(seed);
    const auto infohash = shared.source.infohash;
    ASSERT_EQ(leech.add(plan_of(shared.source, leech.scratch.path("in"))), "added");
    leech.session->add_peers(infohash, {seed.endpoint()});
    // The session says when it has taken the torrent up; the filter speaks before any connection.
    ASSERT_TRUE(Node::run_until({&seed, &leech},
                                [&] { return leech.state(infohash) == State::Downloading; }));
    const auto until = monotonic_now() + 2_s;
    Node::run_until({&seed, &leech}, [&] { return monotonic_now() > until; });
    EXPECT_EQ(leech.progress[infohash].received, 0u);
    EXPECT_EQ(seed.progress[infohash].uploaded, 0u);
}

TEST(Session, PausedMeansPaused) {
    Node node(on_loopback(Reach::Lan));
    const auto shared = share(node);
    const auto infohash = shared.source.infohash;
    node.session->pause(infohash);
    ASSERT_TRUE(Node::run_until({&node}, [&] { return node.state(infohash) == State::Paused; }));
    node.session->resume(infohash);
    ASSERT_TRUE(Node::run_until({&node}, [&] { return node.state(infohash) == State::Seeding; }));
}

}  // namespace
}  // namespace warren::torrent
