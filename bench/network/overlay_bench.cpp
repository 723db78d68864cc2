// What the overlay costs beside the signatures: introduction requests of proven peers, from the
// socket to the signed answer, and datagrams that are refused. The core is the network worker's;
// here it signs and checks in its own thread, so that one core's work is one number. Its clock is
// ours: the budgets of its peers refill as if these requests came at their ordinary pace.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "base/check.h"
#include "bench/peers/overlay_peer.h"
#include "bench/support/report.h"

namespace warren::bench {
namespace {

using namespace protocol;
using nlohmann::json;

constexpr std::size_t clients_count = 20, batch = 60;
constexpr Nanoseconds pace = 50'000'000;  // of the core's clock, from batch to batch
constexpr double least_seconds = 2;

double cpu_now() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

struct Socket {
    int fd = -1;
    Endpoint address;
    Socket() : fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof own;
        WARREN_CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0);
        WARREN_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) == 0);
        address = Endpoint::ipv4(127, 0, 0, 1, ntohs(own.sin_port));
    }
};

// A peer that asks, and proves its address with the cookie it is given.
struct Client {
    Socket socket;
    test::TestIdentity identity;
    std::uint64_t cookie = 0;
    std::uint16_t identifier = 0;

    explicit Client(std::uint64_t seed) : identity(seed) {}
    Bytes request(const CommunityId& community, const Endpoint& to) {
        IntroductionRequest message;
        message.destination = to;
        message.identifier = ++identifier;
        Trailer trailer;
        trailer.cookie = 7;
        trailer.echo = cookie;
        trailer.trusts = true;
        const auto extra = encode(trailer);
        message.extra = extra;
        return identity.signed_packet(
            frame_signed(community, static_cast<std::uint8_t>(BaseMessage::IntroductionRequest),
                         identity.public_key(), identifier, encode(message)));
    }
    // How many answers came.
    std::size_t listen() {
        std::array<std::uint8_t, udp_bytes> buffer{};
        std::size_t out = 0;
        for (ssize_t got = 0; (got = ::recv(socket.fd, buffer.data(), buffer.size(), 0)) > 0;) {
            const ByteView datagram(buffer.data(), static_cast<std::size_t>(got));
            const auto header = decode_header(datagram);
            const auto response = static_cast<std::uint8_t>(BaseMessage::IntroductionResponse);
            if (!header || header->message_id != response) continue;
            const auto parts = decode_signed(datagram, WithGlobalTime::Yes);
            const auto message = decode_introduction_response(parts->payload, Style::Old);
            if (const auto trailer = decode_trailer(message->extra)) cookie = trailer->cookie;
            ++out;
        }
        return out;
    }

private:
    static constexpr std::size_t udp_bytes = 2048;
};

// The network worker's core and sockets; keys and signatures at hand instead of over pipes.
class Server {
public:
    explicit Server(const CommunityId& community)
        : identity_(1), overlay_(identity_.public_key(), settings(), random_) {
        auto udp = network::Udp::adopt(socket_.fd);
        WARREN_CHECK(udp.ok());
        udp_ = std::move(*udp);
        overlay_.join(now_, community);
        settle();
    }
    const Endpoint& address() const { return socket_.address; }
    Overlay& overlay() { return overlay_; }
    Nanoseconds now() const { return now_; }
    void pass(Nanoseconds span) {
        now_ += span;
        overlay_.tick(now_);
        settle();
    }
    void read() {
        const auto take = [this](const Endpoint& from, ByteView bytes) {
            overlay_.datagram(now_, from, bytes);
        };
        while (udp_->receive(take)) {
        }
        settle();
    }

private:
    static OverlaySettings settings() {
        OverlaySettings out;
        out.lan = true;
        return out;
    }
    void settle() {
        while (overlay_.has_effects())
            for (auto& effect : overlay_.take_effects())
                std::visit([this](auto& one) { apply(one); }, effect);
        WARREN_CHECK(udp_->flush());
    }
    void apply(SendDatagram& effect) { udp_->queue(effect.to, std::move(effect.bytes)); }
    void apply(CheckSignature& effect) {
        overlay_.signature_result(now_, effect.token, is_valid_packet(effect.packet));
    }
    void apply(SignAndSend& effect) {
        overlay_.signed_bytes(now_, effect.token, identity_.sign(effect.unsigned_bytes));
    }
    template <typename Other>
    void apply(Other&) {}  // no records, no torrents here

    SeededRandom random_{1};
    Socket socket_;
    test::TestIdentity identity_;
    Nanoseconds now_ = 1'000'000'000'000;
    Overlay overlay_;
    std::unique_ptr<network::Udp> udp_;
};

struct Handling {
    std::size_t asked = 0, answered = 0;
    double cpu_s = 0;
    std::vector<Bytes> packets;  // some of the requests, for the baseline
};

