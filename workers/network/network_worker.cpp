// Start, sockets, timers and settings.
#include "workers/network/network_worker.h"

#include "protocol/cached_peers.h"
#include "runtime/process/log.h"
#include "workers/network/settings.h"

namespace warren::network {

namespace asio = pipe::asio;
namespace log = process::log;

namespace {

constexpr Nanoseconds retry = 200_ms, swarm_interval = 2_s, peers_interval = 60_s;
constexpr int batches_per_turn = 4;

}  // namespace

NetworkWorker::NetworkWorker(pipe::Host& host)
    : host_(host), outbox_(host), count_(host.count()), tick_timer_(host.io()) {}

pipe::Task<Result<void>> NetworkWorker::start() {
    for (auto fd : host_.listeners()) {
        auto udp = Udp::adopt(fd);
        if (!udp.ok()) co_return udp.error();
        Port port;
        port.udp = std::move(*udp);
        port.events = std::make_unique<asio::posix::stream_descriptor>(host_.io(), fd);
        ports_.push_back(std::move(port));
    }
    if (ports_.empty())
        co_return Error{ErrorKind::Environment, "network: no UDP socket was handed over"};
    // Ready before sign and storage answer: they may be starting too, or start again.
    pipe::spawn(host_.io(), begin());
    co_return Result<void>{};
}

pipe::Task<void> NetworkWorker::begin() {
    auto key = co_await outbox_.get_identity();
    while (!key.ok()) {
        log::debug("waiting for identity error=\"{}\"", key.error().text);
        co_await pipe::sleep_for(host_.io(), retry);
        key = co_await outbox_.get_identity();
    }
    overlay_ =
        std::make_unique<protocol::Overlay>(*key, overlay_settings(host_.settings()), random_);
    batches_ = std::make_unique<Batches>(host_, outbox_, *overlay_, [this] { flush_soon(); });
    const auto standing = standing_communities(host_.settings());
    standing_ = {standing.begin(), standing.end()};
    log::info("overlay up member={} sockets={} index={} count={}",
              protocol::member_id(key->view()).hex(), ports_.size(), host_.index(), host_.count());
    add_bootstrap();
    // What waits in the sockets is for the communities of this list, so it is read after that.
    const bool listed = co_await list_communities();
    for (std::size_t number = 0; number < ports_.size(); ++number)
        pipe::spawn(host_.io(), read_port(number));
    pipe::spawn(host_.io(), keep_time());
    pipe::spawn(host_.io(), keep_communities(listed));
    pipe::spawn(host_.io(), keep_swarms());
    pipe::spawn(host_.io(), keep_metrics());
    pipe::spawn(host_.io(), keep_peers());
}

void NetworkWorker::read(Port& port, int batches_max) {
    const auto take = [this](const Endpoint& from, ByteView bytes) {
        const auto now = monotonic_now();
        const auto strange = overlay_->counters().dropped_community;
        overlay_->datagram(now, from, bytes);
        bool unknown = overlay_->counters().dropped_community != strange;
        if (unknown && take_in(now, bytes)) overlay_->datagram(now, from, bytes);
    };
    for (int i = 0; i < batches_max && port.udp->receive(take); ++i) {
    }
}

pipe::Task<void> NetworkWorker::read_port(std::size_t number) {
    auto& port = ports_[number];
    while (true) {
        boost::system::error_code error;
        co_await port.events->async_wait(asio::posix::stream_descriptor::wait_read,
                                         asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
        read(port, batches_per_turn);
        flush();
        // The rest, if any, comes in the next turn: others get theirs in between.
        co_await asio::post(host_.io(), asio::use_awaitable);
    }
}

pipe::Task<void> NetworkWorker::write_when_ready(std::size_t number) {
    auto& port = ports_[number];
    port.waits_to_write = true;
    boost::system::error_code error;
    co_await port.events->async_wait(asio::posix::stream_descriptor::wait_write,
                                     asio::redirect_error(asio::use_awaitable, error));
    port.waits_to_write = false;
    if (!error) flush_ports();
}

pipe::Task<void> NetworkWorker::keep_time() {
    while (true) {
        auto now = monotonic_now();
        if (now >= tick_at_) {
            tick_at_ = now + 1_s;
            tick_at_ = std::min(tick_at_, overlay_->tick(now));
            flush();
        }
        tick_timer_.expires_at(
            std::chrono::steady_clock::time_point(std::chrono::nanoseconds(tick_at_)));
        boost::system::error_code ignored;  // cancelled: the time was moved forward
        co_await tick_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

// Gets those of the last start, and keeps those of this one.
pipe::Task<void> NetworkWorker::keep_peers() {
    while (!saved_peers_) {
        auto parts = co_await outbox_.get_peers();
        if (parts.ok()) take_cached_peers(*parts);
        if (!parts.ok()) co_await pipe::sleep_for(host_.io(), retry);
    }
    while (true) {
        co_await pipe::sleep_for(host_.io(), peers_interval);
        co_await save_peers();
    }
}

// Kept by index; the number of workers, and so who serves what, may have changed since.
void NetworkWorker::take_cached_peers(const std::vector<Bytes>& parts) {
    std::size_t count = 0;
    for (const auto& part : parts) {
        auto peers = protocol::decode_cached_peers(part);
        if (!peers.ok()) {
            log::broken("peers of the last start not used error=\"{}\"", peers.error().text);
            continue;
        }
        for (auto& peer : *peers)
            std::erase_if(peer.communities, [&](const auto& id) { return !is_mine(id); });
        std::erase_if(*peers, [](const auto& peer) { return peer.communities.empty(); });
        count += peers->size();
        overlay_->add_cached_peers(monotonic_now(), *peers);
    }
    saved_peers_ = Bytes{};
    if (count > 0) log::info("peers of the last start count={}", count);
    flush_soon();
    tick_soon();
}

pipe::Task<void> NetworkWorker::save_peers() {
    auto peers = overlay_->cached_peers();
    auto bytes = protocol::encode(peers);
    if (peers.empty() || bytes == *saved_peers_) co_return;
    auto saved = bytes;
    const auto put = co_await outbox_.put_peers(std::move(bytes));
    if (put.ok())
        saved_peers_ = std::move(saved);
    else
        log::debug("peers not kept error=\"{}\"", put.error().text);
}

pipe::Task<void> NetworkWorker::keep_swarms() {
    while (true) {
        co_await pipe::sleep_for(host_.io(), swarm_interval);
        if (overlay_->peers().empty() || !outbox_.torrent_is_ready()) continue;
        auto wanted = co_await outbox_.list_wanted();
        if (!wanted.ok()) continue;
        overlay_->wanted_swarms(monotonic_now(), *wanted);
        flush();
    }
}

pipe::Task<void> NetworkWorker::keep_metrics() {
    while (true) {
        auto& metrics = host_.metrics();
        protocol::each_counter(overlay_->counters(), [&](const char* name, std::uint64_t value) {
            metrics.counter("overlay_" + std::string(name) + "_total") = value;
        });
        std::uint64_t kernel = 0, unsent = 0;
        for (const auto& port : ports_) {
            kernel += port.udp->kernel_dropped();
            unsent += port.udp->send_dropped();
        }
        metrics.counter("overlay_kernel_dropped_total") = kernel;
        metrics.counter("overlay_unsent_total") = unsent;
        metrics.gauge("overlay_peers") = static_cast<std::int64_t>(overlay_->peers().size());
        metrics.gauge("overlay_communities") =
            static_cast<std::int64_t>(overlay_->communities().size());
        co_await pipe::sleep_for(host_.io(), 1_s);
    }
}

void NetworkWorker::add_bootstrap() {
    for (const auto& text : bootstrap_settings(host_.settings())) {
        auto address = Endpoint::parse(text);
        if (!address) {
            log::unusual("bootstrap not used address=\"{}\" reason=\"write ADDRESS:PORT, names are "
                         "not looked up\"",
                         text);
            continue;
        }
        if (bootstrap_.insert(*address).second) overlay_->add_bootstrap(monotonic_now(), *address);
    }
    flush_soon();
}

// Our address in the local network is that of the way to the peers that we were told of, else of
// the way out: to an address for documentation, which is as far as any.
void NetworkWorker::find_own_address() {
    for (auto& port : ports_) {
        const bool v6 = port.udp->v6();
        auto towards = *Endpoint::parse(v6 ? "[2001:db8::1]:8090" : "192.0.2.1:8090");
        for (const auto& address : bootstrap_)
            if (address.v6 == v6) towards = address;
        if (auto own = port.udp->local_address(towards)) overlay_->set_own_lan(*own);
    }
}

void NetworkWorker::on_roster() {
    follow_count();
    apply_communities();
    std::uint64_t newest = 0;
    for (const auto& entry : host_.roster())
        if (entry.role == process::Role::Storage) newest = std::max(newest, entry.epoch);
    if (newest == storage_epoch_) return;
    storage_epoch_ = newest;
    if (overlay_) overlay_->storage_restarted();
}

void NetworkWorker::on_settings() {
    if (!overlay_) return;
    auto settings = overlay_settings(host_.settings());
    overlay_->set_intervals(settings.walk_interval, settings.sync_interval);
    add_bootstrap();
}

}  // namespace warren::network
