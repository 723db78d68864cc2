// One remote peer: the overlay core behind a real UDP socket on loopback, real keys and signatures,
// records in memory or in a shard. Runs on a thread of its own beside what is measured; its CPU is
// told apart.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "bench/peers/record_set.h"
#include "protocol/overlay.h"
#include "tests/support/test_identity.h"
#include "workers/network/udp.h"

namespace warren::bench {

class OverlayPeer {
public:
    explicit OverlayPeer(std::uint64_t seed,
                         protocol::OverlaySettings settings = generous_settings());
    ~OverlayPeer();
    OverlayPeer(const OverlayPeer&) = delete;
    OverlayPeer& operator=(const OverlayPeer&) = delete;

    // What this peer gives is bounded by what it is asked for.
    static protocol::OverlaySettings generous_settings();

    void hold(const CommunityId& community, const std::vector<Bytes>& packets);
    void hold(const CommunityId& community, std::unique_ptr<PeerStore> store);
    void know(const Endpoint& other) { overlay_.add_bootstrap(monotonic_now(), other); }
    // Set before start(), called on the peer's thread: each datagram that leaves (false: it is
    // lost), each session that ends, each time that it holds what the other does.
    std::function<bool(ByteView)> on_send;
    std::function<void(const protocol::SyncEnded&)> on_sync_ended;
    std::function<void()> on_in_sync;
    void start();
    void stop();

    const Endpoint& address() const { return address_; }
    double cpu_seconds() const { return static_cast<double>(cpu_ns_.load()) / 1e9; }
    // After stop().
    const protocol::OverlayCounters& counters() const { return overlay_.counters(); }
    std::uint64_t kernel_dropped() const { return udp_->kernel_dropped(); }

private:
    void run(const std::stop_token& stop);
    void settle();

    void apply(protocol::SendDatagram& effect);
    void apply(protocol::CheckSignature& effect);
    void apply(protocol::SignAndSend& effect);
    void apply(protocol::StoreRecords& effect);
    void apply(protocol::Reconcile& effect);
    void apply(protocol::GetRoot& effect);
    void apply(protocol::FetchRecords& effect);
    void apply(protocol::FindSwarm& effect);
    void apply(protocol::GetProof& effect) { overlay_.failed(monotonic_now(), effect.token); }
    void apply(protocol::AddTorrentPeers&) {}
    void apply(protocol::PeerMet&) {}
    void apply(protocol::PeerLost&) {}
    void apply(protocol::InSync&) {
        if (on_in_sync) on_in_sync();
    }
    void apply(protocol::SyncEnded& effect);
    void apply(protocol::DhtFound&) {}
    void apply(protocol::DhtStored&) {}
    void apply(protocol::DhtPeersFound&) {}
    // Nobody is here to agree with, or to write to.
    void apply(protocol::JudgePair& effect) { overlay_.failed(monotonic_now(), effect.token); }
    void apply(protocol::PairOpened&) {}
    void apply(protocol::PairSettled&) {}
    void apply(protocol::LetterArrived&) {}
    void apply(protocol::LetterDone&) {}
    void apply(protocol::FindRecords& effect) { overlay_.failed(monotonic_now(), effect.token); }
    void apply(protocol::CountSwarms& effect) { overlay_.failed(monotonic_now(), effect.token); }
    void apply(protocol::QueryAnswered&) {}
    void apply(protocol::QueryEnded&) {}
    void apply(protocol::SwarmsCounted&) {}

    SeededRandom random_;
    test::TestIdentity identity_;
    protocol::Overlay overlay_;
    std::map<CommunityId, std::unique_ptr<PeerStore>> stores_;
    std::unique_ptr<network::Udp> udp_;
    Endpoint address_;
    bool blocked_ = false;  // the kernel takes no more datagrams now
    std::atomic<std::int64_t> cpu_ns_ = 0;
    std::jthread thread_;
};

// libsodium's verdict on a packet, key and signature where an IPv8 packet has them.
bool is_valid_packet(ByteView packet);

}  // namespace warren::bench
