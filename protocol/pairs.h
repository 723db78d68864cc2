// Getting a record of two members signed by the second one. The first has signed and asks, again
// and again until an answer or his deadline; the second's node lets storage judge the record, asks
// its user, and answers when he did. Nobody waits for the other: what was asked and what is to be
// answered are rows of bounded tables in memory. What is lost, on the way or in a crash, is
// asked again; what was signed is a record like any other and comes by gossip too. Sans I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/direct_messages.h"
#include "protocol/overlay_arrivals.h"
#include "protocol/overlay_gossip.h"
#include "protocol/record.h"

namespace warren::protocol {

class Pairs {
public:
    Pairs(Hub& hub, Gossip& gossip);

    // ---- of this node's user
    // `half`: what encode_unsigned() gave, and this node's signature. A request that is there
    // already stays as it is.
    Result<void> propose(Nanoseconds now, ByteView half, Nanoseconds deadline);
    enum class Decision { Accept, Refuse };
    Result<void> decide(Nanoseconds now, const RecordId& id, Decision decision,
                        std::string_view reason = {});
    std::vector<PairRow> rows(Nanoseconds now) const;  // open ones, and those that ended lately

    // ---- from partners, and answers to effects
    void on_request(Nanoseconds now, Peer& peer, const CommunityId& community,
                    const PairRequest& message);
    void on_reply(Nanoseconds now, Peer& peer, const PairReply& message);
    void signature_result(Nanoseconds now, Token token, bool valid);
    void judged(Nanoseconds now, Token token, const PairJudgement& judgement);
    bool stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts);
    void failed(Nanoseconds now, Token token);
    Nanoseconds tick(Nanoseconds now);
    void leave(const CommunityId& community);

    static constexpr std::size_t table_max = 128, of_one_member_max = 8;

private:
    struct Row {
        PairRow row;
        Bytes half;
        std::uint64_t cookie = 0;
        Nanoseconds deadline = 0;
        Nanoseconds next_try = 0;
        bool busy = false;  // an effect is under way
    };
    struct Asked : Row {  // by us
        Nanoseconds interval = 0;
        Bytes whole;  // once it was answered
    };
    struct AskedOfUs : Row {
        bool approved = false;
        Signature signature;
    };

    void ask(Nanoseconds now, Asked& row);
    void judge(Nanoseconds now, AskedOfUs& row);
    void not_stored(const RecordId& id);
    void not_judged(Nanoseconds now, const RecordId& id);
    void refuse(const CommunityId& community, const Peer& peer, const PairRequest& message,
                std::string_view reason);
    void reply(const AskedOfUs& row);
    void settle(Nanoseconds now, Row& row, PairState state, std::string_view reason);
    void expire(Nanoseconds now, Row& row);

    Hub& hub_;
    Gossip& gossip_;
    Assembly assembly_;
    std::map<RecordId, Asked> asked_;
    std::map<RecordId, AskedOfUs> asked_of_us_;
    Pending<RecordId> storing_, checking_, judging_;
};

}  // namespace warren::protocol
