// Missing proofs: a record that storage lets wait lacks the control records that allow it, or that
// forbid it. What it needs is read from its own bytes and asked of the partner that sent it, then
// of others. Equal questions are one, whoever waits for it; what a partner's records make us ask,
// of whom and how often, is bounded, so nobody can turn us against others.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "protocol/overlay_arrivals.h"
#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Proofs {
public:
    explicit Proofs(Hub& hub);

    // Storage said so of a record that this partner sent.
    void waits(Nanoseconds now, const CommunityId& community, ByteView packet,
               const MemberId& from);
    // False: no answer to a question of ours.
    bool on_records(Nanoseconds now, Peer& peer, const CommunityId& community,
                    const SyncRecords& message);
    bool stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts);
    void failed(Nanoseconds now, Token token);
    void judged_again(const CommunityId& community, const JudgedAgain& record);
    void leave(const CommunityId& community);
    Nanoseconds tick(Nanoseconds now);

    std::size_t questions() const { return wanted_.size(); }

private:
    struct Key {
        CommunityId community;
        Bytes question;  // encoded
        auto operator<=>(const Key&) const = default;
    };
    struct Wanted {
        MemberId source;                 // whose record made us ask
        std::set<RecordRef> waiting;     // for the answer; of more we need not know
        std::vector<MemberId> asked;     // in this order
        Nanoseconds due = 0, until = 0;  // the next ask; the end
    };
    struct Request {
        CommunityId community;
        MemberId member;
        std::uint64_t session = 0;
        std::vector<Key> questions;
        std::size_t bytes_left = 0;
        std::uint64_t parts_seen = 0;
        bool complete = false;    // all parts came, or none comes any more
        bool news = false;        // some record was new to us
        std::size_t storing = 0;  // stores without an answer
        Nanoseconds deadline = 0;
    };
    using Requests = std::map<std::uint32_t, Request>;
    using Asks = std::map<std::pair<CommunityId, MemberId>, std::vector<Key>>;

    bool may_ask(Nanoseconds now, const MemberId& source);
    Peer* next_partner(const Key& key, const Wanted& wanted);
    Asks due(Nanoseconds now);
    bool ask(Nanoseconds now, const CommunityId& community, Peer& peer, std::vector<Key> questions);
    std::vector<Bytes> take(Nanoseconds now, const Peer& peer, Request& request,
                            const SyncRecords& message);
    void settle(Nanoseconds now, Requests::iterator at);

    Hub& hub_;
    Assembly assembly_;
    std::map<Key, Wanted> wanted_;
    std::map<MemberId, TokenBucket> sources_;  // questions that a partner's records may raise
    TokenBucket asks_;
    Requests requests_;
    Pending<std::uint32_t> storing_;  // requests
    std::uint32_t last_request_ = 0;
};

}  // namespace warren::protocol
