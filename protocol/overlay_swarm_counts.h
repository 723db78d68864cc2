// How alive torrents are, passed among neighbours: every few seconds one of them is told some of
// the swarms of a community of ours that this node counted itself. What we hear is not passed on,
// so nobody can speak for others. Sans I/O.
#pragma once

#include <map>

#include "protocol/overlay_hub.h"
#include "protocol/overlay_query_messages.h"

namespace warren::protocol {

class SwarmGossip {
public:
    explicit SwarmGossip(Hub& hub);

    void on_counts(Nanoseconds now, const Peer& peer, const CommunityId& community,
                   SwarmCounts message);
    // Answers of storage to CountSwarms.
    void counted(Token token, std::vector<SwarmCount> swarms);
    void failed(Token token) { (void)asked_.take(token); }
    Nanoseconds tick(Nanoseconds now);

    static constexpr Nanoseconds interval = 5'000'000'000;

private:
    struct Asked {
        CommunityId community;
        MemberId member;
    };
    void choose(Nanoseconds now);

    Hub& hub_;
    Nanoseconds next_ = 0;
    Pending<Asked> asked_;
    std::map<MemberId, TokenBucket> budgets_;  // of who told us lately
};

}  // namespace warren::protocol
