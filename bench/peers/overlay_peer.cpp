#include "bench/peers/overlay_peer.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>

namespace warren::bench {

using namespace protocol;

namespace {

constexpr Nanoseconds tick_after_work = 20_ms, look_at_least = 50_ms;
constexpr int batches_per_turn = 4;
constexpr int buffer_bytes = 4 * 1024 * 1024;

int open_socket(Endpoint& address) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    WARREN_CHECK(fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    socklen_t length = sizeof own;
    WARREN_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) == 0);
    address = Endpoint::ipv4(127, 0, 0, 1, ntohs(own.sin_port));
    return fd;
}

std::int64_t thread_cpu_ns() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

}  // namespace

bool is_valid_packet(ByteView packet) {
    const auto parts = decode_signed(packet, WithGlobalTime::No);
    if (!parts.ok() || !is_curve25519_key(parts->public_key)) return false;
    const auto key = PublicKey::from(parts->public_key);
    return key &&
           crypto_sign_verify_detached(parts->signature.data(), parts->signed_bytes.data(),
                                       parts->signed_bytes.size(), ed25519_part(*key).data()) == 0;
}

// The node is measured, not its neighbour.
OverlaySettings OverlayPeer::generous_settings() {
    OverlaySettings out;
    out.lan = true;
    out.walk_interval = 100_ms;
    out.reply_bytes_per_s = 1e9;
    out.reply_burst_bytes = 1e9;
    return out;
}

OverlayPeer::OverlayPeer(std::uint64_t seed, OverlaySettings settings)
    : random_(seed), identity_(seed),
      overlay_(identity_.public_key(), std::move(settings), random_) {
    auto udp = network::Udp::adopt(open_socket(address_));
    WARREN_CHECK(udp.ok());
    udp_ = std::move(*udp);
}

OverlayPeer::~OverlayPeer() {
    stop();
}

void OverlayPeer::hold(const CommunityId& community, const std::vector<Bytes>& packets) {
    hold(community, std::make_unique<RecordSet>(community, packets));
}

void OverlayPeer::hold(const CommunityId& community, std::unique_ptr<PeerStore> store) {
    stores_[community] = std::move(store);
    overlay_.join(monotonic_now(), community);
}

void OverlayPeer::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void OverlayPeer::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void OverlayPeer::run(const std::stop_token& stop) {
    Nanoseconds next_tick = 0;
    const auto take = [this](const Endpoint& from, ByteView bytes) {
        overlay_.datagram(monotonic_now(), from, bytes);
    };
    while (!stop.stop_requested()) {
        auto now = monotonic_now();
        if (now >= next_tick) next_tick = overlay_.tick(now);
        settle();
        const auto wait = std::clamp(next_tick - now, Nanoseconds{0}, look_at_least);
        pollfd ready{udp_->fd(), static_cast<short>(blocked_ ? POLLIN | POLLOUT : POLLIN), 0};
        if (::poll(&ready, 1, static_cast<int>(wait / 1'000'000)) > 0)
            next_tick = std::min(next_tick, monotonic_now() + tick_after_work);
        for (int i = 0; i < batches_per_turn && udp_->receive(take); ++i) {
        }
        settle();
        cpu_ns_ = thread_cpu_ns();
    }
}

// All that is asked of the shell is answered at once, until nothing is left.
void OverlayPeer::settle() {
    while (overlay_.has_effects())
        for (auto& effect : overlay_.take_effects())
            std::visit([this](auto& one) { apply(one); }, effect);
    blocked_ = !udp_->flush();
}

void OverlayPeer::apply(SendDatagram& effect) {
    if (!on_send || on_send(effect.bytes)) udp_->queue(effect.to, std::move(effect.bytes));
}

void OverlayPeer::apply(SyncEnded& effect) {
    if (on_sync_ended) on_sync_ended(effect);
}

void OverlayPeer::apply(CheckSignature& effect) {
    overlay_.signature_result(monotonic_now(), effect.token, is_valid_packet(effect.packet));
}

void OverlayPeer::apply(SignAndSend& effect) {
    overlay_.signed_bytes(monotonic_now(), effect.token, identity_.sign(effect.unsigned_bytes));
}

void OverlayPeer::apply(StoreRecords& effect) {
    const auto verdicts = stores_.at(effect.community)->store(effect.packets);
    overlay_.stored(monotonic_now(), effect.token, verdicts);
}

void OverlayPeer::apply(Reconcile& effect) {
    const auto out = stores_.at(effect.community)->reconcile(effect);
    const auto now = monotonic_now();
    if (!out) return overlay_.failed(now, effect.token);
    overlay_.reconciled(now, effect.token, {out->answers, out->wants, out->offers});
}

void OverlayPeer::apply(GetRoot& effect) {
    overlay_.root(monotonic_now(), effect.token, stores_.at(effect.community)->root());
}

void OverlayPeer::apply(FetchRecords& effect) {
    const auto fetched =
        stores_.at(effect.community)->fetch(effect.session, effect.selections, effect.bytes_max);
    overlay_.fetched(monotonic_now(), effect.token, fetched);
}

void OverlayPeer::apply(FindSwarm& effect) {
    overlay_.failed(monotonic_now(), effect.token);
}

}  // namespace warren::bench
