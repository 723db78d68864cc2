// Fetching records from partners, by short ids or by whole ranges. FETCH is the credit: a partner
// may send only what was asked for and no more bytes than the request says; the window slides as
// storage commits. What one partner of a community sends, the others are not asked for.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "protocol/overlay_arrivals.h"
#include "protocol/overlay_gossip.h"
#include "protocol/overlay_hub.h"

namespace warren::protocol {

struct PartnerKey {
    CommunityId community;
    MemberId member;
    auto operator<=>(const PartnerKey&) const = default;
};

inline constexpr Nanoseconds fetch_patience = 500'000'000;  // with an answer, or its next part

class Fetcher {
public:
    Fetcher(Hub& hub, Gossip& gossip, Proofs& proofs);

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
    // Whether it came from this partner in that session, so need not go back there.
    bool came_from(Nanoseconds now, const MemberId& member, std::uint64_t session, ByteView packet);

private:
    struct Job {  // one FETCH datagram; of ids, or of whole ranges
        std::uint64_t session = 0;
        std::vector<Selection> selections;
        Origin origin = Origin::Repair;
        unsigned tries = 0;
        bool begun = false;        // a part of it came: this is the rest
        std::uint32_t behind = 0;  // a rest waits for the answers up to this request
        bool whole() const { return !selections.empty() && selections.front().all > 0; }
        std::size_t credit() const;
        void drop(const std::function<bool(std::uint64_t)>& which);  // ids; and empty selections
    };
    struct Request {
        Job job;
        std::set<std::uint64_t> missing;  // ids
        Arrivals arrivals;                // of whole ranges
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
        std::size_t window = 0;  // of bytes; grows until datagrams are lost
        std::size_t rank = 0;    // among those of its community: where in its jobs it begins
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
        std::vector<FlightKey> flights;  // one each, of those asked for by id
    };

    Line& line_of(const PartnerKey& key);
    void each_line(const CommunityId& community,
                   const std::function<void(const PartnerKey&, Line&)>& visit);
    std::vector<SyncRange> streamed(const PartnerKey& key);
    void want_ids(Line& line, Job job, const std::vector<SyncRange>& streamed);
    void want_ranges(Line& line, Job job, const std::vector<SyncRange>& streamed);
    void claim(const PartnerKey& key, const Job& job);
    static std::optional<std::size_t> next_place(const Line& line);
    static void add_rest(Line& line, Job job);
    void pump(Nanoseconds now, const PartnerKey& key);
    void send(Nanoseconds now, const PartnerKey& key, Line& line, Peer& peer, Job job);
    void finish(Line& line, std::map<std::uint32_t, Request>::iterator at);
    bool asked_for(const Request& request, const CommunityId& community, const RecordRef& ref);
    std::optional<RecordRef> accept(const CommunityId& community, ByteView bytes, Request& request,
                                    Arrived& to);
    Arrived take(Nanoseconds now, const PartnerKey& key, const SyncRecords& message,
                 Request& request);
    void store(Nanoseconds now, const PartnerKey& key, Line& line, const Request& request,
               Arrived arrived);
    void land(const std::vector<FlightKey>& flights);
    void forget_wanted(const Storing& storing, const std::vector<RecordVerdict>& verdicts);
    void settle(Nanoseconds now, const Storing& storing,
                const std::vector<RecordVerdict>& verdicts);

    Hub& hub_;
    Gossip& gossip_;
    Proofs& proofs_;
    Assembly assembly_;
    std::map<PartnerKey, Line> lines_;
    std::set<FlightKey> in_flight_;  // from the asking until storage has answered
    Pending<Storing> storing_;
    DuplicateFilter came_;  // from whom, in which session
    std::uint32_t last_request_ = 0;
};

}  // namespace warren::protocol
