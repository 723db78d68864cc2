// Serving: partners ask for records, and for proofs, and get them in turns, so that one who asks
// for much has no more than the rest (R-U5). Each has a bounded queue of what it asked for; few
// questions are with storage at a time. Who is no partner is not served at all.
#pragma once

#include <deque>
#include <map>

#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Fetcher;

class Serving {
public:
    Serving(Hub& hub, Fetcher& fetcher);

    void on_fetch(Nanoseconds now, Peer& peer, const CommunityId& community,
                  const SyncFetch& message);
    void on_proof_request(Nanoseconds now, Peer& peer, const CommunityId& community,
                          const ProofRequest& message);
    void fetched(Nanoseconds now, Token token, const FetchedRecords& fetched);
    void failed(Nanoseconds now, Token token);
    void tick(Nanoseconds now);

private:
    struct Question {
        CommunityId community;
        std::uint64_t session = 0;
        std::uint32_t request = 0;
        bool proof = false;  // `wanted`: questions about rights, else selections
        Bytes wanted;
        std::uint32_t bytes_max = 0;  // of the answer
        bool echoes = false;          // all of ranges in which both sides lack a part
    };
    struct Line {  // of one partner
        std::deque<Question> queue;
        std::size_t bytes = 0;  // what the queue's answers may have
        std::size_t asked = 0;  // questions that are with storage
    };
    struct Asked {
        MemberId member;
        CommunityId community;
        std::uint64_t session = 0;
        std::uint32_t request = 0;
        std::uint32_t bytes_max = 0;
        bool echoes = false;
    };
    void queue(Nanoseconds now, Peer& peer, Question question);
    void serve(Nanoseconds now);
    void ask(Nanoseconds now, const MemberId& member, Line& line);
    void settle(Nanoseconds now, const MemberId& member);

    FetchedRecords without_theirs(Nanoseconds now, const Asked& asked,
                                  const FetchedRecords& fetched);

    Hub& hub_;
    Fetcher& fetcher_;
    std::map<MemberId, Line> lines_;
    std::deque<MemberId> turns_;  // of those whose queue is not empty
    Pending<Asked> asked_;
};

}  // namespace warren::protocol
