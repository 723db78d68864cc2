// Fetching records from partners. FETCH is the credit: a partner may send only
// what was asked for and no more bytes than the request says; the window slides as storage commits.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "protocol/overlay_gossip.h"
#include "protocol/overlay_hub.h"

namespace warren::protocol {

struct PartnerKey {
    CommunityId community;
    MemberId member;
    auto operator<=>(const PartnerKey&) const = default;
};

// Puts fragments together again: bounded in bytes and time.
class Assembly {
public:
    std::optional<Bytes> add(Nanoseconds now, const MemberId& from, const Fragment& fragment);
    std::size_t bytes() const { return bytes_; }

private:
    struct Piece {
        std::vector<Bytes> parts;
        std::size_t have = 0, bytes = 0;
        Nanoseconds expires = 0;
    };
    using Key = std::pair<MemberId, RecordRef>;
    void forget(std::map<Key, Piece>::iterator at);

    std::map<Key, Piece> pieces_;
    std::size_t bytes_ = 0;
};

class Fetcher {
public:
    Fetcher(Hub& hub, Gossip& gossip);

    enum class Origin { Repair, News };  // news is passed on when accepted
    void want(Nanoseconds now, const PartnerKey& key, std::uint64_t session,
              const std::vector<Selection>& selections, Origin origin);
    bool busy(const PartnerKey& key) const;
    std::uint64_t take_accepted(const PartnerKey& key);

    void on_records(Nanoseconds now, Peer& peer, const CommunityId& community,
                    const SyncRecords& message);
    void on_offer(Nanoseconds now, Peer& peer, const CommunityId& community,
                  const SyncOffer& message);
    void on_record_offer(Nanoseconds now, Peer& peer, const CommunityId& community,
                         const RecordOffer& message);
    bool stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts);
    void failed(Nanoseconds now, Token token);
    Nanoseconds tick(Nanoseconds now);
    void leave(const CommunityId& community);

private:
    struct Job {  // one FETCH datagram
        std::uint64_t session = 0;
        std::vector<Selection> selections;
        Origin origin = Origin::Repair;
        unsigned tries = 0;
        std::size_t ids() const;
        void drop(const std::function<bool(std::uint64_t)>& which);  // ids; and empty ranges
    };
    struct Request {
        Job job;
        std::set<std::uint64_t> missing;
        std::size_t bytes_max = 0;
        std::uint64_t parts_seen = 0;
        bool got_any = false;
        Nanoseconds deadline = 0;
    };
    using FlightKey = std::pair<std::uint64_t, std::uint64_t>;  // session, short id
    struct Line {  // what we want of one partner in one community
        std::deque<Job> jobs;
        std::set<FlightKey> queued;  // the ids in them
        std::map<std::uint32_t, Request> requests;
        std::size_t reserved = 0, storing = 0, stores = 0;
        std::uint64_t accepted = 0;
    };
    struct Storing {
        PartnerKey key;
        std::size_t bytes = 0;
        std::vector<Bytes> news;  // the packets, when they may have to be passed on
        std::vector<FlightKey> flights;
    };
    struct Arrived {
        std::vector<Bytes> packets;
        std::vector<FlightKey> flights;  // one each
    };

    void enqueue(Line& line, Job job);
    void pump(Nanoseconds now, const PartnerKey& key);
    void send(Nanoseconds now, const PartnerKey& key, Line& line, Peer& peer, Job job);
    void finish(Line& line, std::map<std::uint32_t, Request>::iterator at);
    void store(Nanoseconds now, const PartnerKey& key, Line& line, const Request& request,
               Arrived arrived);
    void land(const std::vector<FlightKey>& flights);
    void settle(Nanoseconds now, const Storing& storing,
                const std::vector<RecordVerdict>& verdicts);

    Hub& hub_;
    Gossip& gossip_;
    Assembly assembly_;
    std::map<PartnerKey, Line> lines_;
    std::set<FlightKey> in_flight_;  // from the asking until storage has answered
    Pending<Storing> storing_;
    std::uint32_t last_request_ = 0;
};

}  // namespace warren::protocol
