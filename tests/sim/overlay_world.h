// A simulated network of overlay cores: virtual time, the network of internet.h, stores in memory.
// Nodes come, leave, crash and sleep; scripts stand for hostile peers. Everything follows from the
// seed: the same one gives the same events in the same order (event_hash).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/overlay.h"
#include "tests/sim/internet.h"
#include "tests/sim/memory_store.h"

namespace warren::sim {

using protocol::Overlay;
using protocol::OverlaySettings;
using protocol::Peer;

// Tables of a size that suits a thousand nodes in one process; else as a real node has it.
OverlaySettings simulated_settings();

class World {
public:
    struct Node {
        explicit Node(std::uint64_t seed) : random(seed), key(make_key(random)) {}

        HostId host = 0;
        Endpoint address;  // its own view; behind a NAT box nobody else has it
        SeededRandom random;
        PublicKey key;
        OverlaySettings settings;
        std::unique_ptr<Overlay> overlay;  // null: it left
        std::map<CommunityId, MemoryStore> stores;
        std::map<Infohash, std::uint16_t> swarms;
        std::map<Infohash, std::set<Endpoint>> torrent_peers;
        std::string pair_refusal;  // what its storage says to records of two members
        std::vector<protocol::PairRow> pairs_opened, pairs_settled;
        std::vector<protocol::LetterArrived> letters;
        std::vector<protocol::LetterDone> letters_done;
        std::function<std::vector<Bytes>(const protocol::FindRecords&)> search;  // its storage's
        std::map<CommunityId, std::vector<protocol::SwarmCount>> own_counts;
        std::vector<protocol::QueryAnswered> answers;
        std::vector<protocol::QueryEnded> queries_ended;
        std::vector<protocol::SwarmsCounted> counts_heard;
        Nanoseconds joined = 0;
        Nanoseconds leap = 0;  // its clock is so far ahead of the world's
        Nanoseconds next_tick = 0;
        Nanoseconds asleep_until = 0;
        std::uint64_t life = 0;  // grows with each restart: answers to a former life are lost
    };
    struct Sessions {
        CommunityId community;
        Nanoseconds mean = 0;  // of an exponential distribution
        std::size_t population = 0;
        std::function<Endpoint()> bootstrap;  // what a newcomer is told
    };

    World(std::uint64_t seed, Weather weather, OverlaySettings settings = simulated_settings());

    // ---- nodes
    Node& add_node(const Place& place = {});
    void join(Node& node, const CommunityId& community);
    void join(Node& node, const CommunityId& community, const Endpoint& bootstrap);
    void restart(Node& node);                 // a crash: the store stays, the overlay forgets all
    void leave(Node& node);                   // for good, without a word
    void doze(Node& node, Nanoseconds span);  // hears nothing, then its clock has gone on
    void leap(Node& node, Nanoseconds by);    // its monotonic clock jumps
    // Makes `count` records of `payload_bytes` each, stores and pushes them.
    void publish(Node& node, const CommunityId& community, std::size_t count,
                 std::size_t payload_bytes);
    // Keeps a population up: whoever's session ends leaves, and a new node comes.
    void churn(const Sessions& sessions);
    void drain(Node& node);  // after a direct call to a node's overlay

    // ---- time and network
    Internet& internet() { return internet_; }
    void inject(const Endpoint& from, const Endpoint& to, Bytes bytes) {
        internet_.inject(from, to, std::move(bytes));
    }
    void after(Nanoseconds delay, std::function<void()> what) {
        queue_.after(delay, std::move(what));
    }
    void run_for(Nanoseconds time) { queue_.run_for(time); }
    bool run_until(Nanoseconds time, const std::function<bool()>& condition);
    Nanoseconds now() const { return queue_.now(); }
    std::uint64_t events() const { return queue_.done(); }
    std::uint64_t event_hash() const { return hash_; }
    SeededRandom& random() { return random_; }

    // ---- what is true now
    std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
    std::vector<Peer*> verified(Node& node, const CommunityId& community) const;
    // Those of them that are still there: the others left, and the node does not know it yet.
    std::size_t present(Node& node, const CommunityId& community) const;
    bool knows(Node& node, const Node& other, const CommunityId& community) const;
    bool all_equal(const CommunityId& community, std::size_t count);
    std::string report() const;  // of each node's counters

    // Every datagram that leaves a node, before loss. False: it is lost.
    std::function<bool(const Node& from, const Endpoint& to, ByteView bytes)> on_send;

private:
    void mix(std::uint64_t value);
    void deliver(HostId to, const Endpoint& from, const Bytes& bytes);
    void tick_soon(Node& node, Nanoseconds when);
    void wake_up(Node& node);
    void newcomer(const Sessions& sessions);
    Nanoseconds time_of(const Node& node) const { return now() + node.leap; }

    // ---- effects (overlay_effects.cpp)
    using Answer = std::function<void(Overlay&, Nanoseconds now)>;
    void answer(Node& node, Nanoseconds delay, Answer what);
    void apply(Node& node, protocol::SendDatagram& effect);
    void apply(Node& node, protocol::CheckSignature& effect);
    void apply(Node& node, protocol::SignAndSend& effect);
    void apply(Node& node, protocol::StoreRecords& effect);
    void apply(Node& node, protocol::Reconcile& effect);
    void apply(Node& node, protocol::GetRoot& effect);
    void apply(Node& node, protocol::FetchRecords& effect);
    void apply(Node& node, protocol::GetProof& effect);
    void apply(Node& node, protocol::FindSwarm& effect);
    void apply(Node& node, protocol::AddTorrentPeers& effect);
    void apply(Node& node, protocol::JudgePair& effect);
    void apply(Node& node, protocol::FindRecords& effect);
    void apply(Node& node, protocol::CountSwarms& effect);
    void apply(Node& node, protocol::QueryAnswered& effect) { node.answers.push_back(effect); }
    void apply(Node& node, protocol::QueryEnded& effect) { node.queries_ended.push_back(effect); }
    void apply(Node& node, protocol::SwarmsCounted& effect) { node.counts_heard.push_back(effect); }
    void apply(Node& node, protocol::PairOpened& effect) {
        node.pairs_opened.push_back(effect.row);
    }
    void apply(Node& node, protocol::PairSettled& effect) {
        node.pairs_settled.push_back(effect.row);
    }
    void apply(Node& node, protocol::LetterArrived& effect) { node.letters.push_back(effect); }
    void apply(Node& node, protocol::LetterDone& effect) { node.letters_done.push_back(effect); }
    // Facts for people; whatever waits for an answer has a token and a function above.
    template <typename Fact>
    requires(!requires(Fact & fact) { fact.token; }) void apply(Node&, Fact&) {}

    SeededRandom random_;
    EventQueue queue_;
    Internet internet_;
    OverlaySettings settings_;
    std::uint64_t hash_ = 0;
    std::vector<std::unique_ptr<Node>> nodes_;  // by HostId
    std::map<MemberId, Node*> members_;
};

}  // namespace warren::sim
