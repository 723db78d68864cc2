// The overlay of one network worker, sans I/O: all its communities, peers, walk, gossip and sync as
// one state machine. It owns no socket, clock or random source: inputs carry the time, effects say
// what to do. The shell calls take_effects() after each input (or each batch of inputs).
#pragma once

#include <vector>

#include "protocol/dht.h"
#include "protocol/discovery.h"
#include "protocol/letters.h"
#include "protocol/overlay_fetch.h"
#include "protocol/overlay_gossip.h"
#include "protocol/overlay_hub.h"
#include "protocol/overlay_proofs.h"
#include "protocol/overlay_query.h"
#include "protocol/overlay_serve.h"
#include "protocol/overlay_swarm_counts.h"
#include "protocol/overlay_swarms.h"
#include "protocol/overlay_sync.h"
#include "protocol/pairs.h"
#include "protocol/tracker.h"
#include "protocol/walk.h"

namespace warren::protocol {

class Overlay {
public:
    Overlay(const PublicKey& own_key, OverlaySettings settings, Random& random);
    Overlay(const Overlay&) = delete;
    Overlay& operator=(const Overlay&) = delete;

    // ---- from outside
    void datagram(Nanoseconds now, const Endpoint& from, ByteView bytes);
    Nanoseconds tick(Nanoseconds now);  // when it wants the next one, at the latest

    // ---- answers to effects; failed(): there will be none
    void signature_result(Nanoseconds now, Token token, bool valid);
    void signed_bytes(Nanoseconds now, Token token, const Signature& signature);
    void stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts);
    void reconciled(Nanoseconds now, Token token, const Synchroniser::Outcome& outcome);
    void root(Nanoseconds now, Token token, const CommunityRoot& root);
    void fetched(Nanoseconds now, Token token, const FetchedRecords& fetched);
    void pair_judged(Nanoseconds now, Token token, const PairJudgement& judgement);
    void found(Nanoseconds now, Token token, const FetchedRecords& found);
    void counted(Token token, std::vector<SwarmCount> swarms);
    void have_swarms(Token token, std::uint32_t bitmap, std::uint16_t port);
    void failed(Nanoseconds now, Token token);

    // ---- commands
    // What may change while running: the intervals.
    void set_intervals(Nanoseconds walk, Nanoseconds sync);
    void join(Nanoseconds now, const CommunityId& community);
    void leave(const CommunityId& community);
    void add_bootstrap(Nanoseconds now, const Endpoint& address);
    // Our address in the local network, one of each family.
    void set_own_lan(const Endpoint& address);
    // Proven peers, to be given back at the next start: `cached_peers_max` of them at most.
    std::vector<CachedPeer> cached_peers() const { return walk_.cached_peers(cached_peers_max); }
    void add_cached_peers(Nanoseconds now, const std::vector<CachedPeer>& peers);
    // Records of this node, just committed. Returns how many neighbours they went to.
    std::size_t push(Nanoseconds now, const CommunityId& community,
                     const std::vector<Bytes>& packets);
    // Records that waited were judged again; those let in now that came as news are passed on.
    void judged_again(Nanoseconds now, const CommunityId& community,
                      const std::vector<JudgedAgain>& records, const std::vector<Bytes>& let_in);
    // Storage started again: what it had not synced may be gone.
    void storage_restarted();
    void wanted_swarms(Nanoseconds now, const std::vector<Infohash>& infohashes);

    // All communities of the node, also those that other workers serve: told to peers.
    void set_node_communities(std::vector<CommunityId> communities) {
        discovery_.set_communities(std::move(communities));
    }
    Dht& dht() { return dht_; }  // its commands; answered by effects
    Pairs& pairs() { return pairs_; }
    Letters& letters() { return letters_; }
    Queries& queries() { return queries_; }

    std::vector<Effect> take_effects() { return std::exchange(hub_.effects, {}); }
    bool has_effects() const { return !hub_.effects.empty(); }
    const OverlayCounters& counters() const { return hub_.counters; }
    const Tracker* tracker() const { return tracker_ ? &*tracker_ : nullptr; }

    // ---- for people
    std::map<MemberId, Peer>& peers() { return hub_.peers.all(); }
    const std::map<CommunityId, CommunityState>& communities() const { return hub_.communities; }
    struct SyncOverview {
        std::size_t peers = 0, peers_in_sync = 0;
    };
    SyncOverview sync_overview(const CommunityId& community);
    std::size_t neighbours(const CommunityId& community) const {
        return hub_.peers.count_of(community);
    }
    const OwnAddresses& own_addresses() const { return walk_.own(); }

private:
    void partner_message(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram);
    void fetch_offered(Nanoseconds now);
    void direct_message(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram);

    Hub hub_;
    Proofs proofs_;
    Gossip gossip_;
    Fetcher fetcher_;
    Serving serving_;
    Synchroniser sync_;
    Swarms swarms_;
    Queries queries_;
    SwarmGossip swarm_gossip_;
    Pairs pairs_;
    Letters letters_;
    Walk walk_;
    std::optional<Tracker> tracker_;  // in bootstrap mode
    Discovery discovery_;
    Dht dht_;
    SourceBudget sources_;
};

}  // namespace warren::protocol
