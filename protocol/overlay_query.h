// Searching at neighbours. A question goes to few of them, chosen at random, and lives for seconds;
// what comes back is taken from whom it was asked, about communities that both take part in, and
// within bounds of number and bytes. Records travel whole, so that whoever asked can check who
// signed them. Whom we answer, and how often, is bounded too (R-U5). Sans I/O.
#pragma once

#include <map>

#include "protocol/overlay_arrivals.h"
#include "protocol/overlay_hub.h"
#include "protocol/overlay_query_messages.h"

namespace warren::protocol {

// Communities of records in which the two of us are neighbours.
std::vector<CommunityId> shared_with(const Peer& peer);

class Queries {
public:
    static constexpr std::size_t sent_max = 8, peers_max = 20;
    static constexpr Nanoseconds life = 10'000'000'000;

    explicit Queries(Hub& hub);

    struct Wish {
        std::uint64_t ref = 0;  // comes back in QueryAnswered and QueryEnded
        std::string text;
        std::vector<CommunityId> communities;  // none: all
        std::size_t limit = query_limit_max;
        Nanoseconds deadline = 0;  // at most `life` from now
    };
    // How many neighbours are asked. QueryEnded comes by the deadline in any case.
    Result<std::size_t> ask(Nanoseconds now, Wish wish);
    // What a neighbour answered was not signed by its author.
    void forged(Nanoseconds now, const MemberId& member);

    void on_query(Nanoseconds now, Peer& peer, const CommunityId& community, const Query& message);
    void on_answer(Nanoseconds now, const Peer& peer, const SyncRecords& message);
    // Answers of storage to what a neighbour looks for.
    void found(Nanoseconds now, Token token, const FetchedRecords& found);
    void failed(Token token) { (void)serving_.take(token); }
    Nanoseconds tick(Nanoseconds now);

private:
    using QueryId = std::uint64_t;
    struct Asked {  // of one neighbour
        CommunityId via;
        std::uint64_t parts_seen = 0;
        std::size_t records = 0, bytes = 0;
        bool done = false;
    };
    struct Sent {
        Wish wish;
        std::map<MemberId, Asked> asked;
        std::size_t waiting = 0;   // neighbours that are not done
        Nanoseconds again_at = 0;  // when those that said nothing are asked once more
    };
    struct Serving {
        QueryId query = 0;
        MemberId member;
        CommunityId via;
    };

    void send(QueryId id, const Sent& query, const MemberId& member, const CommunityId& via);
    std::vector<Bytes> take(Nanoseconds now, const Peer& peer, const SyncRecords& message,
                            const Wish& wish, Asked& from);
    bool wanted(const Peer& peer, const Wish& wish, ByteView packet);
    void end(std::map<QueryId, Sent>::iterator at);

    Hub& hub_;
    std::map<QueryId, Sent> sent_;
    Assembly assembly_;
    Pending<Serving> serving_;
    std::map<MemberId, TokenBucket> budgets_;  // of who asked lately
};

}  // namespace warren::protocol
