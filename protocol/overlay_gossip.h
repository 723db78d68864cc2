// Gossip: a new record goes to few neighbours at once, as it is; who accepts it passes it on, once.
// A moment later those neighbours who asked us to be their feeder, unless they were heard of
// meanwhile, are told its id only, and ask for it if they lack it. What still gets lost,
// reconciliation repairs.
//
// Whom to push to: each record gives every pair of neighbours a number, the same on both sides, and
// each side serves the lowest of its own. So a node is chosen about as often as it chooses. About,
// not always: hence the feeders, of whom each node has chosen a few itself.
#pragma once

#include <deque>
#include <unordered_map>

#include "protocol/overlay_hub.h"
#include "protocol/overlay_proofs.h"

namespace warren::protocol {

class Gossip {
public:
    Gossip(Hub& hub, Proofs& proofs);

    // Records of this node. Returns how many neighbours they went to.
    std::size_t push(Nanoseconds now, const CommunityId& community,
                     const std::vector<Bytes>& packets);
    // A record as a datagram, from a partner.
    void on_push(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram);
    void on_offer(Nanoseconds now, const Peer& peer, const CommunityId& community,
                  const RecordOffer& offer);
    // Answers of storage to what on_push() gave it; others are not ours. The community whose set
    // has grown.
    std::optional<CommunityId> stored(Nanoseconds now, Token token,
                                      const std::vector<RecordVerdict>& verdicts);
    void failed(Token token);
    Nanoseconds tick(Nanoseconds now);
    // A record that was fetched because of an offer, and accepted.
    void forward(Nanoseconds now, const CommunityId& community, ByteView packet,
                 const MemberId& except);
    // Offered records to be fetched now.
    struct Want {
        CommunityId community;
        MemberId from;
        std::vector<RecordRef> refs;
    };
    std::vector<Want> take_wants() { return std::exchange(wants_, {}); }

private:
    using Digest = std::uint64_t;  // keyed: nobody can choose what collides
    struct Storing {
        CommunityId community;
        MemberId from;
        Bytes packet;
        Digest record = 0;
    };
    struct News {
        CommunityId community;
        RecordRef ref;
        Digest packet = 0;
        std::vector<MemberId> holders;  // neighbours that have it, as far as we know
    };
    struct Asked {
        RecordRef ref;
        CommunityId community;
        std::vector<MemberId> others;  // who offered it too
    };
    struct Due {
        Nanoseconds at = 0;
        Digest record = 0;
    };
    std::vector<Peer*> ranked(const CommunityId& community, const RecordRef& ref);
    void spread(const CommunityId& community, ByteView packet, const std::vector<Peer*>& to);
    std::size_t pass_on(Nanoseconds now, News news, ByteView packet, std::size_t fan_out);
    void offer_rest(const News& news, std::map<MemberId, std::vector<RecordRef>>& offers);
    void send_offers(const CommunityId& community, const MemberId& to,
                     const std::vector<RecordRef>& refs);
    void ask_others(Nanoseconds now);
    void forget(Digest record);
    void drop(const std::optional<Storing>& storing);

    Hub& hub_;
    Proofs& proofs_;
    DuplicateFilter seen_;   // packets, whatever they are
    DuplicateFilter known_;  // records that were accepted
    Pending<Storing> storing_;
    std::size_t storing_bytes_ = 0;
    std::unordered_map<Digest, News> news_;       // by record; bounded
    std::unordered_map<Digest, Digest> packets_;  // of these: their records
    std::deque<Due> offers_due_, asked_until_;
    std::unordered_map<Digest, Asked> asked_;
    std::vector<Want> wants_;
};

}  // namespace warren::protocol