Handling handle(Server& server, const CommunityId& community) {
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < clients_count; ++i)
        clients.push_back(std::make_unique<Client>(100 + i));
    Handling out;
    for (int round = -3; out.cpu_s < least_seconds; ++round) {  // first they prove themselves
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(server.address().port);
        for (std::size_t i = 0; i < batch; ++i) {
            auto& client = *clients[i % clients_count];
            const auto bytes = client.request(community, server.address());
            WARREN_CHECK(::sendto(client.socket.fd, bytes.data(), bytes.size(), 0,
                                  reinterpret_cast<sockaddr*>(&to),
                                  sizeof to) == static_cast<ssize_t>(bytes.size()));
            if (out.packets.size() < 2000) out.packets.push_back(bytes);
        }
        const auto begin = cpu_now();
        server.read();
        const auto span = cpu_now() - begin;
        std::size_t answered = 0;
        for (auto& client : clients)
            answered += client->listen();
        server.pass(pace);
        if (round < 0) continue;
        out.cpu_s += span;
        out.asked += batch;
        out.answered += answered;
    }
    return out;
}

// One signature after the other, of the same packets, on this core.
struct Signatures {
    double verify_us = 0, sign_us = 0;
};
Signatures signatures(const std::vector<Bytes>& packets) {
    const test::TestIdentity identity(1);
    Signatures out;
    auto begin = cpu_now();
    for (const auto& packet : packets)
        WARREN_CHECK(is_valid_packet(packet));
    out.verify_us = (cpu_now() - begin) * 1e6 / static_cast<double>(packets.size());
    begin = cpu_now();
    for (const auto& packet : packets)
        WARREN_CHECK(identity.sign(packet).bytes[0] != 0 || packet.size() > 1);
    out.sign_us = (cpu_now() - begin) * 1e6 / static_cast<double>(packets.size());
    return out;
}

// ---- refusals

struct Bad {
    std::string kind;
    std::vector<Bytes> datagrams;
};

std::vector<Bad> bad_datagrams(const CommunityId& community, const Endpoint& to) {
    SeededRandom random(3);
    Client stranger(500);
    std::vector<Bad> out = {{"noise", {}},
                            {"other community", {}},
                            {"right prefix", {}},
                            {"bad signature", {}},
                            {"replay", {}}};
    const auto replayed = stranger.request(community, to);
    for (int i = 0; i < 1024; ++i) {
        Bytes noise(20 + random.below(300));
        random.fill(noise);
        out[0].datagrams.push_back(noise);
        out[1].datagrams.push_back(frame_bare(random.id<CommunityId>(), 246, noise));
        out[2].datagrams.push_back(
            frame_bare(community, static_cast<std::uint8_t>(random.below(256)), noise));
        auto forged = stranger.request(community, to);
        forged.back() ^= 1;
        out[3].datagrams.push_back(forged);
        out[4].datagrams.push_back(replayed);
    }
    return out;
}

// From sources that are within their budgets, so that all that can be looked at is looked at; or
// from as many packets at once as budgets refuse.
enum class Sources { WithinBudget, OverBudget };

double refusals_per_s(Server& server, const Bad& bad, Sources which) {
    SeededRandom random(5);
    std::vector<Endpoint> sources;
    for (int i = 0; i < 4096; ++i) {
        const auto bits = random.next();
        sources.push_back(Endpoint::ipv4(static_cast<std::uint8_t>(20 + bits % 60),
                                         static_cast<std::uint8_t>(bits >> 8),
                                         static_cast<std::uint8_t>(bits >> 16), 1, 8000));
    }
    std::size_t done = 0;
    double spent = 0;
    while (spent < 0.5) {
        const auto begin = cpu_now();
        for (std::size_t i = 0; i < 40'000; ++i, ++done)
            server.overlay().datagram(server.now(), sources[done % sources.size()],
                                      bad.datagrams[done % bad.datagrams.size()]);
        spent += cpu_now() - begin;
        // What little passed is checked, outside of the measured time.
        server.pass(which == Sources::WithinBudget ? 1_s : 1_ms);
    }
    return static_cast<double>(done) / spent;
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const auto community = SeededRandom(9).id<CommunityId>();
    Server server(community);
    std::vector<double> ratios, rates;
    json rounds = json::array();
    for (int round = 0; round < 3; ++round) {
        const auto handled = handle(server, community);
        const auto alone = signatures(handled.packets);
        WARREN_CHECK(handled.answered > 0);
        const auto each_us = handled.cpu_s * 1e6 / static_cast<double>(handled.answered);
        ratios.push_back(each_us / (alone.verify_us + alone.sign_us));
        rates.push_back(1e6 / each_us);
        rounds.push_back({{"asked", handled.asked},
                          {"answered", handled.answered},
                          {"handling_us", each_us},
                          {"verify_us", alone.verify_us},
                          {"sign_us", alone.sign_us}});
    }
    json refusals = json::object();
    double least = 1e18;
    for (const auto& bad : bad_datagrams(community, server.address())) {
        const auto rate = refusals_per_s(server, bad, Sources::WithinBudget);
        refusals[bad.kind] = rate;
        refusals[bad.kind + ", source over budget"] =
            refusals_per_s(server, bad, Sources::OverBudget);
        least = std::min(least, rate);
    }
    Report report;
    report.bench = "overlay";
    report.goals = {
        {"handling_ratio", median(ratios), "x", 1.5, Goal::Better::Lower,
         "one signature check and one signing alone, same packets, same run; from recvmmsg to "
         "sendmmsg"},
        {"refusals_per_s", least, "/s and core", 1e6, Goal::Better::Higher,
         "the slowest of five kinds, without the system call"},
    };
    report.raw["handled_per_s_and_core"] = median(rates);
    report.raw["rounds"] = rounds;
    report.raw["refusals_per_s"] = refusals;
    return finish(report, argc, argv);
}
