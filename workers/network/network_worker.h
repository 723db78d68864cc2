// The network worker: a thin shell around protocol::Overlay. It turns datagrams and answers into
// the overlay's inputs, and its effects into datagrams and requests; it decides nothing itself.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "protocol/overlay.h"
#include "runtime/pipe/worker.h"
#include "workers/network/batches.h"
#include "workers/network/outbox.h"
#include "workers/network/udp.h"

namespace warren::network {

struct SearchPeers {
    std::uint64_t search = 0;
    bool begin = false;
    std::string text;
    std::vector<CommunityId> communities;
    std::size_t limit = 0;
    Nanoseconds patience = 0;
};
struct PeerFound {  // by one neighbour, signatures checked
    MemberId member;
    std::vector<Bytes> packets;
};

class NetworkWorker final : public pipe::Service {
public:
    explicit NetworkWorker(pipe::Host& host);

    pipe::Task<Result<void>> start() override;
    pipe::Task<pipe::Answer> on_request(pipe::Request request) override;
    void on_roster() override;
    void on_settings() override;
    pipe::Task<void> drain() override;

private:
    template <typename Outcome>
    using Wishes = std::map<std::uint64_t, std::shared_ptr<pipe::Promise<Outcome>>>;

    struct PeerSearch;  // one that a user waits for

    struct Port {
        std::unique_ptr<Udp> udp;
        std::unique_ptr<pipe::asio::posix::stream_descriptor> events;
        bool waits_to_write = false;
    };

    // ---- life (network_worker.cpp)
    pipe::Task<void> begin();  // identity, then everything else
    void read(Port& port, int batches_max);
    pipe::Task<void> read_port(std::size_t number);
    pipe::Task<void> write_when_ready(std::size_t number);
    pipe::Task<void> keep_time();
    pipe::Task<void> keep_swarms();
    pipe::Task<void> keep_metrics();
    pipe::Task<void> keep_peers();
    void take_cached_peers(const std::vector<Bytes>& parts);
    pipe::Task<void> save_peers();
    void add_bootstrap();
    void find_own_address();

    // ---- which communities are ours (communities.cpp)
    bool is_mine(const CommunityId& community) const;
    void set_joined(const CommunityId& community, bool joined);
    std::set<CommunityId> all_communities() const;
    bool take_in(Nanoseconds now, ByteView datagram);
    void apply_communities();
    void follow_count();
    pipe::Task<void> settle();
    pipe::Task<bool> list_communities();
    pipe::Task<void> keep_communities(bool listed);

    // ---- effects (effects.cpp)
    void flush_soon();
    void flush();
    void flush_ports();
    void tick_soon();
    void apply(protocol::Effect& effect);
    void send(protocol::SendDatagram& effect);
    void tell(const protocol::PeerMet& event);
    void tell(const protocol::PeerLost& event);
    void tell(const protocol::InSync& event);
    void tell(const protocol::SyncEnded& event);
    pipe::Task<void> sign(protocol::SignAndSend effect);
    pipe::Task<void> reconcile(protocol::Reconcile effect);
    pipe::Task<void> get_root(protocol::GetRoot effect);
    pipe::Task<void> fetch(protocol::FetchRecords effect);
    pipe::Task<void> prove(protocol::GetProof effect);
    pipe::Task<void> find_swarm(protocol::FindSwarm effect);
    pipe::Task<void> judge_pair(protocol::JudgePair effect);
    void tell(std::string_view event, const protocol::PairRow& row);
    void tell(const protocol::LetterArrived& letter);
    pipe::Task<void> add_peers(protocol::AddTorrentPeers effect);
    template <typename Outcome>
    static void fulfil(Wishes<Outcome>& wishes, Outcome& outcome);

    // ---- requests (inbox.cpp)
    pipe::Answer on_push(const CommunityId& community, const std::vector<std::uint16_t>& sizes,
                         const pipe::Message& message);
    pipe::Answer on_waiters_judged(const CommunityId& community,
                                   const std::vector<protocol::JudgedAgain>& records,
                                   const std::vector<Bytes>& let_in);
    pipe::Answer on_community_changed(const CommunityId& community, bool joined);
    pipe::Answer on_list_peers();
    pipe::Answer on_add_peer(const Endpoint& endpoint);
    pipe::Answer on_list_sync();
    pipe::Answer on_get_sync_state(const CommunityId& community);
    pipe::Answer on_get_overlay();

    // ---- direct messages and invitations for users (direct.cpp)
    bool serves(const CommunityId& community) const;
    pipe::Answer on_propose_pair(const CommunityId& community, Nanoseconds patience,
                                 const Bytes& half);
    pipe::Answer on_list_pairs();
    pipe::Answer on_decide_pair(const CommunityId& community, const RecordId& record,
                                protocol::Pairs::Decision decision, const std::string& reason);
    pipe::Task<pipe::Answer> on_send_letter(CommunityId community, MemberId member,
                                            std::string text, Nanoseconds deadline);
    pipe::Task<pipe::Answer> on_check_invitation(Bytes packet);

    // ---- searches among nodes, and what they tell of swarms (searches.cpp)
    Result<std::shared_ptr<PeerSearch>> begin_search(std::uint64_t number,
                                                     protocol::Queries::Wish wish);
    pipe::Task<pipe::Answer> on_search_peers(SearchPeers command, Nanoseconds deadline);
    pipe::Task<void> check_answer(protocol::QueryAnswered answered);
    void end_search(std::uint64_t number);
    pipe::Task<void> find_records(protocol::FindRecords effect);
    pipe::Task<void> count_swarms(protocol::CountSwarms effect);

    // ---- the DHT for users (dht_requests.cpp)
    bool serves_dht() const;
    pipe::Answer on_get_dht();
    pipe::Task<pipe::Answer> on_find_values(protocol::DhtId key, Nanoseconds deadline);
    pipe::Task<pipe::Answer> on_store_value(protocol::DhtId key, Bytes data, bool is_signed,
                                            Nanoseconds deadline);
    pipe::Task<pipe::Answer> on_find_member(MemberId member, Nanoseconds deadline);
    pipe::Task<pipe::Answer> on_import(CommunityId community, std::vector<std::uint16_t> sizes,
                                       Bytes blob);

    pipe::Host& host_;
    Outbox outbox_;
    SystemRandom random_;
    std::unique_ptr<protocol::Overlay> overlay_;  // once the identity is known
    std::unique_ptr<Batches> batches_;
    std::vector<Port> ports_;
    std::set<CommunityId> joined_;    // of the node; this worker serves its share
    std::set<CommunityId> standing_;  // by settings: discovery, DHT
    std::set<Endpoint> bootstrap_;
    std::uint64_t storage_epoch_ = 0;
    std::uint16_t count_ = 1;     // of network workers, as last heard
    Nanoseconds settled_at_ = 0;  // until then it serves what was steered here before, too
    std::size_t signing_ = 0;     // signatures that are on their way
    bool flush_scheduled_ = false;
    Nanoseconds tick_at_ = 0;
    pipe::asio::steady_timer tick_timer_;
    std::optional<Bytes> saved_peers_;  // once the last start's were given back
    std::uint64_t last_wish_ = 0;
    Wishes<protocol::DhtFound> finds_;  // users that wait for the DHT
    Wishes<protocol::DhtStored> stores_;
    Wishes<protocol::DhtPeersFound> member_finds_;
    Wishes<protocol::LetterDone> letters_;
    std::map<std::uint64_t, std::shared_ptr<PeerSearch>> searches_;  // by the asker's number
};

}  // namespace warren::network
